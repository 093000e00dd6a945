// What may happen to a chain in its life, as values: so that a run can be drawn at random, printed, repeated
// and shrunk. Numbers in an operation are taken modulo what the chain offers when its turn comes, so that
// every sequence of operations is a legal one, also after shrinking has taken some out.
#pragma once

#include <array>
#include <ostream>
#include <string>
#include <vector>

#include "engine/io/psync_queue.h"
#include "engine/io/uring_queue.h"
#include "tests/engine/chain/chain_workbench.h"

namespace vhdlab::tests {

enum class Act : uint8_t { write, zero, checkpoint, merge, reopen, cut_power };

struct Operation {
  Act act = Act::write;
  uint32_t where = 0;  // write, zero: which sector; merge: target; checkpoint: block size
  uint32_t much = 0;   // write, zero: how many sectors; merge: how many layers; checkpoint: disk size
};

inline std::ostream& operator<<(std::ostream& to, const Operation& operation) {
  static const char* const names[] = {"write", "zero", "checkpoint", "merge", "reopen", "cut_power"};
  return to << names[static_cast<size_t>(operation.act)] << "(" << operation.where << ", " << operation.much
            << ")";
}

struct Scenario {
  uint8_t base_block = 0;  // power of two in MiB, up to 8
  bool large_sectors = false;
  bool fixed = false;
  uint8_t base_size = 0;
  bool index = false;
  bool tiny_cache = false;
  uint8_t carrier = 0;  // of guest reads and writes: calls, a queue of calls, a ring, copies out of mappings
  std::vector<Operation> operations;
};

inline std::ostream& operator<<(std::ostream& to, const Scenario& scenario) {
  to << "base: " << (1U << scenario.base_block % 4) << " MiB blocks, "
     << (scenario.large_sectors ? 4096 : 512) << " byte sectors, " << (scenario.fixed ? "fixed" : "dynamic")
     << ", size " << int{scenario.base_size} << (scenario.index ? ", index" : ", walk")
     << (scenario.tiny_cache ? ", 3 table pages in memory" : "")
     << std::array{";", ", psync queue;", ", io_uring;", ", mapped;"}[scenario.carrier % 4];
  for (const Operation& operation : scenario.operations)
    to << " " << operation;
  return to;
}

// From 3 MiB to about 9, rarely on a block's edge.
inline uint64_t disk_size_from(uint32_t number, uint64_t sector_size) {
  return 3 * mib + number % 13 * (512 * kib) + number % 3 * sector_size;
}

// Carries out `scenario` in `folder` of `files` and compares after every operation that reads back. Returns
// "" or what was wrong and when.
inline std::string run_scenario(FileSystem& files, const std::string& folder, const Scenario& scenario,
                                uint64_t seed) {
  constexpr LayerIndex depth_max = 7;
  ChainWorkbench bench(files, folder, seed);
  if (scenario.index) bench.finding.resolve = ResolveMode::index;
  if (scenario.tiny_cache) {
    bench.finding.metadata_cache_bytes = 3 * table_page_length;
    bench.finding.index_memory_bytes = 512;
  }
  if (scenario.carrier % 4 == 1) {
    bench.make_queue = []() -> Result<std::unique_ptr<IoQueue>> { return std::make_unique<PsyncQueue>(); };
  }
  if (scenario.carrier % 4 == 2 && UringQueue::make(1)) {
    bench.make_queue = []() -> Result<std::unique_ptr<IoQueue>> { return TRY(UringQueue::make(4)); };
  }
  if (scenario.carrier % 4 == 3) bench.finding.cache = CacheMode::mapped;
  const uint64_t sector = scenario.large_sectors ? 4096 : 512;
  bench.create_base({.disk_size_bytes = disk_size_from(scenario.base_size, sector),
                     .block_size_bytes = static_cast<uint32_t>(mib << scenario.base_block % 4),
                     .sector_size_bytes = static_cast<uint32_t>(sector),
                     .fixed = scenario.fixed});
  size_t turn = 0;
  for (const Operation& operation : scenario.operations) {
    const uint64_t sectors = bench.model.size() / sector;
    const uint64_t first = operation.where % sectors;
    const uint64_t longest =
        operation.much % 5 == 0 ? sectors - first : std::min<uint64_t>(sectors - first, 50);
    const ByteRange range{first * sector, (1 + operation.much % longest) * sector};
    switch (operation.act) {
      case Act::write:
        bench.fill(range, static_cast<uint8_t>(1 + turn % 255));
        break;
      case Act::zero:
        bench.zero(range);
        break;
      case Act::checkpoint: {
        if (bench.chain->depth() >= depth_max) break;
        const bool resized = operation.much % 4 == 0;
        bench.checkpoint({.block_size_bytes = static_cast<uint32_t>(mib << operation.where % 4),
                          .disk_size_bytes = resized ? disk_size_from(operation.much / 4, sector) : 0});
        break;
      }
      case Act::merge: {
        const LayerIndex depth = bench.chain->depth();
        if (depth == 0) break;
        const LayerIndex target = operation.where % depth;
        const LayerIndex top = target + 1 + operation.much % (depth - target);
        const auto merged = bench.merge({target, top});
        if (!merged)
          return fmt::format("operation {}: merge {} to {}: {}", turn, target, top, merged.error().text());
        break;
      }
      case Act::reopen:
        bench.open();
        break;
      case Act::cut_power:
        bench.flush_and_cut_power();
        break;
    }
    ++turn;
    if (operation.act == Act::write || operation.act == Act::zero) continue;
    if (auto difference = bench.difference(); !difference.empty())
      return fmt::format("after operation {}: {}", turn, difference);
  }
  if (auto difference = bench.difference(); !difference.empty()) return "at the end: " + difference;
  bench.open(OpenMode::read_only);
  if (auto difference = bench.difference(); !difference.empty()) return "opened again: " + difference;
  return "";
}

}  // namespace vhdlab::tests
