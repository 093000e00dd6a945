// Which kind of measurement a measured step is, in the words of results: it decides which metrics the step
// has.
#pragma once

#include "reports/results/run_record.h"
#include "scenarios/language/scenario.h"

namespace vhdlab::scenarios {

[[nodiscard]] reports::MeasurementKind measurement_kind_of(const MeasuredStep& step);

}  // namespace vhdlab::scenarios
