// Operations on checkpoints; see chart_kinds.h.
#include <algorithm>
#include <optional>

#include <nlohmann/json.hpp>

#include "reports/charts/chart_kinds.h"
#include "reports/results/metrics.h"

namespace vhdlab::reports {
namespace {

using Json = ChartJson;

constexpr size_t dashes_max = 4;

// Operations on checkpoints, and merges of what they left. Other merges have charts of their own.
bool belongs_to_checkpoints(const Measurement& measurement) {
  return is_checkpoint_operation(measurement.kind) ||
         (measurement.kind == MeasurementKind::merge && measurement.workload.merge_range == "pending");
}

}  // namespace

// What each operation took, by colour; runs and other variables of the sweep by dashes. Nothing where no
// checkpoint was operated on, and no place where an operation had nothing to do.
void add_checkpoint_charts(const ShownRuns& runs, std::vector<Chart>& charts) {
  const SharedAxis& axis = runs.axis();
  ChartRows data;
  std::vector<std::string> curves;
  for (const std::string& name : runs.measurements()) {
    runs.each(name, [&](const std::string& curve, const Point& point, const Measurement& measurement) {
      const Summary* time = find_summary(measurement, "duration_s");
      if (!belongs_to_checkpoints(measurement) || time == nullptr || time->low <= 0 || !axis.has_place(point))
        return;
      if (std::ranges::find(curves, curve) == curves.end()) curves.push_back(curve);
      data.see_series(words(name));
      data.see(time->median);
      Json row = row_of(axis.place_of(point), words(name), *time, "s");
      row["curve"] = curve;
      data.rows.push_back(std::move(row));
    });
  }
  if (data.rows.size() < 2) return;
  const bool lines = axis.numeric;
  std::optional<Json> dash;
  if (lines && curves.size() > 1 && curves.size() <= dashes_max) {
    dash = dash_by("curve", curves);
  } else if (curves.size() > 1) {
    data.series.clear();
    for (Json& row : data.rows) {
      row["series"] = joined(row["curve"].get<std::string>(), row["series"].get<std::string>(), ": ");
      data.see_series(row["series"].get<std::string>());
    }
  }
  const ChartScale scale = scale_for(data.largest, "s");
  data.rescale(scale);
  Json specification = frame(data, 270);
  specification["layer"] =
      curve_layers(axis.name(), axis.encoding(), value_axis(with_unit("time", scale.unit), data, lines),
                   colour_by_series(data), lines, dash ? &*dash : nullptr);
  charts.push_back(
      {"checkpoints-time", "checkpoints: time of each operation",
       "Lower is better. Deleting a checkpoint moves nothing: its cost is the merge that follows. " +
           axis.interval_advice(),
       specification_text(specification)});
}

}  // namespace vhdlab::reports
