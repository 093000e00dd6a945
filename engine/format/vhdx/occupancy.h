// Which MiB of a file are taken, one bit each: regions and blocks lie on whole MiB, so this is all there is
// to know. Used at open to prove that no two structures share bytes, and afterwards to place new blocks.
#pragma once

#include <bitset>
#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

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

  // Takes the first `length` bytes (whole MiB) that nothing claimed lie between claimed ones; nothing where
  // no gap is long enough. Gaps are those there were at the first call: space released later is not among
  // them.
  [[nodiscard]] std::optional<ByteRange> claim_gap(uint64_t length);

  // Gives a claimed range back.
  void release(ByteRange range);

  // The first byte behind everything that is taken, or was: where the next block goes.
  [[nodiscard]] uint64_t end() const { return end_; }

  // Bytes between claimed ranges that nothing claims, the header section to the last claimed byte.
  [[nodiscard]] uint64_t unclaimed_bytes() const;

  // The end of the last range that is claimed now.
  [[nodiscard]] uint64_t claimed_end() const;

 private:
  static constexpr uint64_t units_per_page = 512;
  using Page = std::bitset<units_per_page>;

  [[nodiscard]] bool is_taken(uint64_t unit) const;
  [[nodiscard]] std::vector<uint64_t> page_numbers() const;
  [[nodiscard]] std::map<uint64_t, uint64_t> find_gaps() const;

  std::unordered_map<uint64_t, Page> pages_;          // by unit / units_per_page
  std::optional<std::map<uint64_t, uint64_t>> gaps_;  // first unit -> units; found when first asked for
  uint64_t end_ = 0;
};

}  // namespace vhdlab::vhdx
