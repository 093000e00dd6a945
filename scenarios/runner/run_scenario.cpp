// The runner: a straight column from scenario to record; see run_scenario.h.
#include "scenarios/runner/run_scenario.h"

#include <algorithm>
#include <chrono>
#include <iterator>

#include <fmt/format.h>

#include "reports/findings/findings.h"
#include "reports/results/metrics.h"
#include "scenarios/runner/describe_run.h"
#include "scenarios/runner/expectations.h"
#include "scenarios/runner/point_run.h"
#include "scenarios/runner/points_apart.h"

namespace vhdlab::scenarios {
namespace {

// Points that a failure left without a single whole repeat go; the others are summed up.
void keep_measured_points(reports::RunRecord& record) {
  std::erase_if(record.points, [](const reports::Point& point) {
    return std::ranges::any_of(point.measurements,
                               [](const auto& measurement) { return measurement.repeats.empty(); });
  });
  for (reports::Point& point : record.points) {
    for (reports::Measurement& measurement : point.measurements)
      reports::summarise_measurement(measurement);
  }
}

std::optional<Error> check_space(const Scenario& scenario, const RunOptions& options) {
  const uint64_t needed = space_needed_bytes(scenario);
  if (!options.space_available_bytes || needed <= *options.space_available_bytes) return std::nullopt;
  return Error{ErrorKind::no_space, "run-no-space",
               fmt::format("the scenario may need {} of disk, and the work folder has {} free",
                           format_size(needed), format_size(*options.space_available_bytes)),
               "choose another folder with --output, or a smaller disk with --set disk.size=..."};
}

// What is known only when the points are through.
void conclude(const Scenario& scenario, RunOutcome& outcome) {
  reports::RunRecord& record = outcome.record;
  record.complete = !outcome.failure;
  if (record.complete) record.expectations = judge(scenario, record);
  record.findings = reports::find_out(record);
}

}  // namespace

uint64_t space_needed_bytes(const Scenario& scenario) {
  uint64_t needed = 0;
  for (const ScenarioPoint& point : scenario.points) {
    uint64_t written = 0;
    for (const SetupStep& step : flat_setup(point)) {
      const auto* write = std::get_if<SetupWrite>(&step.action);
      if (write == nullptr) continue;
      const PatternSettings& pattern = write->pattern;
      written += std::min(pattern.operations.value_or(0) * pattern.block_size_bytes, pattern.range.length);
    }
    const bool copies_files = std::ranges::any_of(
        point.measure, [](const MeasuredStep& step) { return std::holds_alternative<MeasuredDamage>(step); });
    if (copies_files) written += std::min(written, point.disk.size_bytes);  // the largest file, once more
    needed = std::max(needed, point.disk.type == DiskType::fixed ? written + point.disk.size_bytes : written);
  }
  return needed;
}

RunOutcome run_scenario(const Scenario& scenario, Target& target, const RunOptions& options,
                        ProgressSink& progress, const StopRequested& stop) {
  RunOutcome outcome{describe_run(scenario, target.name(), options), check_space(scenario, options)};
  reports::RunRecord& record = outcome.record;
  if (!outcome.failure) {
    describe_points(scenario, record);
    const Nanoseconds begin = target.now();
    const auto ran = PointRun(scenario, target, progress, stop).all_repeats(record);
    if (!ran) outcome.failure = ran.error();
    keep_measured_points(record);
    record.duration_s = std::chrono::duration<double>(target.now() - begin).count();
  }
  progress.finished();
  std::ranges::copy(target.notes(), std::back_inserter(record.notes));
  conclude(scenario, outcome);
  return outcome;
}

RunOutcome run_scenario_apart(const Scenario& scenario, const TargetMaker& make_target, uint32_t threads,
                              const RunOptions& options, ProgressSink& progress, const StopRequested& stop) {
  RunOutcome outcome{describe_run(scenario, make_target()->name(), options), check_space(scenario, options)};
  if (!outcome.failure) {
    describe_points(scenario, outcome.record);
    outcome.failure = PointsApart(scenario, make_target, progress, stop, outcome.record).run(threads);
    keep_measured_points(outcome.record);
  }
  progress.finished();
  conclude(scenario, outcome);
  return outcome;
}

}  // namespace vhdlab::scenarios
