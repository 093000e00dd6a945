// Chance in the simulator. Every component draws from a stream of its own, made from the run's seed and the
// component's name: a device more or a draw more in one place changes nothing in another.
//
// The numbers are the same on every machine and build because they come from whole numbers and comparisons
// alone: the C library's logarithm may differ in its last digit from one version to the next, so
// exponential() does not use one.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/base/random.h"
#include "sim/time/virtual_time.h"

namespace vhdlab::sim {

class RandomStream {
 public:
  RandomStream(uint64_t seed, std::string_view component);

  [[nodiscard]] uint64_t next_u64() { return source_.next_u64(); }

  // Uniform in [0, bound); 0 for a bound of 0. The bias is below 2^-40 for bounds below 2^24.
  [[nodiscard]] uint64_t below(uint64_t bound);

  // Exponentially distributed with this mean, in whole nanoseconds (rounded down). John von Neumann's way
  // with comparisons (1951).
  [[nodiscard]] Nanoseconds exponential(Nanoseconds mean);

 private:
  SeededRandom source_;
};

}  // namespace vhdlab::sim
