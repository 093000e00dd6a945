// What a result record says of a run before anything is measured: the scenario and its settings, the points
// of the sweep, and what each measured step does.
#pragma once

#include <string_view>

#include "reports/results/run_record.h"
#include "scenarios/language/scenario.h"
#include "scenarios/runner/run_scenario.h"

namespace vhdlab::scenarios {

// Without points.
[[nodiscard]] reports::RunRecord describe_run(const Scenario& scenario, std::string_view target_name,
                                              const RunOptions& options);

// Adds a point for each of the scenario's, with a measurement for each measured step; none has repeats yet.
void describe_points(const Scenario& scenario, reports::RunRecord& record);

}  // namespace vhdlab::scenarios
