// A VHDX file as a layer of a chain, without the file: the same decisions about blocks, sector bitmaps, table
// pages and log entries as vhdx::Image takes, kept as runs in memory instead of tables on disk. A disk of 64
// TiB that was filled in order takes a few runs, where its table would take a quarter of a gigabyte.
//
// Every read and write that the real image would send to its file is sent to the file here too, with the same
// offset and length and with zeros for the tables' content. Behind a file that only takes note, that is the
// price list of the simulator; behind one that keeps bytes, the layer passes LayerConformance.
//
// What it leaves out: gaps inside the file are not filled again, and a log is never found dirty.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "engine/format/vhdx/block_allocation_table.h"
#include "engine/io/file_system.h"
#include "engine/layer/extent_map.h"
#include "engine/layer/layer.h"

namespace vhdlab {

struct ExtentDiskShape {
  uint64_t disk_size_bytes = 0;
  uint32_t block_size_bytes = 0;
  uint32_t sector_size_bytes = 512;
  bool has_parent = false;
  bool fixed = false;  // every block is allocated from the beginning and stays so
};

// What the file's tables say. Outlives the layers that open it, one at a time for writing.
class ExtentTables {
 public:
  explicit ExtentTables(const ExtentDiskShape& shape);

  [[nodiscard]] const ExtentDiskShape& shape() const { return shape_; }
  [[nodiscard]] uint64_t file_size_bytes() const { return file_end_; }

  [[nodiscard]] vhdx::BlockCensus census() const;

  // For tables nobody changes for a while: lookups are quicker until the next change.
  void freeze() {
    blocks_.freeze();
    present_.freeze();
  }

  [[nodiscard]] size_t run_count() const { return blocks_.run_count() + present_.run_count(); }

 private:
  friend class ExtentLayer;

  // The first entry from `entry_index` on whose page of the file's table holds anything; the table's size
  // where none is left.
  [[nodiscard]] uint64_t next_entry_in_use(uint64_t entry_index) const;

  struct Block {
    vhdx::BlockState state = vhdx::BlockState::not_present;
    uint64_t file_offset = 0;  // 0 where the block has no space

    [[nodiscard]] Block advanced(uint64_t bytes) const {
      return {state, file_offset == 0 ? 0 : file_offset + bytes};
    }
    friend bool operator==(const Block&, const Block&) = default;
  };

  ExtentDiskShape shape_;
  vhdx::BatGeometry geometry_;
  uint64_t file_end_;
  ExtentMap<Block> blocks_;                      // by virtual offset, whole blocks
  ExtentMap<Present> present_;                   // by virtual offset, sectors of partially present blocks
  std::map<uint64_t, uint64_t> bitmap_offsets_;  // by chunk: where its bitmap block stands
};

// Which table pages a chain has in memory; beyond a limit the least recently used one makes room. Shared by
// the layers of a chain, each under its own number. Not thread-safe.
class TableMemory {
 public:
  // 0 pages: no limit.
  explicit TableMemory(uint64_t pages_max = 0) : pages_max_(pages_max) {}

  // Whether the page was in memory; it is now.
  [[nodiscard]] bool touch(uint32_t layer, uint64_t file_offset);
  [[nodiscard]] uint64_t pages_in_memory() const {
    return pages_max_ == 0 ? unlimited_count_ : where_.size();
  }

 private:
  uint64_t pages_max_;
  uint64_t unlimited_count_ = 0;
  std::vector<std::unordered_set<uint64_t>> unlimited_;  // by layer
  // With a limit:
  std::map<uint64_t, uint64_t> by_age_;  // tick of the last use -> page
  std::map<uint64_t, uint64_t> where_;   // page -> tick
  uint64_t tick_ = 0;
};

class ExtentLayer final : public Layer {
 public:
  // `tables` and `memory` outlive the layer; `number` tells its pages from other layers' in `memory`.
  ExtentLayer(std::string path, ExtentTables& tables, std::unique_ptr<File> file, OpenMode mode,
              TableMemory& memory, uint32_t number);

  const std::string& path() const override { return path_; }
  File& file() override { return *file_; }
  uint64_t disk_size_bytes() const override { return tables_.shape().disk_size_bytes; }
  uint32_t sector_size_bytes() const override { return tables_.shape().sector_size_bytes; }
  Result<void> resolve(ByteRange range, std::vector<Extent>& extents, TableUse& tables) override;
  Result<uint64_t> absent_until(uint64_t offset) override;
  Result<void> plan_write(ByteRange range, WritePlan& plan) override;
  Result<void> plan_zero(ByteRange range, WritePlan& plan) override;
  Result<void> plan_trim(ByteRange range, WritePlan& plan) override;
  Result<void> publish(const WritePlan& plan) override;
  bool flush_is_due() override;
  Result<void> flush() override;
  Result<void> close() override;
  uint64_t metadata_pages_loaded() const override { return pages_loaded_; }

 private:
  using Block = ExtentTables::Block;
  using PlanBlock = Result<void> (ExtentLayer::*)(vhdx::BlockIndex block, ByteRange range, WritePlan& plan);

  [[nodiscard]] Block block_at(vhdx::BlockIndex block) const;
  Result<void> touch(uint64_t page_file_offset, TableUse& use);
  Result<void> touch_entry(uint64_t entry, TableUse& use);
  Result<void> touch_bits(vhdx::BlockIndex block, ByteRange range, uint64_t run_end, TableUse& use);
  Result<void> resolve_partial(const Block& block, vhdx::BlockIndex index, ByteRange range, size_t first,
                               std::vector<Extent>& extents, TableUse& use);
  Result<void> plan_each_block(ByteRange range, PlanBlock plan_block, WritePlan& plan);
  Result<void> plan_block_write(vhdx::BlockIndex block, ByteRange range, WritePlan& plan);
  Result<void> plan_block_zero(vhdx::BlockIndex block, ByteRange range, WritePlan& plan);
  Result<void> plan_block_trim(vhdx::BlockIndex block, ByteRange range, WritePlan& plan);
  Result<uint64_t> space_for(vhdx::BlockIndex block);
  Result<uint64_t> allocate(uint64_t length);
  Result<void> ensure_bitmap(vhdx::ChunkIndex chunk);
  Result<void> publish_change(const BlockChange& change);
  Result<void> set_bits(vhdx::BlockIndex block, ByteRange range, bool present);
  Result<void> set_entry(vhdx::BlockIndex block, const Block& value);
  Result<void> begin_session();
  Result<void> write_header();
  Result<void> append_log_entry(size_t pages);
  Result<void> flush_locked();
  [[nodiscard]] ByteRange range_of(vhdx::BlockIndex block) const;
  [[nodiscard]] bool covers_block(vhdx::BlockIndex block, ByteRange range) const;

  std::string path_;
  ExtentTables& tables_;
  std::unique_ptr<File> file_;
  OpenMode mode_;
  TableMemory& memory_;
  uint32_t number_;
  std::mutex mutex_;
  std::map<uint64_t, uint64_t> reserved_;  // block -> file offset: planned and not yet published
  std::set<uint64_t> dirty_bitmap_pages_;  // by file offset
  std::set<uint64_t> dirty_bat_pages_;
  std::vector<ByteRange> given_up_;
  bool session_begun_ = false;
  size_t header_slot_ = 1;
  uint64_t log_offset_ = 0;
  uint64_t pages_loaded_ = 0;
};

}  // namespace vhdlab
