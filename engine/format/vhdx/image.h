// One VHDX file as a virtual disk: says where the bytes of a range are (resolve) and where new ones go
// (plan_write), and keeps the tables on disk behind its log. It moves no guest data itself: see
// engine/format/write_plan.h for the order.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/error.h"
#include "engine/base/random.h"
#include "engine/format/block_probe.h"
#include "engine/format/extent.h"
#include "engine/format/vhdx/block_allocation_table.h"
#include "engine/format/vhdx/header.h"
#include "engine/format/vhdx/log.h"
#include "engine/format/vhdx/metadata.h"
#include "engine/format/vhdx/metadata_pages.h"
#include "engine/format/vhdx/occupancy.h"
#include "engine/format/vhdx/region_table.h"
#include "engine/format/write_plan.h"
#include "engine/io/file.h"
#include "engine/io/file_system.h"

namespace vhdlab::vhdx {

inline constexpr uint32_t default_dynamic_block_size_bytes = 32 * mib;      // as Windows chooses
inline constexpr uint32_t default_differencing_block_size_bytes = 2 * mib;  // as Windows chooses

// What a change of the file means to someone who reads the chain.
enum class WriteIntent {
  guest_visible,  // the disk's content changes: children made before no longer fit (new DataWriteGuid)
  same_content,   // a merge moving bytes it will hide until it is done; identity changes by
                  // set_data_write_guid
};

// Thread-safe: any number of threads may call resolve, plan_write, plan_zero, publish and flush at once.
// set_* and close exclude everything else by the caller's care.
class Image {
 public:
  // Formats `file` (empty) as a disk of `metadata`: fixed where leave_blocks_allocated is set, differencing
  // where a parent is. Draws identities from `random`. Durable on success; on failure the file's content is
  // unspecified. Faults: vhdx-block-size, vhdx-disk-size, vhdx-sector-size, vhdx-locator-too-long,
  // file-no-space.
  [[nodiscard]] static Result<void> create(File& file, const DiskMetadata& metadata, RandomSource& random);

  // Opens and checks the whole file but its payload. A dirty log is replayed: in the file where `mode` is
  // read_write, in memory where it is read_only. `random` must outlive the image. Table pages are kept in
  // `cache`, which files may share; without one they all stay. Faults: every vhdx-*.
  [[nodiscard]] static Result<std::unique_ptr<Image>> open(std::unique_ptr<File> file, OpenMode mode,
                                                           RandomSource& random,
                                                           WriteIntent intent = WriteIntent::guest_visible,
                                                           std::shared_ptr<MetadataCache> cache = nullptr);

  // Closes the file without flushing, as a power cut would leave it: call close() first.
  ~Image();

  [[nodiscard]] File& file() { return *file_; }
  [[nodiscard]] const DiskMetadata& metadata() const { return metadata_; }
  [[nodiscard]] const Header& header() const { return header_.fields; }
  [[nodiscard]] const Regions& regions() const { return regions_; }
  [[nodiscard]] bool log_was_dirty() const { return log_was_dirty_; }

  // Appends extents that cover `range` in order, and adds to `tables` what it took to find them. `range` lies
  // inside the disk. Takes no lock unless a page must be read.
  // Faults: vhdx-block-* for an entry that only reading could find, file-*.
  [[nodiscard]] Result<void> resolve(ByteRange range, std::vector<Extent>& extents, TableUse& tables);

  // The same where nobody asks what it took.
  [[nodiscard]] Result<void> resolve(ByteRange range, std::vector<Extent>& extents) {
    TableUse unasked;
    return resolve(range, extents, unasked);
  }

  // For a differencing disk, what tells quickly that a block is not present in it. Valid until the disk's
  // size changes.
  [[nodiscard]] BlockProbe block_probe() const;

  // The first byte from `offset` on that may not be absent, or the disk's size; see Layer::absent_until.
  // Passes over table pages that hold nothing without reading them.
  [[nodiscard]] Result<uint64_t> absent_until(uint64_t offset);

  // Plans the write of `range`, in whole logical sectors inside the disk; replaces `plan`. Grows the file for
  // new blocks.
  [[nodiscard]] Result<void> plan_write(ByteRange range, WritePlan& plan);

