// Carries out one step of a scenario at a time on a target: steps of a setup, which give the disk its
// history, and measured ones, which leave a repeat for the record. Both go by the same story of the point's
// checkpoints, so that a reference means the same to the scenario and to the target.
#pragma once

#include <cstdint>
#include <string>

#include "engine/base/error.h"
#include "reports/results/run_record.h"
#include "scenarios/language/checkpoint_story.h"
#include "scenarios/language/scenario.h"
#include "scenarios/runner/progress.h"
#include "scenarios/runner/time_plan.h"
#include "scenarios/targets/target.h"

namespace vhdlab::scenarios {

class StepRun {
 public:
  // All must outlive it. The plan is told what is done.
  StepRun(const Scenario& scenario, Target& target, ProgressSink& progress, const StopRequested& stop,
          TimePlan& time_plan)
      : scenario_(scenario), target_(target), progress_(progress), stop_(stop), time_plan_(time_plan) {}

  // Takes the disk through the point's setup, from nothing. Faults: those of the target.
  [[nodiscard]] Result<void> set_up(const ScenarioPoint& point);

  // Measures point.measure[step_index] on the disk as it stands. `repeat` counts from 0 and is for the name
  // of the stage alone: every repeat performs the same operations. Faults: those of the target and of a
  // trace.
  [[nodiscard]] Result<reports::Repeat> measure(const ScenarioPoint& point, size_t step_index,
                                                uint32_t repeat);

 private:
  struct Stage {
    const ScenarioPoint& point;
    std::string name;  // "depth=4: reads (2 of 5)"
    uint64_t ordinal;  // of the step, which the seeds of its operations follow from
  };

  Result<void> set_up_step(const SetupStep& step, const ScenarioPoint& point, uint64_t ordinal);
  Result<void> set_up_write(const SetupWrite& write, const ScenarioPoint& point, uint64_t ordinal);
  Result<reports::Repeat> measure_step(const MeasuredWorkload& workload, const Stage& stage);
  Result<reports::Repeat> measure_step(const MeasuredReplay& replay, const Stage& stage);
  Result<reports::Repeat> measure_step(const MeasuredMerge& merge, const Stage& stage);
  Result<reports::Repeat> measure_step(const MeasuredLiveMerge& merge, const Stage& stage);
  Result<reports::Repeat> measure_step(const MeasuredCheckpoint& step, const Stage& stage);
  Result<reports::Repeat> measure_step(const MeasuredDamage& step, const Stage& stage);
  Result<CheckpointMeasurement> act_on_checkpoint(CheckpointAction action, const std::string& reference);
  void begin_stage(const std::string& name, ProgressUnit unit);
  [[nodiscard]] StepProgress step_progress();

  const Scenario& scenario_;
  Target& target_;
  ProgressSink& progress_;
  const StopRequested& stop_;
  TimePlan& time_plan_;
  CheckpointStory story_;       // of the disk that is there
  uint32_t layers_set_up_ = 0;  // above the base, while a setup goes on
};

}  // namespace vhdlab::scenarios
