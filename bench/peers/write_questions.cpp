// First writes: random 4 KiB, 32 in flight, direct, a flush after every 1,000,
// into a disk that has no block yet, against a plain file whose space was laid
// out before. Every round begins with new files. The plain file is written by
// the same loop, as a raw disk, so that making up content and keeping count
// weigh the same on both.
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>

#include "bench/peers/qemu_peer.h"
#include "bench/peers/questions.h"
#include "bench/peers/read_loop.h"
#include "bench/peers/run_tool.h"
#include "engine/base/random.h"
#include "engine/chain/chain_open.h"
#include "engine/io/counted_file_system.h"
#include "engine/io/file_descriptor.h"
#include "engine/io/posix_file_system.h"
#include "engine/io/system_failure.h"
#include "scenarios/targets/perform.h"
#include "scenarios/workload/content_ledger.h"
#include "scenarios/workload/pattern_stream.h"

namespace vhdlab::peers {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t write_bytes = 4096;
constexpr uint32_t queue_depth = 32;
constexpr uint64_t flush_every = 1000;

Result<Measured> write_to(FileSystem& files, const std::string& path, DiskFormat format, scenarios::IoKind io,
                          const Bench& bench) {
  CountedFileSystem counted(files);
  SeededRandom random(9);
  const auto stream = TRY(scenarios::make_pattern_stream({.pattern = scenarios::AccessPattern::random,
                                                          .range = {0, bench.shape.disk_bytes},
                                                          .block_size_bytes = write_bytes,
                                                          .read_percentage = 0,
                                                          .flush_every = flush_every,
                                                          .operations = bench.first_writes},
                                                         scenarios::stream_seeds(bench.shape.seed, 2)));
  Chain chain = TRY(open_chain(
      counted, path, {.mode = OpenMode::read_write, .cache = CacheMode::direct, .format = format}, random));
  scenarios::ContentLedger ledger(bench.shape.disk_bytes);
  const auto done =
      TRY(scenarios::perform_on_chain(chain, *stream, {bench.shape.seed, 1, ledger},
                                      {.queue_depth = queue_depth, .io = io, .direct = true}, {}, {}));
  TRY(chain.close());
  return Measured{.value = static_cast<double>(done.outcome.writes.operations) / done.outcome.duration_s,
                  .note = fmt::format("{} flushes", counted.counters(path).flushes)};
}

Result<Measured> write_fresh_disk(const Bench& bench, scenarios::IoKind io) {
  PosixFileSystem files;
  SeededRandom random(10);
  const std::string path = (fs::path(bench.work_folder) / "fresh.vhdx").string();
  fs::remove(path);
  TRY(create_disk(
      files, path,
      {.disk_size_bytes = bench.shape.disk_bytes, .block_size_bytes = bench.shape.base_block_bytes}, random));
  return write_to(files, path, DiskFormat::automatic, io, bench);
}

// What the file system has for a plain file before the first write: nothing (as for a fresh dynamic disk),
// its space, or space that was written once, so that there is nothing left to note down.
enum class Space { holes, laid_out, written };

Result<std::string> make_plain_file(const Bench& bench, Space space) {
  const std::string path = (fs::path(bench.work_folder) / "fresh.raw").string();
  fs::remove(path);
  const FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!file.is_open()) return system_failure(path, "create", errno);
  const auto size = static_cast<off_t>(bench.shape.disk_bytes);
  if (space == Space::holes && ::ftruncate(file.number(), size) != 0)
    return system_failure(path, "resize", errno);
  if (space != Space::holes) {
    if (const int error = ::posix_fallocate(file.number(), 0, size); error != 0)
      return system_failure(path, "lay out", error);
  }
  if (space == Space::written) {
    std::vector<std::byte> block(mib, std::byte{0x5a});
    for (uint64_t offset = 0; offset < bench.shape.disk_bytes; offset += block.size()) {
      if (::pwrite(file.number(), block.data(), block.size(), static_cast<off_t>(offset)) < 0)
        return system_failure(path, "write", errno);
    }
  }
  ::fdatasync(file.number());
  return path;
}

