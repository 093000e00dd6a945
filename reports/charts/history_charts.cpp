// Building the charts of figures over commits; see history_charts.h.
#include "reports/charts/history_charts.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "reports/charts/chart_parts.h"
#include "reports/results/number_text.h"

namespace vhdlab::reports {
namespace {

using Json = ChartJson;

std::string short_commit(const HistoryFigure& figure) {
  const bool changed = figure.commit.ends_with("+changes");
  return figure.commit.substr(0, 12) + (changed ? "+" : "");
}

// A name as it may stand in an id of the page.
std::string safe_id(std::string_view figure) {
  std::string id = "history-";
  for (const char c : figure)
    id += (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '-';
  return id;
}

// All lines of one figure.
struct Curve {
  std::string figure;
  std::vector<const HistoryFigure*> lines;  // of one machine and commit only the last
};

std::vector<Curve> curves_of(std::span<const HistoryFigure> figures) {
  std::vector<Curve> curves;
  for (const HistoryFigure& line : figures) {
    auto curve = std::ranges::find(curves, line.figure, &Curve::figure);
    if (curve == curves.end()) {
      curves.push_back({line.figure, {}});
      curve = curves.end() - 1;
    }
    const auto earlier = std::ranges::find_if(curve->lines, [&](const HistoryFigure* known) {
      return known->commit == line.commit && known->machine == line.machine;
    });
    if (earlier == curve->lines.end()) {
      curve->lines.push_back(&line);
    } else {
      *earlier = &line;
    }
  }
  return curves;
}

Json rows_of(const Curve& curve) {
  Json rows = Json::array();
  for (const HistoryFigure* line : curve.lines) {
    rows.push_back({{"commit", short_commit(*line)},
                    {"date", line->date},
                    {"machine", line->machine.text()},
                    {"value", line->median},
                    {"low", line->low},
                    {"high", line->high},
                    {"text", value_text(line->median, line->unit)},
                    {"range", span_text(line->low, line->high, line->unit)}});
  }
  return rows;
}

Chart chart_of(const Curve& curve, const std::string& id) {
  const HistoryFigure& last = *curve.lines.back();
  const Json x = {{"field", "commit"}, {"type", "ordinal"}, {"sort", nullptr}, {"title", "commit"}};
  const std::string axis_title = last.unit == "1" ? "ratio" : last.unit;
  auto y = [&](std::string_view field) -> Json {
    return {{"field", field}, {"type", "quantitative"}, {"title", axis_title}, {"scale", {{"zero", true}}}};
  };
  const Json colour = {{"field", "machine"},
                       {"type", "nominal"},
                       {"sort", nullptr},
                       {"title", nullptr},
                       {"scale", {{"range", colours("series", series_colour_count)}}}};
  const Json tooltip = Json::array({{{"field", "commit"}, {"title", "commit"}},
                                    {{"field", "date"}, {"title", "measured"}},
                                    {{"field", "text"}, {"title", "median"}},
                                    {{"field", "range"}, {"title", "range"}},
                                    {{"field", "machine"}, {"title", "machine"}}});

  Json layers = Json::array();
  layers.push_back(
      {{"mark", {{"type", "rule"}, {"strokeWidth", 2}, {"opacity", 0.5}}},
       {"encoding", {{"x", x}, {"y", y("low")}, {"y2", {{"field", "high"}}}, {"color", colour}}}});
  layers.push_back({{"mark", {{"type", "line"}, {"point", {{"size", 50}, {"filled", true}}}}},
                    {"encoding", {{"x", x}, {"y", y("value")}, {"color", colour}, {"tooltip", tooltip}}}});
  if (last.reach) {
    layers.push_back(
        {{"data", {{"values", Json::array({{{"reach", *last.reach}}})}}},
         {"mark", {{"type", "rule"}, {"color", "var(--ink)"}, {"strokeDash", Json::array({4, 4})}}},
         {"encoding", {{"y", {{"field", "reach"}, {"type", "quantitative"}}}}}});
  }
  const Json specification = {{"$schema", "https://vega.github.io/schema/vega-lite/v6.json"},
                              {"width", "container"},
                              {"height", 200},
                              {"data", {{"values", rows_of(curve)}}},
                              {"layer", layers}};

  std::string description = last.higher_is_better ? "Higher is better. " : "Lower is better. ";
  if (last.reach)
    description += fmt::format("The dashed line is to be reached: {}. ", value_text(*last.reach, last.unit));
  description += "Bars are the range of the repeats.";
  return {.id = id,
          .title = last.what,
          .description = description,
          .specification = specification_text(specification)};
}

}  // namespace

std::vector<Chart> history_charts(std::span<const HistoryFigure> figures) {
  std::vector<Chart> charts;
  for (const Curve& curve : curves_of(figures)) {
    std::string id = safe_id(curve.figure);
    while (std::ranges::find(charts, id, &Chart::id) != charts.end())
      id += "-x";
    charts.push_back(chart_of(curve, id));
  }
  return charts;
}

}  // namespace vhdlab::reports
