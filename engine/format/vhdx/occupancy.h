// Which MiB of a file are taken, one bit each: regions and blocks lie on whole MiB, so this is all there is
// to know. Used at open to prove that no two structures share bytes, and afterwards to place new blocks.
#pragma once

#include <bitset>
#include <cstdint>
#include <unordered_map>

#include "engine/base/bytes.h"

namespace vhdlab::vhdx {

class Occupancy {
 public:
  // Nothing is taken but the header section.
  Occupancy();

  // Takes the range. Offset and length are whole MiB. False, and nothing is taken, where a part of it is
  // taken already. Memory grows with what is claimed, not with where: a sparse file of exbibytes costs its
  // maker nothing and must not cost us.
  [[nodiscard]] bool claim(ByteRange range);

  // The first byte behind everything that is taken: where the next block goes.
  [[nodiscard]] uint64_t end() const { return end_; }

 private:
  static constexpr uint64_t units_per_page = 512;
  using Page = std::bitset<units_per_page>;

  [[nodiscard]] bool is_taken(uint64_t unit) const;

  std::unordered_map<uint64_t, Page> pages_;  // by unit / units_per_page; looked up, never walked
  uint64_t end_ = 0;
};

}  // namespace vhdlab::vhdx
