// Two runs side by side: what changed, in sentences first and then point by point.
#pragma once

#include <string>
#include <vector>

#include "reports/export/table.h"
#include "reports/results/run_record.h"
#include "reports/statistics/compare.h"

namespace vhdlab::reports {

// None where both runs are in virtual time.
[[nodiscard]] Chance chance_between(const RunRecord& a, const RunRecord& b);

struct RunComparison {
  std::vector<std::string> findings;  // a sentence per measurement; says so where nothing can be compared
  Table table;                        // a row per measurement and point that both runs have
};

// Compares the rate of workloads and the time of merges where both runs have the same measurement at the same
// sweep values. `a` is the base: "b is 12 % slower". The names go into the sentences.
[[nodiscard]] RunComparison compare_runs(const RunRecord& a, const std::string& a_name, const RunRecord& b,
                                         const std::string& b_name);

}  // namespace vhdlab::reports
