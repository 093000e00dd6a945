// What files take, layer upon layer; see chart_kinds.h.
#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "reports/charts/chart_kinds.h"
#include "reports/results/number_text.h"

namespace vhdlab::reports {
namespace {

using Json = ChartJson;

constexpr size_t lined_layers_max = 100;  // of 250 pixels; lines between more would be all there is

// The points of one curve, each a stack of layers.
struct Stacks {
  ChartRows data;
  Json places = Json::array();
  size_t layers_max = 0;
};

std::string place_of(const ShownRun& run, const Point& point) {
  return run.view.axis ? point.parameters[*run.view.axis].text : "all";
}

void add_stack(const std::string& place, const std::vector<LayerState>& layers, Stacks& stacks) {
  stacks.places.push_back(place);
  double total = 0;
  for (size_t i = 0; i < layers.size(); ++i) {
    const auto allocated = static_cast<double>(layers[i].allocated_bytes);
    // Layers share eight steps of one ramp: with fifty of them, order can be shown and identity cannot.
    const size_t step =
        i == 0 ? 0 : 1 + (i - 1) * (ramp_colour_count - 1) / std::max<size_t>(1, stacks.layers_max - 1);
    stacks.data.rows.push_back({{"x", place},
                                {"y", allocated},
                                {"from", total},
                                {"step", step},
                                {"layer", layers[i].name},
                                {"value", value_text(allocated, "B")},
                                {"size", value_text(static_cast<double>(layers[i].size_bytes), "B")}});
    total += allocated;
  }
  stacks.data.see(total);
}

Stacks stacks_of(const ShownRun& run, const Curve& curve) {
  Stacks stacks;
  for (const Point* point : curve.points)
    stacks.layers_max = std::max(stacks.layers_max, point->layers.size());
  for (const Point* point : curve.points) {
    if (!point->layers.empty()) add_stack(place_of(run, *point), point->layers, stacks);
  }
  return stacks;
}

void rescale(ChartRows& data, const ChartScale& scale) {
  for (Json& row : data.rows) {
    row["to"] = (row["from"].get<double>() + row["y"].get<double>()) / scale.divisor;
    row["from"] = row["from"].get<double>() / scale.divisor;
  }
}

// The base in grey, then the ramp.
Json colour_by_step() {
  Json domain = Json::array();
  Json range = Json::array({"var(--base-layer)"});
  for (size_t step = 0; step <= ramp_colour_count; ++step)
    domain.push_back(step);
  for (const Json& colour : ramp_colours(ramp_colour_count))
    range.push_back(colour);
  return {{"field", "step"},
          {"type", "ordinal"},
          {"scale", {{"domain", domain}, {"range", range}}},
          {"legend", nullptr}};
}

double line_width(size_t layers) {
  if (layers > lined_layers_max) return 0;
  return layers > 20 ? 0.3 : 0.8;
}

// The title of the run's own axis, which may be another than the shared one.
std::string axis_title(const ShownRun& run, const SharedAxis& shared) {
  if (!run.view.axis) return "";
  const std::string& variable = run.record->sweep[*run.view.axis].name;
  return shared.variable == variable ? shared.title : words(variable);
}

// Allocated bytes of each file, stacked, base at the bottom.
void add_space_chart(const ShownRun& run, const SharedAxis& shared, std::vector<Chart>& charts) {
  const Curve& curve = *std::ranges::max_element(
      run.view.curves, {}, [](const Curve& c) { return c.points.back()->layers.size(); });
  Stacks stacks = stacks_of(run, curve);
  ChartRows& data = stacks.data;
  if (stacks.layers_max < 2 && curve.points.size() < 2) return;
  if (data.rows.empty() || data.largest == 0) return;
  const ChartScale scale = scale_for(data.largest, "B");
  rescale(data, scale);
  Json specification = frame(data, 250);
  specification["mark"] = {
      {"type", "bar"}, {"stroke", "var(--paper)"}, {"strokeWidth", line_width(stacks.layers_max)}};
  specification["encoding"] = {{"x",
                                {{"field", "x"},
                                 {"type", "ordinal"},
                                 {"sort", stacks.places},
                                 {"title", axis_title(run, shared)},
                                 {"axis", {{"labelAngle", 0}}}}},
                               {"y",
                                {{"field", "from"},
                                 {"type", "quantitative"},
                                 {"title", with_unit("allocated space", scale.unit)},
                                 {"axis", {{"format", ",.9~g"}, {"tickCount", 5}}}}},
                               {"y2", {{"field", "to"}}},
                               {"color", colour_by_step()},
                               {"tooltip",
                                {{{"field", "layer"}, {"title", "layer"}},
                                 {{"field", "value"}, {"title", "allocated"}},
                                 {{"field", "size"}, {"title", "file size"}}}}};
  charts.push_back({"space", joined("space per layer", label_of(curve.fixed), ": "),
                    "What the file system gave each file: the base in grey at the bottom, older checkpoints "
                    "above it, the newest on top.",
                    specification_text(specification)});
}

}  // namespace

void add_space_charts(const ShownRuns& runs, std::vector<Chart>& charts) {
  std::set<std::string> shown;  // the same scenario makes the same files on every target
  for (const ShownRun& run : runs.runs()) {
    if (shown.insert(run.record->scenario_name).second) add_space_chart(run, runs.axis(), charts);
  }
}

}  // namespace vhdlab::reports
