// Putting the page of a history together; see history_page.h.
#include "reports/html/history_page.h"

#include <algorithm>

#include <fmt/format.h>

#include "reports/charts/history_charts.h"
#include "reports/history/history_table.h"
#include "reports/html/page_parts.h"

namespace vhdlab::reports {
namespace {

// "9 of 11 figures reach what they should": of the latest values.
std::string verdict(std::span<const HistoryFigure> figures) {
  const std::vector<HistoryFigure> latest = latest_figures(figures);
  const auto aims =
      std::ranges::count_if(latest, [](const auto& figure) { return figure.reach.has_value(); });
  const auto reached = std::ranges::count_if(
      latest, [](const auto& figure) { return figure.reach.has_value() && figure.is_reached(); });
  if (aims == 0) return fmt::format("{} figures over time", latest.size());
  return fmt::format("{} of {} figures reach what they should", reached, aims);
}

}  // namespace

Result<std::string> render_history_html(std::span<const HistoryFigure> figures,
                                        std::string_view tool_version) {
  if (figures.empty()) {
    return failure(ErrorKind::invalid_argument, "report-empty", "there is no figure to report",
                   "let 'tools/bench-peers' measure some");
  }
  const std::vector<Chart> charts = history_charts(figures);
  std::string html = page_head_html(tool_version, "history of figures");
  html += fmt::format(
      "<header>\n<p class=\"run\">history of figures &middot; last measured {}</p>\n<h1>{}</h1>\n",
      escaped(figures.back().date), escaped(verdict(figures)));
  html += "</header>\n<main>\n<section aria-label=\"The latest figures\">\n";
  for (const Table& table : history_tables(figures))
    html += table_html(table);
  html += "</section>\n" + charts_html(charts) + "</main>\n";
  html += page_foot_html(
      tool_version,
      "Each value is the median of its repeats within one run in which the contenders took turns; "
      "values of different machines are different curves.",
      !charts.empty());
  return html;
}

}  // namespace vhdlab::reports
