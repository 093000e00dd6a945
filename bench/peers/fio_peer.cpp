// One fio process per measurement; see fio_peer.h.
#include "bench/peers/fio_peer.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/peers/run_tool.h"

namespace vhdlab::peers {
namespace {

class FioPeer final : public Peer {
 public:
  explicit FioPeer(std::string raw_path) : raw_path_(std::move(raw_path)) {}

  std::string_view name() const override { return "fio"; }
  Result<void> build(const DiskShape& shape) override {
    shape_ = shape;
    return {};
  }
  Result<void> check(uint32_t) override { return {}; }
  std::vector<std::string> files(uint32_t) const override { return {raw_path_}; }

  Result<double> read(const ReadWork& work) override {
    const bool threads = work.io == IoKind::psync;
    const std::string engine = threads ? "psync" : work.io == IoKind::mapped ? "mmap" : "io_uring";
    std::vector<std::string> words = {
        "fio",
        "--name=read",
        "--readonly",
        "--filename=" + raw_path_,
        work.order == ReadOrder::sequential ? "--rw=read" : "--rw=randread",
        "--bs=" + std::to_string(work.request_bytes),
        "--ioengine=" + engine,
        fmt::format("--direct={}", work.direct ? 1 : 0),
        "--norandommap",
        "--randrepeat=1",
        "--invalidate=0",
        "--thread",
        "--time_based",
        "--group_reporting",
        fmt::format("--runtime={}ms",
                    std::chrono::duration_cast<std::chrono::milliseconds>(work.duration).count()),
        fmt::format("--size={}", shape_.disk_bytes),
        fmt::format("--{}={}", threads ? "numjobs" : "iodepth", work.queue_depth),
        "--output-format=json"};
    const ToolRun run = TRY(run_tool(words));
    const size_t begin = run.output.find('{');
    const auto result =
        nlohmann::json::parse(begin == std::string::npos ? "" : run.output.substr(begin), nullptr, false);
    if (result.is_object() && result.contains("jobs") && !result["jobs"].empty()) {
      const double rate = result["jobs"][0]["read"].value("iops", 0.0);
      if (rate > 0) return rate;
    }
    return failure(ErrorKind::unsupported, "peer-io-unsupported",
                   "fio measured nothing: " + run.output.substr(0, 400));
  }

 private:
  std::string raw_path_;
  DiskShape shape_;
};

}  // namespace

std::unique_ptr<Peer> make_fio_peer(const std::string& raw_path) {
  return std::make_unique<FioPeer>(raw_path);
}

}  // namespace vhdlab::peers