  // Plans that `range` shall read as zeros and hide the parent; whole blocks give up their data where the
  // disk may.
  [[nodiscard]] Result<void> plan_zero(ByteRange range, WritePlan& plan);

  // Plans that whole blocks inside `range` give up their data and read as zeros from then on; the rest of the
  // range is left alone, as a trim is a hint. A fixed disk keeps everything.
  [[nodiscard]] Result<void> plan_trim(ByteRange range, WritePlan& plan);

  // Makes the planned blocks visible. The plan's data and zeros are in the file (not yet durable).
  [[nodiscard]] Result<void> publish(const WritePlan& plan);

  // Makes everything published so far durable, in the order data, log, tables.
  [[nodiscard]] Result<void> flush();

  // Whether so many table pages wait that a flush is due before the next write.
  [[nodiscard]] bool flush_is_due();

  // Flushes and marks the log as empty. The image cannot be written afterwards.
  [[nodiscard]] Result<void> close();

  // ---- Changes of identity and shape, for merges and relinks; durable on return ----

  // Children made before no longer fit, but for those whose locators accept `guid`.
  [[nodiscard]] Result<void> set_data_write_guid(const Guid& guid);

  // Faults: vhdx-locator-too-long.
  [[nodiscard]] Result<void> set_parent(const ParentLocator& parent);
  // Grows or shrinks the disk. What lies past a smaller end is lost. Bytes that come into being read as zeros
  // up to `zeros_end_bytes`, whatever the parent holds there, and from there on as the parent's, or as zeros
  // where there is none. With the size the disk has, finishes a shrinking that a cut has ended. Faults:
  // vhdx-bat-too-small (the table's region cannot describe the new size), vhdx-disk-size.
  [[nodiscard]] Result<void> set_disk_size(uint64_t disk_size_bytes, uint64_t zeros_end_bytes = 0);

  // Moves blocks from the end of the file into gaps before them, so that close_and_truncate can shorten it;
  // returns how many. Nothing else may use the image meanwhile. `stop` is asked between blocks; stopping
  // leaves everything consistent.
  [[nodiscard]] Result<uint64_t> pack(const std::function<bool()>& stop);

  // close(), and then the file ends where its last block does.
  [[nodiscard]] Result<void> close_and_truncate();

  // ---- Facts ----

  // Space inside the file that belongs to nothing.
  [[nodiscard]] uint64_t unclaimed_bytes() const { return occupancy_.unclaimed_bytes(); }

  [[nodiscard]] Result<BlockCensus> census();
  [[nodiscard]] uint64_t metadata_pages_loaded() const;

 private:
  using DirtyPages = std::map<uint64_t, PinnedPage>;  // by file offset
  static std::vector<PageWrite> copies_of(const DirtyPages& dirty);

  Image(std::unique_ptr<File> file, OpenMode mode, RandomSource& random, WriteIntent intent,
        std::shared_ptr<MetadataCache> cache);

  Result<void> load(uint64_t file_size_bytes);
  Result<void> replay_log(uint64_t& file_size_bytes);
  Result<void> check_tables();
  Result<void> claim_regions();
  // Entries of the table from number `first_index` on. Adds the first partial block of each chunk.
  Result<void> check_entries(Bytes entries, uint64_t first_index, uint64_t file_size_bytes,
                             std::vector<BlockIndex>& partial_blocks);
  Result<void> check_partial_blocks(std::span<const BlockIndex> blocks);
  Result<void> check_payload_entry(BlockIndex block, BatEntry entry, uint64_t file_size_bytes);
  Result<void> check_bitmap_entry(ChunkIndex chunk, BatEntry entry, uint64_t file_size_bytes);
  Result<void> claim_block(std::string_view what, uint64_t number, ByteRange block, uint64_t file_size_bytes);

  Result<BatEntry> entry_at(uint64_t entry_index, TableUse& tables);
  Result<BatEntry> entry_at(uint64_t entry_index) {
    TableUse unasked;
    return entry_at(entry_index, unasked);
  }
  Result<void> set_entry(uint64_t entry_index, BatEntry entry);
  Result<void> resolve_partial(BlockIndex block, BatEntry entry, ByteRange range, size_t first,
                               std::vector<Extent>& extents, TableUse& tables);
  Result<void> set_bits(ChunkIndex chunk, uint64_t first_bit, uint64_t count, bool present);

