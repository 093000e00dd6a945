// The tables a record holds, from the few numbers that answer the question to everything that was counted.
#pragma once

#include <span>
#include <vector>

#include "reports/export/table.h"
#include "reports/results/run_record.h"

namespace vhdlab::reports {

// One per measurement, a row per point: for workloads IOPS, MiB/s, p50, p99, layers probed per read, and the
// rate relative to the first point of its curve; for merges time, bytes and write amplification.
[[nodiscard]] std::vector<Table> headline_tables(const RunRecord& record);

// One per measurement: every metric (rows) at every point (columns), medians with their intervals.
[[nodiscard]] std::vector<Table> metric_tables(const RunRecord& record);

[[nodiscard]] Table space_table(const RunRecord& record);  // files of the chain at every point, base first
[[nodiscard]] Table traffic_table(
    const RunRecord& record);  // per backing file: operations and bytes, medians
[[nodiscard]] Table environment_table(
    const RunRecord& record);  // name and value of everything about the machine
[[nodiscard]] Table workload_table(const RunRecord& record);  // what each measurement did, in words
[[nodiscard]] Table expectation_table(const RunRecord& record);

// Every summary of every record, one row each, values in base units: the long form that spreadsheets and R
// pivot.
[[nodiscard]] Table numbers_table(std::span<const RunRecord> records);

}  // namespace vhdlab::reports
