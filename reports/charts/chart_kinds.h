// Each kind of chart, and when it says something: those that do not are left out. Appended in the order in
// which a page shows them; ids are not yet those of a page.
#pragma once

#include <string>
#include <vector>

#include "reports/charts/charts.h"
#include "reports/charts/shown_runs.h"

namespace vhdlab::reports {

// Of a measured workload: its rate, its latencies and their distribution, the layers probed.
void add_workload_charts(const ShownRuns& runs, const std::string& measurement, std::vector<Chart>& charts);

// What each operation on checkpoints took.
void add_checkpoint_charts(const ShownRuns& runs, std::vector<Chart>& charts);

// Time and bytes of merges, against the data that had changed.
void add_merge_charts(const ShownRuns& runs, std::vector<Chart>& charts);

// What the files of each chain take.
void add_space_charts(const ShownRuns& runs, std::vector<Chart>& charts);

}  // namespace vhdlab::reports
