// The Feistel network behind Permutation: both halves have the same width, the round function is mix64.
#include "scenarios/workload/permutation.h"

#include <algorithm>
#include <bit>
#include <cassert>

#include "engine/base/random.h"

namespace vhdlab::scenarios {

Permutation::Permutation(uint64_t count, uint64_t seed) : count_(count), seed_(seed) {
  assert(count >= 1 && count <= uint64_t{1} << 62);
  const auto bits = static_cast<uint32_t>(std::bit_width(count - 1));
  half_bits_ = std::max<uint32_t>(1, (bits + 1) / 2);
  half_mask_ = (uint64_t{1} << half_bits_) - 1;
}

uint64_t Permutation::encipher(uint64_t value) const {
  uint64_t left = value >> half_bits_;
  uint64_t right = value & half_mask_;
  for (uint64_t round = 0; round < rounds; ++round) {
    const uint64_t mixed = left ^ (mix64(seed_ + (round << 56) + right) & half_mask_);
    left = right;
    right = mixed;
  }
  return left << half_bits_ | right;
}

uint64_t Permutation::at(uint64_t index) const {
  assert(index < count_);
  uint64_t value = encipher(index);
  while (value >= count_)
    value = encipher(value);
  return value;
}

}  // namespace vhdlab::scenarios
