// Estimating a run's time; see time_plan.h.
#include "scenarios/runner/time_plan.h"

#include <algorithm>

namespace vhdlab::scenarios {
namespace {

uint64_t bytes_of(const PatternSettings& pattern) {
  return pattern.operations.value_or(0) * pattern.block_size_bytes;
}

}  // namespace

bool changes_disk(const MeasuredStep& step) {
  if (std::holds_alternative<MeasuredDamage>(step)) return false;  // of copies
  const auto* workload = std::get_if<MeasuredWorkload>(&step);
  return workload == nullptr || workload->kind != WorkloadKind::read;
}

PlannedWork planned_setup(const ScenarioPoint& point) {
  PlannedWork work;
  for (const SetupStep& step : flat_setup(point)) {
    if (const auto* write = std::get_if<SetupWrite>(&step.action))
      work.bytes_moved += bytes_of(write->pattern);
  }
  return work;
}

PlannedWork planned_step(const MeasuredStep& step, const PlannedWork& setup) {
  if (const auto* workload = std::get_if<MeasuredWorkload>(&step)) {
    if (workload->duration) return {.timed = workload->warm_up + *workload->duration};
    return {.timed = workload->warm_up, .bytes_moved = bytes_of(workload->pattern)};
  }
  if (std::holds_alternative<MeasuredCheckpoint>(step)) return {};  // moves no data
  const auto* live = std::get_if<MeasuredLiveMerge>(&step);
  if (live != nullptr && live->rate_limit_bytes_per_s > 0) {
    const double seconds =
        static_cast<double>(setup.bytes_moved) / static_cast<double>(live->rate_limit_bytes_per_s);
    return {.timed = std::chrono::duration_cast<Nanoseconds>(std::chrono::duration<double>(seconds))};
  }
  return {.bytes_moved = setup.bytes_moved};  // a merge or a replay: of the order of what the setup wrote
}

TimePlan::TimePlan(const Scenario& scenario) {
  // The runner builds a point's disk for every repeat, unless it has one point only and leaves its disk as it
  // is.
  const bool keeps_disk =
      scenario.points.size() == 1 && std::ranges::none_of(scenario.points.front().measure, changes_disk);
  for (const ScenarioPoint& point : scenario.points) {
    const PlannedWork setup = planned_setup(point);
    for (uint32_t repeat = 0; repeat < scenario.repeat; ++repeat) {
      if (repeat == 0 || !keeps_disk) left_ += setup;
      for (const MeasuredStep& step : point.measure)
        left_ += planned_step(step, setup);
    }
  }
}

void TimePlan::done(const PlannedWork& work, Nanoseconds took) {
  left_.timed -= std::min(left_.timed, work.timed);
  left_.bytes_moved -= std::min(left_.bytes_moved, work.bytes_moved);
  if (work.bytes_moved > 0) {
    bytes_moved_ += static_cast<double>(work.bytes_moved);
    moving_s_ += std::chrono::duration<double>(took - std::min(took, work.timed)).count();
  }
}

Nanoseconds TimePlan::time_left() const {
  const double rate = moving_s_ > 0.1 ? bytes_moved_ / moving_s_ : assumed_bytes_per_s;
  const std::chrono::duration<double> moving(static_cast<double>(left_.bytes_moved) / rate);
  return left_.timed + std::chrono::duration_cast<Nanoseconds>(moving);
}

}  // namespace vhdlab::scenarios
