// Figures over commits: one chart per figure, a line per machine, and the value to reach as a rule across.
#pragma once

#include <span>
#include <vector>

#include "reports/charts/charts.h"
#include "reports/history/figure_history.h"

namespace vhdlab::reports {

// In the order in which figures first appear. Commits stand in the order of their lines, which is the order
// they were measured in; a commit measured twice on one machine shows its last value.
[[nodiscard]] std::vector<Chart> history_charts(std::span<const HistoryFigure> figures);

}  // namespace vhdlab::reports
