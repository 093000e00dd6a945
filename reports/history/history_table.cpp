// Laying out the latest figures; see history_table.h.
#include "reports/history/history_table.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "reports/results/number_text.h"

namespace vhdlab::reports {
namespace {

std::vector<Cell> row_of(const HistoryFigure& figure) {
  const std::string bound = figure.higher_is_better ? "at least " : "at most ";
  return {
      {.text = figure.what, .detail = figure.figure},
      {.text = value_text(figure.median, figure.unit),
       .detail = span_text(figure.low, figure.high, figure.unit),
       .number = figure.median},
      {.text = value_text(figure.low, figure.unit), .number = figure.low},
      {.text = value_text(figure.high, figure.unit), .number = figure.high},
      {.text = figure.reach ? bound + value_text(*figure.reach, figure.unit) : "", .number = figure.reach},
      {.text = !figure.reach         ? ""
               : figure.is_reached() ? "yes"
                                     : "no"},
      {.text = fmt::format("{}", fmt::join(figure.notes, "; "))},
      {.text = figure.commit.substr(0, 12), .detail = figure.date.substr(0, 10)},
  };
}

}  // namespace

std::vector<Table> history_tables(std::span<const HistoryFigure> figures) {
  std::vector<Table> tables;
  for (const HistoryFigure& figure : latest_figures(figures)) {
    const std::string title = figure.machine.text();
    auto table = std::ranges::find(tables, title, &Table::title);
    if (table == tables.end()) {
      tables.push_back({.title = title,
                        .note = "the latest value of each figure: median of its repeats, and their range",
                        .columns = {{"figure", "figure"},
                                    {"median", "median", true},
                                    {"low", "low", true},
                                    {"high", "high", true},
                                    {"reach", "reach", true},
                                    {"met", "reached"},
                                    {"notes", "notes"},
                                    {"commit", "commit"}},
                        .rows = {}});
      table = tables.end() - 1;
    }
    table->rows.push_back(row_of(figure));
  }
  return tables;
}

}  // namespace vhdlab::reports
