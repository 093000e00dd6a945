// Holds a run's numbers against what its scenario expects of them.
#pragma once

#include <vector>

#include "reports/results/run_record.h"
#include "scenarios/language/scenario.h"

namespace vhdlab::scenarios {

// One result per comparison of every expectation, in the scenario's order. A number that was not measured is
// not met. record.points are those of the scenario, or the first of them where the run was stopped.
[[nodiscard]] std::vector<reports::Expectation> judge(const Scenario& scenario,
                                                      const reports::RunRecord& record);

}  // namespace vhdlab::scenarios
