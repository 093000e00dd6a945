// How long a run still takes: known for steps bounded by time, and for the rest as much as the bytes moved so
// far suggest.
#pragma once

#include <cstdint>

#include "engine/base/units.h"
#include "scenarios/language/scenario.h"

namespace vhdlab::scenarios {

// The work of one point, by kind.
struct PlannedWork {
  Nanoseconds timed{0};      // warm-ups and measured durations
  uint64_t bytes_moved = 0;  // writes of the setup, merges and amounts

  PlannedWork& operator+=(const PlannedWork& other) {
    timed += other.timed;
    bytes_moved += other.bytes_moved;
    return *this;
  }
};

[[nodiscard]] PlannedWork planned_setup(const ScenarioPoint& point);
[[nodiscard]] PlannedWork planned_step(const MeasuredStep& step, const PlannedWork& setup);

// True where carrying out the step leaves the disk other than it was, so that a repeat needs a new one.
[[nodiscard]] bool changes_disk(const MeasuredStep& step);

class TimePlan {
 public:
  explicit TimePlan(const Scenario& scenario);

  // Work that is over, and how long it took.
  void done(const PlannedWork& work, Nanoseconds took);

  [[nodiscard]] Nanoseconds time_left() const;

 private:
  static constexpr double assumed_bytes_per_s = 400e6;  // until something has been measured

  PlannedWork left_;
  double bytes_moved_ = 0;
  double moving_s_ = 0;
};

}  // namespace vhdlab::scenarios
