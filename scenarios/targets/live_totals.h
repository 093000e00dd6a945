// What both targets keep of a live merge.
#pragma once

#include "engine/merge/live_merge.h"
#include "reports/results/run_record.h"

namespace vhdlab::scenarios {

[[nodiscard]] reports::LiveMergeTotals live_totals_of(const LiveMergeOutcome& outcome);

}  // namespace vhdlab::scenarios
