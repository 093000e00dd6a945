// Which MiB of a file are taken, one bit each: regions and blocks lie on whole MiB, so this is all there is
// to know. Used at open to prove that no two structures share bytes, and afterwards to place new blocks.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/bytes.h"

namespace vhdlab::vhdx {

class Occupancy {
 public:
  // Nothing is taken but the header section. Memory: one bit per MiB of `file_size_bytes`.
  explicit Occupancy(uint64_t file_size_bytes);

  // Takes the range, growing the map where it ends past the end. Offset and length are whole MiB.
  // False, and nothing is taken, where a part of it is taken already.
  [[nodiscard]] bool claim(ByteRange range);

  // The first byte behind everything that is taken: where the next block goes.
  [[nodiscard]] uint64_t end() const { return end_; }

 private:
  std::vector<bool> taken_;
  uint64_t end_ = 0;
};

}  // namespace vhdlab::vhdx
