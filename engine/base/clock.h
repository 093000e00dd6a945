// Time as an argument: whoever waits or measures is given a clock, so that a test need not wait.
#pragma once

#include <chrono>

#include "engine/base/units.h"

namespace vhdlab {

// Safe to use from several threads.
class Clock {
 public:
  virtual ~Clock() = default;

  // Since some fixed moment; never goes back.
  [[nodiscard]] virtual Nanoseconds now() = 0;

  // Returns when at least `duration` has passed.
  virtual void sleep(Nanoseconds duration) = 0;
};

// The host's monotonic clock.
[[nodiscard]] Clock& system_clock();

}  // namespace vhdlab
