// Rates, latencies and their distribution; see chart_kinds.h.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "reports/charts/chart_kinds.h"
#include "reports/results/metrics.h"
#include "reports/results/number_text.h"

namespace vhdlab::reports {
namespace {

using Json = ChartJson;

constexpr size_t distribution_lines_max = 6;

void add_metric_chart(const ShownRuns& runs, const std::string& name, const std::string& metric_name,
                      const std::string& id, const std::string& what, const std::string& advice,
                      std::vector<Chart>& charts) {
  const SharedAxis& axis = runs.axis();
  const Metric* metric = find_metric(metric_name);
  ChartRows data;
  runs.each(name, [&](const std::string& series, const Point& point, const Measurement& measurement) {
    const Summary* summary = find_summary(measurement, metric_name);
    if (summary == nullptr || !axis.has_place(point)) return;
    data.see_series(series);
    data.see(summary->high);
    data.rows.push_back(row_of(axis.place_of(point), series, *summary, metric->unit));
  });
  if (data.rows.empty() || (axis.variable.empty() && runs.runs().size() == 1))
    return;  // one bar says less than the table
  const std::string unit = metric->unit == "1/s" ? "1/s" : "";
  Json specification = frame(data, 250);
  specification["layer"] =
      curve_layers(axis.name(), axis.encoding(), value_axis(with_unit(what, unit), data, false),
                   colour_by_series(data), axis.numeric);
  charts.push_back({name + "-" + id, words(name) + ": " + what, advice + axis.interval_advice(),
                    specification_text(specification)});
}

// p50 and p99 in one chart: by colour in a single series, by dashes where colour already tells series
// apart.
void add_latency_chart(const ShownRuns& runs, const std::string& name, std::vector<Chart>& charts) {
  const SharedAxis& axis = runs.axis();
  ChartRows data;
  runs.each(name, [&](const std::string& series, const Point& point, const Measurement& measurement) {
    for (const auto& [metric, label] :
         {std::pair{"latency_ns_p50", "p50 (median)"}, std::pair{"latency_ns_p99", "p99"}}) {
      const Summary* summary = find_summary(measurement, metric);
      if (summary == nullptr || !axis.has_place(point)) continue;
      data.see_series(series);
      data.see(summary->median);
      Json row = row_of(axis.place_of(point), series, *summary, "ns");
      row["percentile"] = label;
      data.rows.push_back(std::move(row));
    }
  });
  if (data.rows.empty()) return;
  const bool single = data.series.size() == 1;
  const bool lines = axis.numeric;
  if (single || !lines) {
    // Without lines there are no dashes: the percentile joins the series' name.
    data.series.clear();
    for (Json& row : data.rows) {
      row["series"] =
          joined(single ? "" : row["series"].get<std::string>(), row["percentile"].get<std::string>());
      data.see_series(row["series"].get<std::string>());
    }
  }
  const ChartScale scale = scale_for(data.largest, "ns");
  data.rescale(scale);
  const Json dash = dash_by("percentile", {"p50 (median)", "p99"});
  const Json y = value_axis(with_unit("latency", scale.unit), data, lines);
  Json specification = frame(data, 250);
  specification["layer"] = curve_layers(axis.name(), axis.encoding(), y, colour_by_series(data), lines,
                                        !single && lines ? &dash : nullptr);
  charts.push_back({name + "-latency", words(name) + ": latency",
                    "Lower is better. Half of the operations finish within p50, 99 of 100 within p99. " +
                        axis.interval_advice(),
                    specification_text(specification)});
}

// ---- Distribution ----

// All repeats of one point together.
struct Line {
  std::string series;
  std::string label;
  Histogram histogram;
};

std::vector<Line> distributions_of(const ShownRuns& runs, const std::string& name) {
  std::vector<Line> lines;
  runs.each(name, [&](const std::string& series, const Point& point, const Measurement& measurement) {
    Histogram all;
    for (const Repeat& repeat : measurement.repeats) {
      if (repeat.all.latency) all.merge(Histogram(repeat.all.latency->buckets));
    }
    if (all.count() < 100) return;
    const ParameterValue* value = runs.axis().value_at(point);
    const std::string label = joined(series, value == nullptr ? "" : label_of({*value}));
    lines.push_back({series, label.empty() ? words(name) : label, std::move(all)});
  });
  return lines;
}

// As many as can be told apart: of each series the first, the last, and some evenly between.
std::vector<const Line*> lines_shown(const std::vector<Line>& lines) {
  std::vector<std::string> all_series;
  for (const Line& line : lines) {
    if (std::ranges::find(all_series, line.series) == all_series.end()) all_series.push_back(line.series);
  }
  std::vector<const Line*> chosen;
  const size_t per_series = std::max<size_t>(1, distribution_lines_max / all_series.size());
  for (const std::string& series : all_series) {
    std::vector<const Line*> own;
    for (const Line& line : lines) {
      if (line.series == series) own.push_back(&line);
    }
    const size_t count = std::min(own.size(), per_series);
    for (size_t i = 0; i < count && chosen.size() < series_colour_count; ++i) {
      chosen.push_back(own[count == 1 ? own.size() - 1 : i * (own.size() - 1) / (count - 1)]);
    }
  }
  return chosen;
}

// The horizontal axis counts nines, so that the tail has room.
void add_distribution(const Line& line, ChartRows& data) {
  constexpr std::array percents = {0.0,  10.0, 20.0, 30.0,  40.0,  50.0,  60.0,  70.0, 80.0,
                                   85.0, 90.0, 93.0, 95.0,  97.0,  98.0,  99.0,  99.3, 99.5,
                                   99.7, 99.8, 99.9, 99.93, 99.95, 99.97, 99.98, 99.99};
  data.see_series(line.label);
  for (const double percent : percents) {
    // A percentile is shown only where at least ten samples lie beyond it.
    if ((1 - percent / 100) * static_cast<double>(line.histogram.count()) < 10) break;
    const auto value = static_cast<double>(line.histogram.percentile_ns(percent));
    data.see(value);
    data.rows.push_back({{"x", -std::log10(1 - percent / 100)},
                         {"series", line.label},
                         {"y", value},
                         {"percentile", fmt::format("{} %", percent)},
                         {"value", value_text(value, "ns")}});
  }
}

Json axis_of_nines() {
  return {{"field", "x"},
          {"type", "quantitative"},
          {"title", "share of operations that finish within the latency"},
          {"axis",
           {{"values", {0.30103, 1, 2, 3, 4}},
            {"grid", false},
            {"labelOverlap", false},
            {"labelExpr",
             "datum.value < 0.5 ? '50 %' : datum.value < 1.5 ? '90 %' : datum.value < 2.5 ? '99 %' "
             ": datum.value < 3.5 ? '99.9 %' : '99.99 %'"}}}};
}

// The whole distribution, a line per point.
void add_distribution_chart(const ShownRuns& runs, const std::string& name, std::vector<Chart>& charts) {
  const std::vector<Line> lines = distributions_of(runs, name);
  if (lines.empty()) return;
  ChartRows data;
  for (const Line* line : lines_shown(lines))
    add_distribution(*line, data);
  const ChartScale scale = scale_for(data.largest, "ns");
  data.rescale(scale);
  Json colour = colour_by_series(data);
  const bool ordered = runs.runs().size() == 1 && runs.runs().front().view.curves.size() == 1;
  if (ordered && data.series.size() > 1) colour["scale"]["range"] = ramp_colours(data.series.size());
  Json specification = frame(data, 270);
  specification["mark"] = {{"type", "line"}, {"strokeWidth", 2}, {"interpolate", "monotone"}};
  specification["encoding"] = {{"x", axis_of_nines()},
                               {"y", value_axis(with_unit("latency", scale.unit), data, true)},
                               {"color", colour},
                               {"tooltip",
                                {{{"field", "series"}, {"title", "line"}},
                                 {{"field", "percentile"}, {"title", "share"}},
                                 {{"field", "value"}, {"title", "latency"}}}}};
  charts.push_back(
      {name + "-distribution", words(name) + ": latency distribution",
       "Each line is one point of the sweep, all repeats together. The further right, the rarer; a line "
       "ends where fewer than ten operations were slower.",
       specification_text(specification)});
}

}  // namespace

void add_workload_charts(const ShownRuns& runs, const std::string& measurement, std::vector<Chart>& charts) {
  add_metric_chart(runs, measurement, "iops", "rate", "operations per second", "Higher is better. ", charts);
  add_latency_chart(runs, measurement, charts);
  add_distribution_chart(runs, measurement, charts);
  add_metric_chart(runs, measurement, "layers_probed_per_read", "probes", "layers probed per read",
                   "How many layers were asked before the data was found. ", charts);
}

}  // namespace vhdlab::reports
