// Merges: time and bytes against what had changed; see chart_kinds.h.
#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "reports/charts/chart_kinds.h"
#include "reports/results/metrics.h"
#include "reports/results/number_text.h"

namespace vhdlab::reports {
namespace {

using Json = ChartJson;

// Calls `visit(series, point, measurement)` for every merge, the series naming run, fixed values and order.
void each_merge(const ShownRuns& runs, auto&& visit) {
  std::set<std::string> orders;
  std::vector<std::string> merges;
  for (const std::string& name : runs.measurements()) {
    if (runs.kind_of(name) == MeasurementKind::merge) merges.push_back(name);
  }
  for (const std::string& name : merges) {
    runs.each(name, [&](const std::string&, const Point&, const Measurement& m) {
      orders.insert(m.workload.merge_order);
    });
  }
  for (const ShownRun& run : runs.runs()) {
    for (const Curve& curve : run.view.curves) {
      for (const std::string& name : merges) {
        for (const Point* point : curve.points) {
          const Measurement* merge = find_measurement(*point, name);
          if (merge == nullptr || merge->repeats.empty()) continue;
          std::vector<ParameterValue> fixed = curve.fixed;
          // The order is named in words below; a sweep variable that holds it would say it twice.
          std::erase_if(fixed,
                        [&](const ParameterValue& v) { return v.text == merge->workload.merge_order; });
          std::string series = joined(run.name, label_of(fixed));
          if (orders.size() > 1) {
            series = joined(series, merge_order_words(merge->workload.merge_order), ": ");
          } else if (merges.size() > 1) {
            series = joined(series, words(name));
          }
          visit(series, *point, *merge);
        }
      }
    }
  }
}

// Changed data on the horizontal axis of the merge charts.
Json changed_data_axis(ChartRows& data, double largest_bytes) {
  const ChartScale scale = scale_for(largest_bytes, "B");
  for (Json& row : data.rows)
    row["x"] = row["x"].get<double>() / scale.divisor;
  return {{"field", "x"},
          {"type", "quantitative"},
          {"title", with_unit("changed data in the merged layers", scale.unit)},
          {"axis", {{"grid", false}, {"format", ",.9~g"}}},
          {"scale", {{"zero", true}, {"nice", true}}}};
}

Json merge_tooltip() {
  return {{{"field", "place"}, {"title", "point"}},
          {{"field", "series"}, {"title", "series"}},
          {{"field", "changed"}, {"title", "changed data"}},
          {{"field", "value"}, {"title", "median"}},
          {{"field", "interval"}, {"title", "interval"}}};
}

Json merge_layers(const Json& x, const Json& y, const Json& colour) {
  Json low = y;
  low["field"] = "low";
  return Json::array(
      {{{"mark", {{"type", "rule"}, {"strokeWidth", 2}}},
        {"encoding", {{"x", x}, {"y", low}, {"y2", {{"field", "high"}}}, {"color", colour}}}},
       {{"mark", {{"type", "line"}, {"strokeWidth", 2}, {"point", {{"filled", true}, {"size", 55}}}}},
        {"encoding", {{"x", x}, {"y", y}, {"color", colour}, {"tooltip", merge_tooltip()}}}}});
}

// A merge's row for one metric; nothing where the merge had nothing to do.
void add_merge_row(ChartRows& data, double& largest_x, const std::string& series, const Point& point,
                   const Measurement& merge, std::string_view metric) {
  const Summary* changed = find_summary(merge, "union_bytes");
  const Summary* value = find_summary(merge, metric);
  const Summary* layers = find_summary(merge, "layers_merged");
  if (changed == nullptr || value == nullptr || layers == nullptr || layers->median == 0) return;
  data.see_series(series);
  data.see(value->median);
  largest_x = std::max(largest_x, changed->median);
  Json row = row_of(changed->median, series, *value, find_metric(metric)->unit);
  row["place"] = label_of(point.parameters);
  row["changed"] = bytes_text(changed->median);
  data.rows.push_back(std::move(row));
}

void add_time_chart(const ShownRuns& runs, std::vector<Chart>& charts) {
  ChartRows data;
  double largest_x = 0;
  each_merge(runs, [&](const std::string& series, const Point& point, const Measurement& merge) {
    add_merge_row(data, largest_x, series, point, merge, "duration_s");
  });
  if (data.rows.size() < 2) return;
  const Json x = changed_data_axis(data, largest_x);
  const ChartScale scale = scale_for(data.largest, "s");
  data.rescale(scale);
  Json specification = frame(data, 250);
  specification["layer"] =
      merge_layers(x, value_axis(with_unit("merge time", scale.unit), data, false), colour_by_series(data));
  charts.push_back(
      {"merge-time", "merge: time against changed data",
       "Lower is better. Each point is one merge, the median of its repeats; whiskers show their intervals.",
       specification_text(specification)});
}

// One way to merge: what it moved and what it wrote. Several ways: what each wrote, or the lines could not
// be told apart.
void add_bytes_chart(const ShownRuns& runs, std::vector<Chart>& charts) {
  ChartRows moved;
  ChartRows data;
  double largest_x = 0;
  each_merge(runs, [&](const std::string& series, const Point& point, const Measurement& merge) {
    add_merge_row(moved, largest_x, "guest data moved", point, merge, "bytes_moved");
    add_merge_row(data, largest_x, series, point, merge, "bytes_written");
  });
  const bool several = data.series.size() > 1;
  if (!several) {
    for (Json& row : data.rows)
      row["series"] = "written to files";
    data.series = {"guest data moved", "written to files"};
    for (Json& row : moved.rows)
      data.rows.push_back(std::move(row));
  }
  if (data.rows.size() < 3) return;
  const Json x = changed_data_axis(data, largest_x);
  const ChartScale scale = scale_for(data.largest, "B");
  data.rescale(scale);
  Json specification = frame(data, 250);
  Json y = value_axis(with_unit(several ? "written to files" : "moved and written", scale.unit), data, false);
  specification["layer"] = merge_layers(x, y, colour_by_series(data));
  charts.push_back(
      {"merge-bytes", "merge: bytes against changed data",
       several ? "What each way to merge wrote to files, metadata included. The least possible is the "
                 "changed data itself."
               : "What the merge copied, and what it wrote with metadata. The least possible is the changed "
                 "data itself.",
       specification_text(specification)});
}

}  // namespace

void add_merge_charts(const ShownRuns& runs, std::vector<Chart>& charts) {
  add_time_chart(runs, charts);
  add_bytes_chart(runs, charts);
}

}  // namespace vhdlab::reports
