// Arrivals that a target cannot keep up with: how far behind it was when the last one came, and what the
// reader of the numbers is told.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "scenarios/targets/target.h"

namespace vhdlab::scenarios {

// One measured part with arrivals, as a target saw it. Times count from its beginning.
struct ArrivalsSeen {
  double per_second = 0;
  uint64_t done = 0;
  Nanoseconds last_done{0};
  std::optional<Nanoseconds> next_due;  // of the first arrival nobody began; absent where all were begun
  std::optional<Nanoseconds> deadline;  // when arrivals ended by plan; absent where their number ended them
  Nanoseconds last_due{0};              // of the last one begun
};

// Operations that had arrived and were not done when arrivals ended. What nobody began is counted by the
// rate, not one by one: there is no limit to how many there are.
[[nodiscard]] uint64_t operations_behind(const ArrivalsSeen& seen);

// Nothing where the target kept up: a queue that is busy but stable holds few operations, one that grows
// holds a share of all that came.
[[nodiscard]] std::optional<reports::Note> overload_note(const PerformOutcome& outcome,
                                                         const PerformSettings& settings);

}  // namespace vhdlab::scenarios
