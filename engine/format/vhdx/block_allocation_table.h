// Where each block of a disk stands. The table (BAT) holds one 8-byte entry per payload block, and after
// every `chunk_ratio` of them one entry for the sector bitmap block of that chunk ([MS-VHDX] 2.5, 2.4):
//
//   payload 0 | payload 1 | ... | payload ratio-1 | bitmap 0 | payload ratio | ... | bitmap 1 | ...
//
//   63                             20 19            3 2   0
//   +--------------------------------+---------------+-----+
//   | offset in the file, in MiB     | reserved      |state|
//   +--------------------------------+---------------+-----+
#pragma once

#include <cstdint>

#include "engine/base/bytes.h"
#include "engine/format/vhdx/layout.h"
#include "engine/format/vhdx/metadata.h"

namespace vhdlab::vhdx {

inline constexpr uint64_t bat_entry_length = sizeof(uint64_t);  // 2.5.1

// 2.5.1.1. Values 4 and 5 do not exist.
enum class BlockState : uint8_t {
  not_present = 0,  // base: zeros; differencing disk: ask the parent
  undefined = 1,    // these three read as zeros and hide the parent
  zero = 2,
  unmapped = 3,
  fully_present = 6,
  partially_present = 7,  // differencing disks only: the sector bitmap says which sectors are here
};

[[nodiscard]] constexpr bool is_legal(BlockState state) {
  return state <= BlockState::unmapped || state == BlockState::fully_present ||
         state == BlockState::partially_present;
}

// Index of a payload block of the disk, and of a chunk: the run of blocks that share one bitmap block.
enum class BlockIndex : uint64_t {};
enum class ChunkIndex : uint64_t {};

[[nodiscard]] constexpr uint64_t number(BlockIndex block) {
  return static_cast<uint64_t>(block);
}
[[nodiscard]] constexpr uint64_t number(ChunkIndex chunk) {
  return static_cast<uint64_t>(chunk);
}

// How many payload blocks of a disk are in each state, and how many bitmap blocks it has.
struct BlockCensus {
  uint64_t not_present = 0;
  uint64_t zeroed = 0;  // zero, undefined or unmapped
  uint64_t fully_present = 0;
  uint64_t partially_present = 0;
  uint64_t bitmap_blocks = 0;
};

// 2.5.1
struct BatEntry {
  static constexpr uint64_t state_mask = 7;
  uint64_t bits = 0;

  [[nodiscard]] static constexpr BatEntry make(BlockState state, uint64_t file_offset) {
    return {file_offset | static_cast<uint64_t>(state)};
  }
  [[nodiscard]] constexpr BlockState state() const { return static_cast<BlockState>(bits & state_mask); }
  // The entry counts it in MiB from bit 20 on, which is the offset in bytes once the bits below are gone.
  [[nodiscard]] constexpr uint64_t file_offset() const { return bits >> 20 << 20; }
  friend bool operator==(const BatEntry&, const BatEntry&) = default;
};

// Whether the entry's offset is space in the file that belongs to the block. In the other states it means
// nothing.
[[nodiscard]] constexpr bool owns_space(BatEntry entry) {
  return entry.state() == BlockState::fully_present || entry.state() == BlockState::partially_present ||
         (entry.state() == BlockState::unmapped && entry.file_offset() != 0);
}

// The arithmetic of one disk's table. Pure numbers; holds no entries.
class BatGeometry {
 public:
  explicit BatGeometry(const DiskMetadata& metadata)
      : BatGeometry(metadata.disk_size_bytes, metadata.block_size_bytes, metadata.logical_sector_size_bytes,
                    metadata.has_parent()) {}
  BatGeometry(uint64_t disk_size_bytes, uint32_t block_size_bytes, uint32_t sector_size_bytes,
              bool differencing);

  [[nodiscard]] uint64_t block_size_bytes() const { return block_size_; }
  [[nodiscard]] uint64_t sector_size_bytes() const { return sector_size_; }
  [[nodiscard]] uint64_t block_count() const { return block_count_; }
  [[nodiscard]] uint64_t chunk_count() const { return divide_up(block_count_, chunk_ratio_); }
  [[nodiscard]] uint64_t chunk_ratio() const { return chunk_ratio_; }

  // Entries the table holds, bitmap entries included: a differencing disk's last chunk is counted whole.
  [[nodiscard]] uint64_t entry_count() const { return entry_count_; }

  [[nodiscard]] BlockIndex block_of(uint64_t virtual_offset) const {
    return BlockIndex{virtual_offset >> block_shift_};
  }
  [[nodiscard]] uint64_t first_byte_of(BlockIndex block) const { return number(block) << block_shift_; }
  [[nodiscard]] ChunkIndex chunk_of(BlockIndex block) const {
    return ChunkIndex{number(block) >> chunk_shift_};
  }

  // Positions in the table, in entries.
  [[nodiscard]] uint64_t entry_of(BlockIndex block) const { return number(block) + number(chunk_of(block)); }
  [[nodiscard]] uint64_t bitmap_entry_of(ChunkIndex chunk) const {
    return (number(chunk) + 1) * chunk_ratio_ + number(chunk);
  }
  // Whether the entry at this position is a bitmap's, and which.
  [[nodiscard]] bool is_bitmap_entry(uint64_t entry) const {
    return entry % (chunk_ratio_ + 1) == chunk_ratio_;
  }
  [[nodiscard]] BlockIndex block_at(uint64_t entry) const {
    return BlockIndex{entry - entry / (chunk_ratio_ + 1)};
  }
  [[nodiscard]] ChunkIndex chunk_at(uint64_t entry) const { return ChunkIndex{entry / (chunk_ratio_ + 1)}; }

  // The bit in its chunk's bitmap of the sector at this virtual offset.
  [[nodiscard]] uint64_t bit_of(uint64_t virtual_offset) const {
    return (virtual_offset >> sector_shift_) % sectors_per_chunk;
  }

 private:
  uint64_t block_size_;
  uint64_t sector_size_;
  uint64_t block_count_;
  uint64_t chunk_ratio_;
  uint64_t entry_count_;
  int block_shift_;
  int sector_shift_;
  int chunk_shift_;
};

}  // namespace vhdlab::vhdx
