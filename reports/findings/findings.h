// The answer in sentences. A claim is made only where the repeats can carry it; where they cannot, the
// sentence says so.
//
//   "Random 4 KiB reads keep 71 % (68 to 74 %) of their rate at depth 32; each layer costs 310 ns of median
//    latency (290 to 330 ns)."
#pragma once

#include <string>
#include <vector>

#include "reports/results/run_record.h"

namespace vhdlab::reports {

// Sentences about the run, the most important first: wrong data, then what each measurement shows along the
// sweep, then expectations that were missed. Never empty. The same record always gives the same sentences.
[[nodiscard]] std::vector<std::string> find_out(const RunRecord& record);

}  // namespace vhdlab::reports
