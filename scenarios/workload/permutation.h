// A seeded bijection of 0 .. count-1 onto itself, computed number by number without a table: a Feistel
// network over the next even power of two, walked along its cycle until it lands inside (Black and Rogaway
// 2002, "Ciphers with arbitrary finite domains"). The network is at most four times the domain, so a walk
// takes under four steps on average.
#pragma once

#include <cstdint>

namespace vhdlab::scenarios {

class Permutation {
 public:
  // `count` from 1 to 2^62.
  Permutation(uint64_t count, uint64_t seed);

  // Promised by the caller: index < count.
  [[nodiscard]] uint64_t at(uint64_t index) const;

 private:
  [[nodiscard]] uint64_t encipher(uint64_t value) const;

  static constexpr int rounds = 6;  // four give a pseudorandom permutation (Luby, Rackoff 1988); two to spare
  uint64_t count_;
  uint64_t seed_;
  uint32_t half_bits_;
  uint64_t half_mask_;
};

}  // namespace vhdlab::scenarios
