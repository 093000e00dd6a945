// One merged map over a whole chain: what a walk finds by asking layer after layer, remembered, so that a
// read costs one lookup at any depth.
//
// The disk is cut into regions of 512 KiB. The first read of a region walks the chain for all of it and keeps
// the answer; later reads search that answer. A change of the leaf's tables drops the regions it touches.
// Layers count from the base, so a new checkpoint changes nothing.
//
//   slots        nodes of 11 runs
//   region 0 ──► ├ 0 → layer 7 │ 64K → layer 0 │ ... ──► next node
//   region 1     (not asked yet)
//   region 2     all of it in one run: the slot itself says where
//
// A lookup takes no lock and stores nothing: it reads the slot's version, the runs, and the version again. A
// node never becomes anything but a node, so that a reader who comes late finds other runs, sees that the
// version has changed and starts over.
//
// Memory: 24 bytes for each region (48 KiB per GiB) of the parts of the disk, 512 MiB each, that were read,
// and 128 bytes for each 11 runs or part of it: 256 KiB more per GiB of disk in fragments of 64 KiB, 3 MiB in
// fragments of 4 KiB, 24 MiB in single sectors. A limit holds for the nodes: regions that were not used
// lately make room (CLOCK).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "engine/base/slab_array.h"
#include "engine/chain/chain.h"

namespace vhdlab {

// Safe to use from several threads. The layers outlive it and do not change but for the leaf, whose changes
// are told by forget().
class ChainIndex {
 public:
  // `limit_bytes` is of the nodes' memory; what is kept per region comes on top.
  explicit ChainIndex(uint64_t disk_size_bytes, std::optional<uint64_t> limit_bytes = std::nullopt);
  ChainIndex(const ChainIndex&) = delete;
  ChainIndex& operator=(const ChainIndex&) = delete;

  // What resolve_walk over `layers` would answer; replaces `plan`. A region asked for the first time is
  // walked, and what this took is counted in the plan; else one lookup counts as one probe, and as one lookup
  // answered from memory.
  [[nodiscard]] Result<void> resolve(std::span<const std::unique_ptr<Layer>> layers,
                                     std::span<const BlockProbe> probes, ByteRange range, ReadPlan& plan);

  // The leaf's tables for `range` have changed.
  void forget(ByteRange range);

  // Bytes that regions and nodes take.
  [[nodiscard]] uint64_t memory_bytes() const;

 private:
  static constexpr uint64_t region_bytes = 512 * kib;
  static constexpr uint64_t sector_bytes = 512;  // no format has smaller ones; positions count in these
  static constexpr size_t runs_per_node = 11;

  // Where a run lies: its layer and the sector in that layer's file, or zeros.
  class Place;

  // Runs in order; each ends where the next one begins, the last one with the region. A run's first sector
  // counts from the region's.
  struct alignas(64) Node {
    std::atomic<Node*> next = nullptr;
    std::atomic<uint16_t> count = 0;
    std::array<std::atomic<uint16_t>, runs_per_node> first_sector;
    std::array<std::atomic<uint64_t>, runs_per_node> place;
  };
  static_assert(sizeof(Node) == 128);

  using Slab = std::array<Node, 32>;

  static constexpr uint64_t unknown = ~uint64_t{0};  // no place has all bits set: zeros have no sector
  struct Region {
    std::atomic<uint64_t> version = 0;  // counts what the region has been forgotten
    std::atomic<Node*> nodes = nullptr;
    std::atomic<uint64_t> place = unknown;  // where all of it lies, if there are no nodes
  };

  [[nodiscard]] bool find(uint64_t number, ByteRange range, std::vector<ReadSegment>& segments);
  [[nodiscard]] Result<void> walk_region(std::span<const std::unique_ptr<Layer>> layers,
                                         std::span<const BlockProbe> probes, uint64_t number, ByteRange range,
                                         ReadPlan& plan);
  void remember(uint64_t number, uint64_t version, const std::vector<ReadSegment>& segments);
  [[nodiscard]] Node* free_node();
  [[nodiscard]] bool make_room();
  [[nodiscard]] bool has_limit() const { return nodes_max_ != ~size_t{0}; }
  void mark_used(uint64_t number);
  void drop(uint64_t number);
  void free_chain(Node* node);

  const uint64_t disk_size_bytes_;
  const size_t nodes_max_;
  SlabArray<Region> regions_;
  SlabArray<std::atomic<bool>> used_lately_;  // by region; kept only where there is a limit

  mutable std::mutex mutex_;  // guards everything below, and every change of a region; held for no walk
  std::vector<std::unique_ptr<Slab>> slabs_;
  std::vector<Node*> free_nodes_;
  size_t nodes_made_ = 0;
  size_t hand_ = 0;  // CLOCK's, into regions_
};

}  // namespace vhdlab
