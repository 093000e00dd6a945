// Collecting runs and finding their axis; see shown_runs.h.
#include "reports/charts/shown_runs.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "reports/results/metrics.h"

namespace vhdlab::reports {
namespace {

using Json = ChartJson;

}  // namespace

// ---- The axis ----

std::string SharedAxis::name() const {
  return variable.empty() ? "point" : words(variable);
}

const ParameterValue* SharedAxis::value_at(const Point& point) const {
  const auto found = std::ranges::find(point.parameters, variable, &ParameterValue::name);
  return found == point.parameters.end() ? nullptr : &*found;
}

bool SharedAxis::has_place(const Point& point) const {
  return !numeric || (value_at(point) != nullptr && value_at(point)->number.has_value());
}

Json SharedAxis::place_of(const Point& point) const {
  const ParameterValue* value = value_at(point);
  if (numeric && value != nullptr && value->number) return *value->number / scale.divisor;
  return value == nullptr ? Json("all") : Json(value->text);
}

// Depths 0 1 2 4 ... 50 crowd at the left of a linear axis: where most lie in the first quarter, stretch
// it.
bool SharedAxis::stretched() const {
  if (places.size() < 5 || *places.begin() < 0) return false;
  const double last = *places.rbegin();
  const auto crowded = std::ranges::count_if(places, [last](double place) { return place <= last / 4; });
  return 2 * static_cast<size_t>(crowded) > places.size();
}

Json SharedAxis::encoding() const {
  if (!numeric) {
    return {{"field", "x"},
            {"type", "nominal"},
            {"title", title},
            {"sort", nullptr},
            {"axis", {{"labelAngle", 0}}},
            {"scale", {{"paddingInner", 0.4}, {"paddingOuter", 0.3}}}};
  }
  Json values = Json::array();
  for (const double place : places)
    values.push_back(place / scale.divisor);
  Json x = {{"field", "x"}, {"type", "quantitative"}, {"title", title}};
  x["axis"] = {{"grid", false}};
  if (places.size() <= 12) x["axis"]["values"] = values;
  x["axis"]["format"] = ",.9~g";
  x["axis"]["labelOverlap"] = "greedy";
  x["scale"] = stretched() ? Json{{"type", "symlog"}, {"constant", 1}, {"nice", false}}
                           : Json{{"zero", *places.begin() >= 0 && *places.begin() <= *places.rbegin() / 4},
                                  {"nice", false}};
  x["scale"]["padding"] = 8;
  return x;
}

std::string SharedAxis::interval_advice() const {
  if (!repeats_differ)
    return numeric ? "Points are in virtual time, where repeats do not differ."
                   : "Bars are in virtual time, where repeats do not differ.";
  return numeric ? "Points are medians of the repeats, bands their intervals."
                 : "Bars are medians of the repeats, whiskers their intervals.";
}

// ---- The runs ----

ShownRuns::ShownRuns(std::span<const RunRecord> records) {
  std::vector<const RunRecord*> pointers;
  for (const RunRecord& record : records)
    pointers.push_back(&record);
  const std::vector<std::string> names = run_names(pointers);
  for (size_t i = 0; i < records.size(); ++i) {
    if (records[i].points.empty()) continue;
    runs_.push_back({&records[i], view_of(records[i]), records.size() == 1 ? "" : names[i]});
  }
  find_axis();
}

void ShownRuns::find_axis() {
  axis_.repeats_differ =
      !std::ranges::all_of(runs_, [](const ShownRun& run) { return is_in_virtual_time(*run.record); });
  for (const ShownRun& run : runs_) {
    if (!run.view.axis) continue;
    const SweepVariable& variable = run.record->sweep[*run.view.axis];
    if (axis_.variable.empty()) {
      axis_.variable = variable.name;
      axis_.title = variable.name == "depth" ? "chain depth (layers above the base)" : words(variable.name);
      axis_.scale.unit = variable.unit;
    }
    if (axis_.variable != variable.name) continue;
    axis_.numeric = axis_.numeric && run.view.numeric;
    for (const Point& point : run.record->points) {
      const ParameterValue* value = axis_.value_at(point);
      if (value != nullptr && value->number) axis_.places.insert(*value->number);
    }
  }
  if (axis_.variable.empty()) axis_.numeric = false;
  if (!axis_.places.empty()) {
    axis_.scale = scale_for(*axis_.places.rbegin(), axis_.scale.unit);
    axis_.title = with_unit(axis_.title, axis_.scale.unit);
  }
}

std::vector<std::string> ShownRuns::measurements() const {
  std::vector<std::string> all;
  for (const ShownRun& run : runs_) {
    for (const std::string& name : measurement_names(*run.record)) {
      if (std::ranges::find(all, name) == all.end()) all.push_back(name);
    }
  }
  return all;
}

MeasurementKind ShownRuns::kind_of(const std::string& measurement) const {
  for (const ShownRun& run : runs_) {
    for (const Point& point : run.record->points) {
      if (const Measurement* found = find_measurement(point, measurement)) return found->kind;
    }
  }
  return MeasurementKind::read;
}

}  // namespace vhdlab::reports
