// Takes one target through points of the sweep: builds a point's disk, carries out the measured steps, and
// verifies what was written before the disk goes.
#pragma once

#include <cstdint>

#include "engine/base/error.h"
#include "reports/results/run_record.h"
#include "scenarios/language/scenario.h"
#include "scenarios/runner/progress.h"
#include "scenarios/runner/step_run.h"
#include "scenarios/runner/time_plan.h"
#include "scenarios/targets/target.h"

namespace vhdlab::scenarios {

// Faults of both: verify-wrong-data, damage-unforeseen, those of the target.
class PointRun {
 public:
  // All must outlive it.
  PointRun(const Scenario& scenario, Target& target, ProgressSink& progress, const StopRequested& stop)
      : scenario_(scenario),
        target_(target),
        time_plan_(scenario),
        steps_(scenario, target, progress, stop, time_plan_) {}
  PointRun(const PointRun&) = delete;  // steps_ refers to time_plan_
  PointRun& operator=(const PointRun&) = delete;

  // Every repeat goes through all points before the next one begins, so that a machine that gets slower or
  // faster on the way does not look like an effect of the sweep. The record's points are described already;
  // what was measured before a failure stays in it.
  [[nodiscard]] Result<void> all_repeats(reports::RunRecord& record);

  // One point for itself, whose repeats are all equal to the first.
  [[nodiscard]] Result<void> only(const ScenarioPoint& point, reports::Point& measured,
                                  reports::Verification& verification);

 private:
  // Builds the point's disk, unless the one there is the point's own and as it was built.
  Result<void> provide_disk(const ScenarioPoint& point, reports::Point& measured,
                            reports::Verification& verification);
  Result<void> one_repeat(const ScenarioPoint& point, reports::Point& measured, uint32_t repeat);
  Result<void> verify(reports::Verification& total);

  const Scenario& scenario_;
  Target& target_;
  TimePlan time_plan_;
  StepRun steps_;
  bool has_disk_ = false;
  const ScenarioPoint* fresh_disk_of_ = nullptr;  // whose setup the disk has been through, and nothing else
};

}  // namespace vhdlab::scenarios