  // Plans the part of a change that falls into one block.
  using PlanBlock = Result<void> (Image::*)(BlockIndex block, ByteRange range, WritePlan& plan);
  Result<void> plan_each_block(ByteRange range, PlanBlock plan_block, WritePlan& plan);
  Result<void> plan_block_write(BlockIndex block, ByteRange range, WritePlan& plan);
  Result<void> plan_block_zero(BlockIndex block, ByteRange range, WritePlan& plan);
  Result<void> plan_block_trim(BlockIndex block, ByteRange range, WritePlan& plan);
  Result<uint64_t> space_for(BlockIndex block);
  Result<uint64_t> allocate(uint64_t length);
  Result<void> ensure_bitmap(ChunkIndex chunk);
  Result<void> publish_change(const BlockChange& change);
  struct PlacedBlock {
    ByteRange place;  // in the file
    uint64_t entry_index = 0;
  };
  Result<std::vector<PlacedBlock>> blocks_from_the_end();
  Result<void> move_block(const PlacedBlock& block, ByteRange gap, AlignedBuffer& buffer);

  // The first entry of the table from `entry_index` on whose page holds anything; their number where none
  // does.
  [[nodiscard]] uint64_t next_entry_in_use(uint64_t entry_index) const;
  [[nodiscard]] bool covers_block(BlockIndex block, ByteRange range) const;
  [[nodiscard]] ByteRange range_of(BlockIndex block) const;

  // These hold commit_mutex_ already.
  struct BytesChange {
    uint64_t file_offset = 0;
    Bytes bytes;
  };
  Result<void> begin_session_locked();
  Result<void> start_log_and_identity();
  Result<void> flush_locked();
  Result<void> commit(std::span<const PageWrite> bitmap_pages, std::span<const PageWrite> bat_pages,
                      uint64_t durable_file_size_bytes);
  Result<void> commit_entry(std::span<const PageWrite> pages, uint64_t durable_file_size_bytes);
  Result<PageWrite> with_bitmap_entries_only(const PageWrite& bat_page);
  Result<void> give_back(std::span<const ByteRange> given_up);
  Result<void> commit_bytes(std::span<const BytesChange> changes);

  Result<void> begin_session();
  Result<void> commit_disk_size(uint64_t disk_size_bytes);
  Result<void> forget_past(uint64_t disk_size_bytes);
  Result<std::vector<uint64_t>> bit_words_past(uint64_t disk_size_bytes);
  Result<void> clear_bits_past(uint64_t disk_size_bytes);
  Result<bool> holds_leftovers();
  Result<void> clear_slack(uint64_t zeros_end);
  Result<void> hide_parent_behind(const BatGeometry& larger, uint64_t zeros_end_bytes);
  [[nodiscard]] std::vector<ByteRange> entries_past_end() const;
  Result<void> clear_entries_past_end();

  std::unique_ptr<File> file_;
  OpenMode mode_;
  RandomSource& random_;
  WriteIntent intent_;
  std::shared_ptr<MetadataCache> cache_;

  CurrentHeader header_;
  Regions regions_;
  DiskMetadata metadata_;
  BatGeometry geometry_{0, block_size_min_bytes, 512, false};
  Occupancy occupancy_;
  bool log_was_dirty_ = false;

  // Guards the reservations and the dirty sets, and keeps changes of the tables apart; resolve does without.
  mutable std::shared_mutex tables_mutex_;
  std::unique_ptr<MetadataPages> bat_;
  std::vector<bool> bat_pages_in_use_;                   // by page of the table: false where every entry is 0
  std::vector<std::unique_ptr<MetadataPages>> bitmaps_;  // by chunk; none where the chunk has no bitmap block
  std::unordered_map<uint64_t, uint64_t> reserved_;  // block -> file offset: planned and not yet published
  DirtyPages dirty_bitmap_pages_;
  DirtyPages dirty_bat_pages_;
  std::vector<ByteRange> given_up_;  // of blocks that have no space any more, until the table on disk says so

  // Guards the log and the header; taken before tables_mutex_ where both are needed.
  std::mutex commit_mutex_;
  std::optional<LogWriter> log_;  // set from the first modification to close
  std::atomic<bool> session_begun_ = false;
  std::optional<Error> session_error_;  // why no session can begin any more
};

}  // namespace vhdlab::vhdx
