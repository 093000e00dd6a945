// The latest value of every figure, as one table per machine.
#pragma once

#include <span>
#include <vector>

#include "reports/export/table.h"
#include "reports/history/figure_history.h"

namespace vhdlab::reports {

// Figure, value with its range, what to reach, whether it is reached, and what distorts it; in the order in
// which figures first appear. Rows of a table may come from several commits: each names its own.
[[nodiscard]] std::vector<Table> history_tables(std::span<const HistoryFigure> figures);

}  // namespace vhdlab::reports
