// What a chain costs besides its reads: passing an empty layer, opening,
// memory.
#include <chrono>
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>
#include <sys/resource.h>

#include "bench/peers/qemu_peer.h"
#include "bench/peers/questions.h"
#include "bench/peers/run_tool.h"
#include "bench/peers/vhdlab_peer.h"
#include "engine/base/random.h"
#include "engine/chain/chain_open.h"
#include "engine/io/posix_file_system.h"

namespace vhdlab::peers {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint64_t resolves = 50'000;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// A full base under empty layers; kept where it was made before.
Result<std::string> make_empty_layers(const Bench& bench, uint32_t depth) {
  PosixFileSystem files;
  SeededRandom random(2);
  const std::string folder = (std::filesystem::path(bench.work_folder) / "empty").string();
  std::filesystem::create_directories(folder);
  if (!files.exists(vhdlab_leaf(folder, 0))) {
    TRY(create_disk(files, vhdlab_leaf(folder, 0),
                    {.disk_size_bytes = bench.shape.disk_bytes,
                     .block_size_bytes = bench.shape.base_block_bytes,
                     .leave_blocks_allocated = true},
                    random));
  }
  for (uint32_t layer = 1; layer <= depth; ++layer) {
    if (files.exists(vhdlab_leaf(folder, layer))) continue;
    TRY(create_child(files, vhdlab_leaf(folder, layer - 1), vhdlab_leaf(folder, layer), {}, random));
  }
  return folder;
}

// Nanoseconds to find one block of 4 KiB at a random place.
Result<double> resolve_ns(const std::string& leaf) {
  PosixFileSystem files;
  SeededRandom random(3);
  const Chain chain = TRY(open_chain(files, leaf, {.resolve = ResolveMode::walk}, random));
  ReadPlan plan;
  const uint64_t blocks = chain.disk_size_bytes() / 4096;
  for (uint64_t offset = 0; offset < chain.disk_size_bytes(); offset += mib)
    TRY(chain.resolve({offset, 4096}, plan));
  const auto begin = Clock::now();
  const uint64_t count = resolves / (1 + chain.depth() / 16);
  for (uint64_t i = 0; i < count; ++i)
    TRY(chain.resolve({random.next_u64() % blocks * 4096, 4096}, plan));
  return seconds_since(begin) * 1e9 / static_cast<double>(count);
}

Result<Measured> walk_cost(const std::string& folder, uint32_t depth) {
  const double alone = TRY(resolve_ns(vhdlab_leaf(folder, 0)));
  const double deep = TRY(resolve_ns(vhdlab_leaf(folder, depth)));
  return Measured{.value = (deep - alone) / depth,
                  .note = fmt::format("{:.0f} ns at depth 0, {:.0f} ns at depth {}", alone, deep, depth)};
}

Result<Measured> opening(const Bench& bench, const std::string& leaf) {
  PosixFileSystem files;
  SeededRandom random(4);
  const auto begin = Clock::now();
  const Chain chain = TRY(open_chain(files, leaf, {.resolve = ResolveMode::index}, random));
  const double seconds = seconds_since(begin);
  const ToolRun limited = TRY(run_tool({bench.program, "--probe-limit", leaf}));
  return Measured{.value = seconds, .note = "with 1,024 open files: " + limited.output};
}

// The time of a run of one read: opening, and a process's beginning and end,
// which a raw file's run tells.
Result<double> qemu_run_seconds(const std::string& format, const std::string& path) {
  const ToolRun run = TRY(run_tool({"qemu-img", "bench", "-U", "-f", format, "-c", "1", path}));
  return std::chrono::duration<double>(run.duration).count();
}

}  // namespace

