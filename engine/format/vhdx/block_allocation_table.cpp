// The table's arithmetic, [MS-VHDX] 2.4 and 2.5.
#include "engine/format/vhdx/block_allocation_table.h"

#include <bit>

namespace vhdlab::vhdx {

BatGeometry::BatGeometry(uint64_t disk_size_bytes, uint32_t block_size_bytes, uint32_t sector_size_bytes,
                         bool differencing)
    : block_size_(block_size_bytes),
      sector_size_(sector_size_bytes),
      block_count_(divide_up(disk_size_bytes, block_size_bytes)),
      chunk_ratio_(sectors_per_chunk * sector_size_bytes / block_size_bytes),
      entry_count_(differencing ? divide_up(block_count_, chunk_ratio_) * (chunk_ratio_ + 1)
                                : block_count_ + (block_count_ - 1) / chunk_ratio_),
      block_shift_(std::countr_zero(block_size_)),
      sector_shift_(std::countr_zero(sector_size_)),
      chunk_shift_(std::countr_zero(chunk_ratio_)) {}

}  // namespace vhdlab::vhdx
