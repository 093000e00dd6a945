// qemu-img and qemu-io, one process per task; see qemu_peer.h.
#include "bench/peers/qemu_peer.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>

#include <fmt/format.h>

#include "bench/peers/read_loop.h"
#include "bench/peers/run_tool.h"
#include "engine/base/random.h"

namespace vhdlab::peers {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t checked_places = 32;

// qemu-img bench counts requests: few to begin with, then as many as the rate
// before would do in the time.
constexpr uint64_t first_count = 64;
constexpr uint64_t count_max = 100'000'000;

std::string write_command(uint64_t offset, uint64_t length, uint8_t content) {
  return fmt::format("write -q -P {} {} {}", content, offset, length);
}

class QemuPeer final : public Peer {
 public:
  QemuPeer(std::string folder, std::string raw_path, uint32_t depth_limit)
      : folder_(std::move(folder)), raw_path_(std::move(raw_path)), depth_limit_(depth_limit) {}

  std::string_view name() const override { return "qemu"; }

  std::vector<std::string> files(uint32_t depth) const override {
    if (depth == depth_raw) return {raw_path_};
    std::vector<std::string> paths;
    for (uint32_t layer = 0; layer <= depth; ++layer)
      paths.push_back(qemu_leaf(folder_, layer));
    return paths;
  }

  Result<void> build(const DiskShape& shape) override {
    shape_ = shape;
    const uint32_t deepest = std::min(shape.depth_max, depth_limit_);
    for (uint32_t layer = 0; layer <= deepest; ++layer) {
      if (fs::exists(qemu_leaf(folder_, layer))) continue;
      // Made under another name, so that a build that was cut off is seen.
      const std::string unfinished = qemu_leaf(folder_, layer) + ".new";
      TRY(build_layer(unfinished, layer));
      fs::rename(unfinished, qemu_leaf(folder_, layer));
    }
    return {};
  }

  Result<void> check(uint32_t depth) override {
    std::vector<std::string> words = {"qemu-io", "-r", "-f", "qcow2"};
    SeededRandom places(shape_.seed);
    for (uint32_t i = 0; i < checked_places; ++i) {
      const uint64_t offset = places.next_u64() % (shape_.disk_bytes / 4096) * 4096;
      words.emplace_back("-c");
      words.push_back(fmt::format("read -q -P {} {} 4096", expected_content(shape_, depth, offset), offset));
    }
    words.push_back(qemu_leaf(folder_, depth));
    const ToolRun run = TRY(run_tool(words));
    if (run.output.find("Pattern verification failed") == std::string::npos) return {};
    return failure(ErrorKind::wrong_data, "peer-wrong-data",
                   fmt::format("qemu at depth {}: {}", depth, run.output));
  }

  Result<double> read(const ReadWork& work) override {
    if (work.order == ReadOrder::random || work.io == IoKind::mapped) {
      return failure(ErrorKind::unsupported, "peer-io-unsupported", "qemu-img bench has no such reads");
    }
    const std::string key = fmt::format("{} {} {} {} {}", work.depth, work.direct, work.queue_depth,
                                        work.request_bytes, io_name(work.io));
    double& known_rate = rates_[key];
    if (known_rate == 0) known_rate = TRY(bench(work, first_count));
    const double wanted = known_rate * std::chrono::duration<double>(work.duration).count();
    known_rate = TRY(bench(work, std::clamp(static_cast<uint64_t>(wanted), first_count, count_max)));
    return known_rate;
  }

 private:
  Result<void> build_layer(const std::string& path, uint32_t layer) {
    std::vector<std::string> create = {"qemu-img", "create", "-q", "-f", "qcow2"};
    if (layer == 0) {
      create.insert(create.end(), {"-o", fmt::format("cluster_size={}", shape_.base_block_bytes)});
    } else {
      // -u: the parent is taken on trust, since opening it would open the whole
      // chain for each new layer.
      create.insert(create.end(),
                    {"-u", "-o", fmt::format("cluster_size={}", shape_.write_bytes), "-F", "qcow2", "-b",
                     fs::path(qemu_leaf(folder_, layer - 1)).filename().string()});
    }
    create.insert(create.end(), {path, std::to_string(shape_.disk_bytes)});
    TRY(run_tool(create));

    // Whole clusters need nothing from below, so the layer is opened alone.
    std::vector<std::string> write = {"qemu-io", "-t", "unsafe", "--image-opts"};
    auto add = [&](uint64_t offset, uint64_t length, uint8_t content) {
      write.emplace_back("-c");
      write.push_back(write_command(offset, length, content));
    };
    if (layer == 0) {
      for (uint64_t offset = 0; offset < shape_.disk_bytes; offset += shape_.base_block_bytes)
        add(offset, shape_.base_block_bytes, base_content(shape_, offset));
    } else {
      for (uint32_t number = 0; number < shape_.writes_per_layer; ++number) {
        const ShapeWrite one = write_of(shape_, layer, number);
        add(one.offset, shape_.write_bytes, one.content);
      }
    }
    write.push_back(
        fmt::format("driver=qcow2,file.driver=file,file.filename={}{}", path, layer == 0 ? "" : ",backing="));
    TRY(run_tool(write));
    return {};
  }

  Result<double> bench(const ReadWork& work, uint64_t count) {
    const uint64_t blocks = shape_.disk_bytes / work.request_bytes;
    const uint64_t step = work.order == ReadOrder::scattered ? scattered_step(blocks) : 1;
    const bool raw = work.depth == depth_raw;
    const std::string aio = work.io == IoKind::io_uring ? "io_uring" : work.direct ? "native" : "threads";
    const ToolRun run = TRY(
        run_tool({"qemu-img", "bench", "-U", "-f", raw ? "raw" : "qcow2", "-t",
                  work.direct ? "none" : "writeback", "-i", aio, "-d", std::to_string(work.queue_depth), "-s",
                  std::to_string(work.request_bytes), "-S", std::to_string(step * work.request_bytes), "-c",
                  std::to_string(count), raw ? raw_path_ : qemu_leaf(folder_, work.depth)}));
    return static_cast<double>(count) / TRY(qemu_bench_seconds(run.output));
  }

  std::string folder_;
  std::string raw_path_;
  uint32_t depth_limit_;
  DiskShape shape_;
  std::map<std::string, double> rates_;  // of each kind of read, from the last time
};

}  // namespace

std::string qemu_leaf(const std::string& folder, uint32_t depth) {
  return (fs::path(folder) / (depth == 0 ? "base.qcow2" : fmt::format("layer{}.qcow2", depth))).string();
}

Result<double> qemu_bench_seconds(const std::string& output) {
  constexpr std::string_view before = "Run completed in ";
  const size_t found = output.rfind(before);
  double seconds = 0;
  if (found != std::string::npos) {
    const char* first = output.data() + found + before.size();
    std::from_chars(first, output.data() + output.size(), seconds);
  }
  // Three decimals are printed: below a millisecond nothing can be said.
  if (seconds > 0) return seconds;
  if (found != std::string::npos) return 0.0005;
  return failure(ErrorKind::unsupported, "peer-tool-output", "qemu-img bench printed: " + output);
}

std::unique_ptr<Peer> make_qemu_peer(const std::string& folder, const std::string& raw_path,
                                     uint32_t depth_limit) {
  return std::make_unique<QemuPeer>(folder, raw_path, depth_limit);
}

}  // namespace vhdlab::peers
