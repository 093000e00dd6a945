// The simulator's time: nanoseconds since a run began, counted in whole numbers. Nothing here can be asked
// what time it is; whoever needs the time is told it by the event queue.
#pragma once

#include <chrono>
#include <cstdint>

#include "engine/base/units.h"

namespace vhdlab::sim {

// Only gives VirtualTime its type: it does not mix with the times of real clocks.
struct VirtualClock {
  using duration = Nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<VirtualClock>;
  static constexpr bool is_steady = true;
};

using VirtualTime = VirtualClock::time_point;

[[nodiscard]] constexpr double seconds(Nanoseconds duration) {
  return static_cast<double>(duration.count()) * 1e-9;
}

// The time `amount` units take at `per_second` of them, rounded up to whole nanoseconds so that no rate is
// ever exceeded. Promised by the caller: per_second > 0, and the result is below 292 years.
[[nodiscard]] constexpr Nanoseconds time_for(uint64_t amount, uint64_t per_second) {
  __extension__ using Wide = unsigned __int128;
  const Wide scaled = static_cast<Wide>(amount) * 1'000'000'000U + (per_second - 1);
  return Nanoseconds(static_cast<int64_t>(scaled / per_second));
}

}  // namespace vhdlab::sim
