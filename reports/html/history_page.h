// The page of a history: which figures are reached, the latest table, and a chart of each figure over
// commits.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "engine/base/error.h"
#include "reports/history/figure_history.h"

namespace vhdlab::reports {

// As render_html: self-contained, escaped, the same lines give the same bytes. Fault: report-empty (no
// lines).
[[nodiscard]] Result<std::string> render_history_html(std::span<const HistoryFigure> figures,
                                                      std::string_view tool_version);

}  // namespace vhdlab::reports
