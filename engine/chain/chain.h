// A virtual disk with a history: a base and the differencing disks above it, read as one disk.
//
//   layer 3  Now          writes go here
//   layer 2  checkpoint   read-only from here on down
//   layer 1  checkpoint
//   layer 0  base
//
// A read asks the newest layer first and goes down for what each layer does not hold ("walk"), or looks up
// one merged map of them all ("index"). The answer is a plan that names a layer for every byte; whoever
// executes it (psync here, a device model in the simulator) moves the bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/error.h"
#include "engine/format/metadata_cache.h"
#include "engine/layer/layer.h"

namespace vhdlab {

// Position in a chain, counted from the base, which is 0. The depth of a chain is the index of its leaf.
using LayerIndex = uint32_t;

// Where one run of a read's bytes comes from.
struct ReadSegment {
  bool is_zero = false;
  LayerIndex layer = 0;      // meaningful where not zero
  uint64_t file_offset = 0;  // likewise
  uint64_t virtual_offset = 0;
  uint64_t length = 0;

  [[nodiscard]] ByteRange virtual_range() const { return {virtual_offset, length}; }
};

// The answer of resolving one range. Reused from read to read so that the hot path allocates nothing.
struct ReadPlan {
  std::vector<ReadSegment> segments;  // in order of virtual offset, covering the range
  uint64_t layers_probed = 0;         // how many times a layer was asked
  TableUse tables;  // what that took: lookups in tables, and the pages that were not in memory

  std::vector<Extent> scratch;  // the resolver's working memory
};

// Resolves `range` over `layers` (base first). What the lowest layer leaves absent does not appear in the
// plan: nothing for a whole chain, and for the upper part of one (a merge) just what stays as it is below.
// Layers whose probe in `probes` (as many as layers, or none at all) knows that they say nothing are asked
// through it.
[[nodiscard]] Result<void> resolve_walk(std::span<const std::unique_ptr<Layer>> layers, ByteRange range,
                                        ReadPlan& plan, std::span<const BlockProbe> probes = {});

// How a chain finds data. Both give the same segments; they differ in what a read costs and in memory.
enum class ResolveMode {
  walk,   // ask layer after layer, as a hypervisor's driver does: cost grows with depth
  index,  // look up one merged map over all layers, filled in as it is asked (chain_index.h): cost does not
};

class ChainIndex;
class ChainWindow;

// Thread-safe: any number of threads may read, write and flush at once. Overlapping requests in flight
// together have no order among them. push and close exclude everything else by the caller's care.
class Chain {
 public:
  // `layers`, base first, not empty; all of the leaf's sector size (the opener has checked it).
  // `tables` is the cache they share, for layers that come later; none where each has its own. The index
  // keeps its runs in `index_memory_bytes`, if given.
  explicit Chain(std::vector<std::unique_ptr<Layer>> layers, ResolveMode mode = ResolveMode::walk,
                 std::shared_ptr<MetadataCache> tables = nullptr,
                 std::optional<uint64_t> index_memory_bytes = std::nullopt);
  Chain(Chain&&) noexcept;
  Chain& operator=(Chain&&) noexcept;
  ~Chain();

  [[nodiscard]] uint64_t disk_size_bytes() const { return leaf().disk_size_bytes(); }
  [[nodiscard]] uint32_t sector_size_bytes() const { return leaf().sector_size_bytes(); }
  [[nodiscard]] LayerIndex depth() const { return static_cast<LayerIndex>(layers_.size() - 1); }
  [[nodiscard]] std::span<const std::unique_ptr<Layer>> layers() const { return layers_; }
  [[nodiscard]] Layer& leaf() const { return *layers_.back(); }

  // Where the bytes of `range` are; replaces `plan`. Faults: disk-range.
  [[nodiscard]] Result<void> resolve(ByteRange range, ReadPlan& plan) const;

  // Reads any run of bytes inside the disk. `plan` is working memory; afterwards it tells how the read was
  // answered.
  [[nodiscard]] Result<void> read(uint64_t offset, MutableBytes into, ReadPlan& plan) const;

  // Writes whole sectors into the leaf; visible to readers on return, durable after flush().
  // Faults: disk-range, disk-alignment, file-no-space, file-read-only.
  [[nodiscard]] Result<void> write(uint64_t offset, Bytes from, WritePlan& plan);

  // The most one plan covers, so that the tables one write changes stay few.
  static constexpr uint64_t write_piece_bytes_max = 16 * mib;

  // The stages of write() for who moves the bytes between them (engine/format/write_plan.h): where the
  // sectors of `range`, at most write_piece_bytes_max, go; and, the bytes being there, that readers see them.
  [[nodiscard]] Result<void> plan_write(ByteRange range, WritePlan& plan);
  [[nodiscard]] Result<void> publish_write(ByteRange range, const WritePlan& plan);

  // Makes whole sectors read as zeros.
  [[nodiscard]] Result<void> zero(ByteRange range, WritePlan& plan);

  // Tells that the content of whole sectors is no longer needed. Whole blocks among them give up their space
  // and read as zeros; the others may keep what they hold.
  [[nodiscard]] Result<void> trim(ByteRange range, WritePlan& plan);

  [[nodiscard]] Result<void> flush() { return leaf().flush(); }

  // Adds a new leaf; the old one must have been closed and becomes read-only by that.
  void push(std::unique_ptr<Layer> leaf);

  // Bytes of memory the index takes; 0 where the chain is walked.
  [[nodiscard]] uint64_t index_memory_bytes() const;

  // From now on reads are copied out of one stretch of memory, at most `mappings_max` runs of files mapped
  // side by side, as far as the layers allow it (chain_window.h); only where the chain has an index. The
  // files' counts stay right.
  void read_mapped(size_t mappings_max);

  // Bytes of the disk that reads find there so far, counted in whole regions.
  [[nodiscard]] uint64_t mapped_bytes() const;

  // Where the layers keep their table pages; nothing where each keeps its own.
  [[nodiscard]] const std::shared_ptr<MetadataCache>& metadata_cache() const { return tables_; }

  // Closes the leaf cleanly. Nothing can be written afterwards.
  [[nodiscard]] Result<void> close() { return leaf().close(); }

 private:
  [[nodiscard]] Result<void> check(ByteRange range) const;
  [[nodiscard]] Result<void> check_sectors(ByteRange range) const;

  // How a leaf plans a change that carries no data: plan_zero or plan_trim.
  using PlanChange = Result<void> (Layer::*)(ByteRange, WritePlan&);
  [[nodiscard]] Result<void> change(ByteRange range, PlanChange plan_change, WritePlan& plan);

  // Reads from the window; false, and nothing, where the files have to be asked.
  [[nodiscard]] Result<bool> read_window(uint64_t offset, MutableBytes into, ReadPlan& plan) const;

  // Lets the index and the window know that a change in `range` was published.
  void forget(ByteRange range);

  // Publishes what was planned and written, and lets those know who remember.
  [[nodiscard]] Result<void> carry_out_on_leaf(const WritePlan& plan, ByteRange range, Bytes data);

  std::vector<std::unique_ptr<Layer>> layers_;
  std::vector<BlockProbe> probes_;  // of the layers, side by side
  std::shared_ptr<MetadataCache> tables_;
  std::optional<uint64_t> index_memory_bytes_;
  std::unique_ptr<ChainIndex> index_;  // none where the chain is walked
  size_t mappings_max_ = 0;
  std::unique_ptr<ChainWindow> window_;  // none where reads go to the files
};

}  // namespace vhdlab
