// Randomness is an argument. SeededRandom gives the same sequence for the same seed on every machine and
// build; SystemRandom asks the operating system and is for identities (GUIDs) of disks made outside a seeded
// run.
#pragma once

#include <cstdint>

namespace vhdlab {

class RandomSource {
 public:
  virtual ~RandomSource() = default;
  virtual uint64_t next_u64() = 0;
};

// One step of the SplitMix64 generator's output function: a bijective scramble of 64 bits. Use it to derive
// independent seeds from a seed and a label: `mix64(seed ^ mix64(label))`.
[[nodiscard]] constexpr uint64_t mix64(uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

// SplitMix64 (Steele, Lea, Flood 2014). Not for secrets.
class SeededRandom final : public RandomSource {
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}
  uint64_t next_u64() override;

 private:
  uint64_t state_;
};

// The system's entropy. Safe to construct anywhere; not seeded, not reproducible.
class SystemRandom final : public RandomSource {
 public:
  uint64_t next_u64() override;
};

}  // namespace vhdlab
