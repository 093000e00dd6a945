// A chain's bytes side by side in memory, as the disk has them: each run of a region is mapped from its file
// to its place in one stretch of addresses, so that a read is one copy, at any depth.
//
//   disk        │ layer 7 │ base          │ zeros │ layer 2 │ base    │ ...
//   addresses   │ mapped  │ mapped        │ empty │ mapped  │ mapped  │ (not read yet)
//
// Mapped as a whole, a layer's file takes a page of page table for each 2 MiB in which it holds anything, and
// a thousand layers take more of those than the processor's caches hold. The window takes as many as one
// plain file of the disk's size.
//
// What cannot stand side by side stays with the files: runs that do not begin with a page in the disk and in
// the file (single sectors), files that are no descriptor, or one that bypasses the page cache, and what is
// read after `mappings_max` runs are mapped: the system bounds how many a process may have
// (vm.max_map_count).
//
// Memory: 12 bytes for each region of 512 KiB of the parts of the disk, 512 MiB each, that were read; and the
// system's, about 200 bytes for each mapped run and 8 for each page read.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/slab_array.h"
#include "engine/chain/chain.h"

namespace vhdlab {

// Safe to use from several threads, but for add(). The layers outlive it and do not change but for the leaf,
// whose changes are told by forget(). A read that overlaps a change in flight may see either.
class ChainWindow {
 public:
  static constexpr uint64_t region_bytes = 512 * kib;

  // Nothing where the system gives no stretch of addresses as long as the disk.
  [[nodiscard]] static std::unique_ptr<ChainWindow> make(std::span<const std::unique_ptr<Layer>> layers,
                                                         size_t mappings_max);
  ~ChainWindow();
  ChainWindow(const ChainWindow&) = delete;
  ChainWindow& operator=(const ChainWindow&) = delete;

  // Copies the bytes at `offset`, all of them or none: false where a region is not shown, or a file was cut
  // short meanwhile. `segments` is their plan; what comes from a file counts in that file's tally.
  [[nodiscard]] bool read(uint64_t offset, MutableBytes into, std::span<const ReadSegment> segments);

  // Told by forget(), so that what was resolved before a change is not shown after it.
  using Version = uint32_t;

  // The version of region `number` (counted in region_bytes), if it should be shown now: not where it is,
  // cannot be, or has changed so lately that it may change again.
  [[nodiscard]] std::optional<Version> wants(uint64_t number);

  // Maps what `segments`, the plan of all of the region at `version`, say of it.
  void show(uint64_t number, Version version, std::span<const ReadSegment> segments);

  // The leaf's tables for `range` have changed.
  void forget(ByteRange range);

  // Tells of a new leaf; it is as large as the disk was.
  void add(Layer& leaf);

  // Bytes of the disk that are shown, counted in whole regions.
  [[nodiscard]] uint64_t shown_bytes() const;

 private:
  enum class State : uint8_t { hidden, shown, refused };

  struct Region {
    std::atomic<State> state = State::hidden;
    std::atomic<uint8_t> reads_to_wait = 0;
    Version version = 0;    // this and all below: guarded by mutex_
    uint32_t mappings = 0;  // also of a region that was shown once
  };

  // What a layer's bytes come from, if they can be mapped, and where reading them counts.
  struct Source {
    int descriptor = -1;
    FileTally* tally = nullptr;
  };

  ChainWindow(std::byte* memory, uint64_t disk_size_bytes, uint64_t page_bytes, size_t mappings_max);
  [[nodiscard]] bool can_show(const ReadSegment& segment) const;
  [[nodiscard]] bool map(const ReadSegment& segment);

  std::byte* const memory_;
  const uint64_t disk_size_bytes_;
  const uint64_t page_bytes_;
  const size_t mappings_max_;
  std::vector<Source> sources_;  // by layer
  bool counts_reads_ = false;    // whether any has a tally
  SlabArray<Region> regions_;

  mutable std::mutex mutex_;
  size_t mappings_ = 0;
};

}  // namespace vhdlab
