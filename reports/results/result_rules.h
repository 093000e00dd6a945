// What must hold of a record beyond the type of each field: reports rely on it, and a file that was edited or
// damaged may say anything.
#pragma once

#include "engine/base/error.h"
#include "reports/results/run_record.h"

namespace vhdlab::reports {

// Points follow the sweep, measurements of a point have names of their own, shares lie from 0 to 1,
// histograms are in order and can be summed up. Faults: result-field, which names the field.
[[nodiscard]] Result<void> check_rules(const RunRecord& record);

}  // namespace vhdlab::reports
