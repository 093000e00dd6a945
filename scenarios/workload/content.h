// The bytes a write leaves behind. They follow from (seed, disk offset, generation) alone and each 512-byte
// sector describes itself, so that a sector read back can be judged, and a wrong one explained, without a
// copy of what was written.
//
//   byte 0    8     16          24     32                        512
//        magic│offset│generation│seed  │ fill: 60 words that follow from the three before
//
// The generation is the ordinal of the step that wrote, counted from 1 within one disk's life: overlapping
// writes of one step leave the same bytes whatever their order. Generation 0 is "never written" and reads as
// zeros.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/base/bytes.h"

namespace vhdlab::scenarios {

inline constexpr uint64_t content_sector_bytes = 512;

// Fills `into` with what a write of this generation leaves at `offset_bytes`. Generation 0 gives zeros.
// Promised by the caller: offset and size are multiples of 512.
void fill_content(uint64_t seed, uint64_t offset_bytes, uint32_t generation, MutableBytes into);

// A sector that does not hold what it should.
struct ContentFault {
  uint64_t offset_bytes = 0;  // of the sector on the disk
  uint32_t expected_generation = 0;
  std::string explanation;  // "sector at 0x1f000 holds generation 3 of offset 0x2000, expected generation 5"
};

// The first sector of `found` that differs from fill_content's, or nothing. Same promises as there.
[[nodiscard]] std::optional<ContentFault> check_content(uint64_t seed, uint64_t offset_bytes,
                                                        uint32_t generation, Bytes found);

}  // namespace vhdlab::scenarios