Question chain_cost(Bench& bench) {
  Question question{.name = "chain", .lanes = {}, .rules = {}};
  const uint32_t deep = bench.shape.depth_max;
  const std::string folder = (std::filesystem::path(bench.work_folder) / "empty").string();
  question.prepare = [&bench, deep]() -> Result<void> {
    TRY(make_empty_layers(bench, deep));
    return {};
  };
  for (const uint32_t depth : {std::min<uint32_t>(64, deep / 2), deep}) {
    const std::string lane = fmt::format("walk {}", depth);
    question.lanes.push_back({lane, [folder, depth] { return walk_cost(folder, depth); }, {}});
    question.rules.push_back({.name = fmt::format("walk-{}", depth),
                              .what = fmt::format("walk, cost per empty layer passed at depth {}", depth),
                              .numerator = lane,
                              .denominator = "",
                              .reach = 40,
                              .unit = "ns",
                              .higher_is_better = false,
                              .qemu = "qemu-walk"});
  }

  const std::string leaf = bench.vhdlab->files(deep).back();
  question.lanes.push_back(
      {"open", [&bench, leaf] { return opening(bench, leaf); }, bench.vhdlab->files(deep)});
  question.rules.push_back({.name = "open",
                            .what = fmt::format("opening a chain of depth {}, warm", deep),
                            .numerator = "open",
                            .denominator = "",
                            .reach = 0.15,
                            .unit = "s",
                            .higher_is_better = false,
                            .qemu = "qemu-open"});
  question.lanes.push_back({"memory",
                            [&bench, leaf]() -> Result<Measured> {
                              const ToolRun run = TRY(run_tool({bench.program, "--probe-memory", leaf}));
                              return Measured{.value = static_cast<double>(run.resident_bytes_max),
                                              .note = {}};
                            },
                            {}});
  question.rules.push_back({.name = "memory",
                            .what = fmt::format("largest resident memory of a process that reads "
                                                "all of depth {} by index, psync",
                                                deep),
                            .numerator = "memory",
                            .denominator = "",
                            .reach = 48 * mib,
                            .unit = "B",
                            .higher_is_better = false,
                            .qemu = "qemu-memory"});

  if (bench.qemu == nullptr) return question;
  const uint32_t qemu_depth = std::min(deep, bench.qemu_depth_max);
  const std::string qemu_file = bench.qemu->files(qemu_depth).back();
  const std::string raw_file = bench.plain->files(0).back();
  question.lanes.push_back({"qemu open",
                            [qemu_file, raw_file]() -> Result<Measured> {
                              const double raw = TRY(qemu_run_seconds("raw", raw_file));
                              return Measured{.value = TRY(qemu_run_seconds("qcow2", qemu_file)) - raw,
                                              .note = fmt::format("a raw file's {:.3f} s taken off", raw)};
                            },
                            bench.qemu->files(qemu_depth)});
  question.rules.push_back(
      {.name = "qemu-open",
       .what = fmt::format("qemu: opening and closing a chain of depth {}, warm", qemu_depth),
       .numerator = "qemu open",
       .denominator = "",
       .unit = "s",
       .higher_is_better = false});
  question.lanes.push_back(
      {"qemu memory",
       [qemu_file]() -> Result<Measured> {
         const ToolRun run = TRY(run_tool({"qemu-img", "bench", "-U", "-f", "qcow2", "-c", "1", qemu_file}));
         return Measured{.value = static_cast<double>(run.resident_bytes_max), .note = {}};
       },
       {}});
  question.rules.push_back(
      {.name = "qemu-memory",
       .what = fmt::format("qemu: largest resident memory of a process that opens depth {}", qemu_depth),
       .numerator = "qemu memory",
       .denominator = "",
       .unit = "B",
       .higher_is_better = false});
  return question;
}

Result<void> read_whole_chain(const std::string& leaf_path) {
  PosixFileSystem files;
  SeededRandom random(5);
  const Chain chain = TRY(open_chain(files, leaf_path, {.resolve = ResolveMode::index}, random));
  ReadPlan plan;
  AlignedBuffer buffer(4096);
  for (uint64_t offset = 0; offset < chain.disk_size_bytes(); offset += buffer.size())
    TRY(chain.read(offset, buffer.bytes(), plan));
  return {};
}

std::string open_within_limit(const std::string& leaf_path, uint64_t files_max) {
  const rlimit limit{files_max, files_max};
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return "the limit cannot be set";
  PosixFileSystem files;
  SeededRandom random(6);
  const auto chain = open_chain(files, leaf_path, {.resolve = ResolveMode::index}, random);
  return chain ? "opened" : "refused, " + chain.error().fault + ": " + chain.error().text();
}

}  // namespace vhdlab::peers
