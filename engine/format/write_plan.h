// How guest bytes get into a virtual disk: a plan in two stages with the caller moving the bytes between
// them.
//
//   plan       the format reserves space and says where the bytes go            (memory, and the file grows)
//   move       the caller writes data and zeros to those places, in any order   (file)
//   publish    the format makes the new blocks visible to readers               (memory)
//   flush      data durable, then the log, then the tables in place             (file, three barriers)
//
// A cut before publish, or after it and before flush, leaves the disk as it was at the last flush.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/format/table_use.h"

namespace vhdlab {

// Guest bytes [virtual_offset, +length) go to [file_offset, +length) of the layer's file.
struct Placement {
  uint64_t virtual_offset = 0;
  uint64_t file_offset = 0;
  uint64_t length = 0;
};

// What becomes of one block once its bytes are in place. The numbers are the format's own; callers pass them
// back as they are.
struct BlockChange {
  uint64_t block = 0;
  uint8_t state = 0;
  uint64_t file_offset = 0;
  ByteRange present;  // virtual range that becomes present in a partially present block
};

struct WritePlan {
  std::vector<Placement> data;
  std::vector<ByteRange> zero_fill;  // file ranges that must read as zeros before publish
  std::vector<BlockChange> changes;
  TableUse tables;  // what planning took; plans add to it, and whoever asked for a whole write clears it

  [[nodiscard]] bool needs_publish() const { return !changes.empty(); }
  void clear() {
    data.clear();
    zero_fill.clear();
    changes.clear();
  }
};

}  // namespace vhdlab
