// The tables a record holds, from the few numbers that answer the question to everything that was counted.
#pragma once

#include <span>
#include <vector>

#include "reports/export/table.h"
#include "reports/results/run_record.h"

namespace vhdlab::reports {

// One per measurement, a row per point: for workloads IOPS, MiB/s, p50, p99, layers probed per read, and the
// rate relative to the first point of its curve; for merges time, bytes and write amplification; for
// operations on checkpoints time, bytes, files, space and what is left to merge; for damage steps
// damage_table().
[[nodiscard]] std::vector<Table> headline_tables(const RunRecord& record);

// A row for each damaged file at each point: whose state it froze, which restore points were lost with it and
// which survived, as the first repeat found it. `name` is a damage measurement of the record.
[[nodiscard]] Table damage_table(const RunRecord& record, const std::string& name);

// One per measurement: every metric (rows) at every point (columns), medians with their intervals.
[[nodiscard]] std::vector<Table> metric_tables(const RunRecord& record);

// Files of the chain at every point, base first.
[[nodiscard]] Table space_table(const RunRecord& record);

// For each backing file operations and bytes, medians.
[[nodiscard]] Table traffic_table(const RunRecord& record);

// Name and value of everything about the machine.
[[nodiscard]] Table environment_table(const RunRecord& record);

// What each measurement did, in words.
[[nodiscard]] Table workload_table(const RunRecord& record);

// What the scenario expected and what was found.
[[nodiscard]] Table expectation_table(const RunRecord& record);

// Every summary of every record, one row each, values in base units: the long form that spreadsheets and R
// pivot.
[[nodiscard]] Table numbers_table(std::span<const RunRecord> records);

}  // namespace vhdlab::reports
