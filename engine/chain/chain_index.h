// One merged map over a whole chain: what a walk finds by asking layer after layer, remembered, so that a
// read costs one lookup at any depth.
//
// The disk is cut into regions of 2 MiB. The first read of a region walks the chain for all of it and keeps
// the answer; later reads search that answer. A change of the leaf's tables drops the regions it touches.
// Layers count from the base, so a new checkpoint changes nothing.
//
//   region 0            region 1   region 2
//   ├ 0    → layer 7    (not yet   ├ 0  → zeros
//   ├ 64K  → layer 0     asked)    ├ 1M → layer 3
//   └ 128K → layer 7
//
// Memory: 24 bytes for each run of bytes that lies in one place, and 8 bytes for each region of the disk.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include "engine/chain/chain.h"

namespace vhdlab {

// Safe to use from several threads. The layers outlive it and do not change but for the leaf, whose changes
// are told by forget().
class ChainIndex {
 public:
  explicit ChainIndex(uint64_t disk_size_bytes);
  ~ChainIndex();
  ChainIndex(const ChainIndex&) = delete;
  ChainIndex& operator=(const ChainIndex&) = delete;

  // What resolve_walk over `layers` would answer; replaces `plan`. A region asked for the first time is
  // walked, and the probes this took are counted in plan.layers_probed; else one lookup counts as one
  // probe, and as one lookup answered from memory.
  [[nodiscard]] Result<void> resolve(std::span<const std::unique_ptr<Layer>> layers, ByteRange range,
                                     ReadPlan& plan);

  // The leaf's tables for `range` have changed.
  void forget(ByteRange range);

  // Bytes the remembered answers take.
  [[nodiscard]] uint64_t memory_bytes() const { return memory_bytes_.load(std::memory_order_relaxed); }

 private:
  static constexpr uint64_t region_bytes = 2 * mib;

  // One run: it ends where the next one begins, or with the region.
  struct Run {
    uint32_t begin;  // from the region's first byte
    bool is_zero;
    LayerIndex layer;
    uint64_t file_offset;
  };
  static_assert(sizeof(Run) == 24);
  using Region = std::vector<Run>;

  Result<const Region*> find_or_walk(std::span<const std::unique_ptr<Layer>> layers, uint64_t number,
                                     ReadPlan& plan);

  uint64_t disk_size_bytes_;
  std::vector<std::atomic<Region*>> regions_;
  std::shared_mutex mutex_;  // shared by readers of regions, exclusive to drop them
  std::mutex walking_;       // one walk at a time fills in a region
  std::atomic<uint64_t> memory_bytes_;
};

}  // namespace vhdlab
