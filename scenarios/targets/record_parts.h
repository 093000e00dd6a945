// From the engine's words to the record's: what every target puts into its measurements in the same way.
#pragma once

#include <string>
#include <vector>

#include "engine/format/vhdx/block_allocation_table.h"
#include "engine/io/counted_file.h"
#include "engine/merge/live_merge.h"
#include "reports/results/run_record.h"
#include "scenarios/targets/target.h"

namespace vhdlab::scenarios {

// The file is named without its folder.
[[nodiscard]] reports::FileTraffic traffic_of(const std::string& path, const FileCounters& counters);

[[nodiscard]] std::vector<reports::BlockStateCount> block_states_of(const vhdx::BlockCensus& census);

// Adds what went through measured.files to the merge's totals.
void add_traffic(MergeMeasurement& measured);

// Everything a live merge tells of itself. Traffic, the union and the workload are the target's to add.
void note_outcome(const LiveMergeOutcome& outcome, LiveMergeMeasurement& measured);

}  // namespace vhdlab::scenarios