Result<Measured> write_plain(const Bench& bench, scenarios::IoKind io, Space space) {
  PosixFileSystem files;
  const std::string path = TRY(make_plain_file(bench, space));
  return write_to(files, path, DiskFormat::raw, io, bench);
}

Result<Measured> write_by_qemu(const Bench& bench, const std::string& format) {
  std::string path = (fs::path(bench.work_folder) / ("fresh." + format)).string();
  if (format == "raw") {
    path = TRY(make_plain_file(bench, Space::laid_out));
  } else {
    fs::remove(path);
    const std::string options = format == "vhdx" ? fmt::format("block_size={}", bench.shape.base_block_bytes)
                                                 : fmt::format("cluster_size={}", bench.shape.write_bytes);
    TRY(run_tool({"qemu-img", "create", "-q", "-f", format, "-o", options, path,
                  std::to_string(bench.shape.disk_bytes)}));
  }
  const uint64_t step = scattered_step(bench.shape.disk_bytes / write_bytes) * write_bytes;
  const ToolRun run = TRY(run_tool({"qemu-img", "bench", "-w", "-f", format, "-t", "none", "-i", "native",
                                    "-d", std::to_string(queue_depth), "-s", std::to_string(write_bytes),
                                    "-S", std::to_string(step), "-c", std::to_string(bench.first_writes),
                                    fmt::format("--flush-interval={}", flush_every), path}));
  return Measured{.value = static_cast<double>(bench.first_writes) / TRY(qemu_bench_seconds(run.output)),
                  .note = {}};
}

}  // namespace

Question first_writes(Bench& bench) {
  Question question{.name = "first-writes", .lanes = {}, .rules = {}};
  for (const auto& [io, name] : {std::pair{scenarios::IoKind::psync, std::string("psync")},
                                 std::pair{scenarios::IoKind::io_uring, std::string("io_uring")}}) {
    question.lanes.push_back({"vhdlab " + name, [&bench, io] { return write_fresh_disk(bench, io); }, {}});
    for (const auto& [space, prefix] :
         {std::pair{Space::laid_out, "laid out "}, std::pair{Space::written, "written "},
          std::pair{Space::holes, "holes "}}) {
      question.lanes.push_back(
          {prefix + name, [&bench, io, space] { return write_plain(bench, io, space); }, {}});
    }
    question.rules.push_back(
        {.name = "first-writes-" + name,
         .what = "first writes, random 4 KiB, " + name +
                 ", queue depth 32, direct, flush every 1,000, fresh dynamic disk / plain file "
                 "laid out before",
         .numerator = "vhdlab " + name,
         .denominator = "laid out " + name,
         .reach = 0.75,
         .qemu = "qemu-first-writes"});
    question.rules.push_back(
        {.name = "first-writes-written-" + name,
         .what = "the same, " + name + " / plain file every block of which was written before",
         .numerator = "vhdlab " + name,
         .denominator = "written " + name});
    question.rules.push_back(
        {.name = "first-writes-holes-" + name,
         .what = "the same, " + name + " / plain file of holes, which takes its space as a fresh disk does",
         .numerator = "vhdlab " + name,
         .denominator = "holes " + name});
  }
  if (bench.qemu == nullptr) return question;
  for (const std::string format : {"raw", "qcow2", "vhdx"})
    question.lanes.push_back(
        {"qemu " + format, [&bench, format] { return write_by_qemu(bench, format); }, {}});
  for (const std::string format : {"qcow2", "vhdx"}) {
    question.rules.push_back(
        {.name = format == "qcow2" ? "qemu-first-writes" : "qemu-first-writes-vhdx",
         .what = "qemu: the same first writes in scattered order, " + format + " / raw file",
         .numerator = "qemu " + format,
         .denominator = "qemu raw"});
  }
  return question;
}

}  // namespace vhdlab::peers
