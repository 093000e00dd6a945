// The quickest question to a differencing layer: does it say nothing at all about this block? Most layers of
// a deep chain say nothing about most blocks, and a walk that meets a thousand of them should touch one line
// of each one's table and nothing else. So a layer gives out the few numbers it takes, to be kept side by
// side.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/format/metadata_cache.h"

namespace vhdlab {

// Valid as long as the layer's disk keeps its size. Without slots it never knows.
struct BlockProbe {
  const MetadataCache* cache = nullptr;
  const TableSlot* slots = nullptr;  // of the table whose words are entries, one for each block
  uint64_t disk_size_bytes = 0;
  uint32_t block_shift = 0;  // block size, as a power of two
  uint32_t chunk_shift = 0;  // after so many entries, as a power of two, comes one for something else
  uint64_t absent_mask = 0;  // the block is absent where none of these bits of its entry are set

  // Two offsets in the same part of this size are in the same block, whatever the format.
  static constexpr uint64_t part_length = 1 * mib;

  // True where the layer is known to say nothing about [offset, end), which lies in one part. False where it
  // says something, or its table page is not in memory: then ask the layer itself.
  [[nodiscard]] bool is_absent(uint64_t offset, uint64_t end) const {
    if (slots == nullptr || end > disk_size_bytes) return false;
    const uint64_t block = offset >> block_shift;
    const uint64_t entry = block + (block >> chunk_shift);
    const auto word = cache->peek(slots[entry / table_words_per_page], entry % table_words_per_page);
    return word && (*word & absent_mask) == 0;
  }
};

}  // namespace vhdlab
