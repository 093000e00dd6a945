// Choosing and building charts.
#include "reports/charts/charts.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "reports/findings/sweep_view.h"
#include "reports/results/metrics.h"
#include "reports/results/number_text.h"

namespace vhdlab::reports {
namespace {

using Json = nlohmann::ordered_json;

// What an axis counts in: values are divided by `divisor`, and the title says `unit`.
struct Scale {
  double divisor = 1;
  std::string unit;
};

Scale scale_for(double largest, std::string_view unit) {
  if (unit == "ns") {
    if (largest < 1e4) return {1, "ns"};
    if (largest < 1e7) return {1e3, "us"};
    if (largest < 1e10) return {1e6, "ms"};
    return {1e9, "s"};
  }
  if (unit == "s")
    return largest < 1e-3 ? Scale{1e-6, "us"} : largest < 1 ? Scale{1e-3, "ms"} : Scale{1, "s"};
  if (unit == "B" || unit == "B/s") {
    constexpr std::array<std::string_view, 5> names = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t step = 0;
    while (largest >= 10 * 1024 && step + 1 < names.size()) {
      largest /= 1024;
      ++step;
    }
    return {std::pow(1024.0, static_cast<double>(step)),
            std::string(names[step]) + (unit == "B/s" ? "/s" : "")};
  }
  return {1, unit == "1" ? "" : std::string(unit)};
}

std::string with_unit(std::string_view title, const std::string& unit) {
  return unit.empty() ? std::string(title) : fmt::format("{} ({})", title, unit);
}

Json colours(std::string_view family, size_t count) {
  Json range = Json::array();
  for (size_t i = 1; i <= count; ++i)
    range.push_back(fmt::format("var(--{}-{})", family, i));
  return range;
}

// `count` of the ramp's steps, spread over its whole length.
Json ramp_colours(size_t count) {
  Json range = Json::array();
  for (size_t i = 0; i < count; ++i) {
    const size_t step = count == 1 ? 0 : (i * (ramp_colour_count - 1) + (count - 1) / 2) / (count - 1);
    range.push_back(fmt::format("var(--ramp-{})", step + 1));
  }
  return range;
}

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// A set of rows and what is known about them while they are collected.
struct Data {
  Json rows = Json::array();
  std::vector<std::string> series;  // in the order they appeared
  double smallest = INFINITY;       // of the values, above 0
  double largest = 0;

  void see(double value) {
    largest = std::max(largest, value);
    if (value > 0) smallest = std::min(smallest, value);
  }
  void see_series(const std::string& name) {
    if (std::ranges::find(series, name) == series.end()) series.push_back(name);
  }
};

// One run among those shown.
struct Run {
  const RunRecord* record;
  SweepView view;
  std::string name;  // empty where there is only one run
};

std::string joined(const std::string& left, const std::string& right, std::string_view separator = ", ") {
  return left.empty() || right.empty() ? left + right : left + std::string(separator) + right;
}

// The horizontal axis that all runs share: the first run's, by name.
struct SharedAxis {
  std::string variable;
  std::string title;
  bool numeric = true;
  std::set<double> places;
  Scale scale;

  [[nodiscard]] const ParameterValue* value_at(const Point& point) const {
    const auto found = std::ranges::find(point.parameters, variable, &ParameterValue::name);
    return found == point.parameters.end() ? nullptr : &*found;
  }

  // Depths 0 1 2 4 ... 50 crowd at the left of a linear axis: where most lie in the first quarter, stretch
  // it.
  [[nodiscard]] bool stretched() const {
    if (places.size() < 5 || *places.begin() < 0) return false;
    const double last = *places.rbegin();
    const auto crowded = std::ranges::count_if(places, [last](double place) { return place <= last / 4; });
    return 2 * static_cast<size_t>(crowded) > places.size();
  }

  [[nodiscard]] Json encoding() const {
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
};

class Album {
 public:
  explicit Album(std::span<const RunRecord> records) {
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

  std::vector<Chart> make() {
    for (const std::string& name : names_of_all()) {
      if (!is_workload(kind_of(name))) continue;
      add_metric_chart(name, "iops", "rate", "operations per second", "Higher is better. ");
      add_latency_chart(name);
      add_distribution_chart(name);
      add_metric_chart(name, "layers_probed_per_read", "probes", "layers probed per read",
                       "How many layers were asked before the data was found. ");
    }
    add_checkpoint_chart();
    add_merge_time_chart();
    add_merge_bytes_chart();
    std::set<std::string> shown;  // the same scenario makes the same files on every target
    for (const Run& run : runs_) {
      if (shown.insert(run.record->scenario_name).second) add_space_chart(run);
    }
    return std::move(charts_);
  }

 private:
  void find_axis() {
    for (const Run& run : runs_) {
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

  [[nodiscard]] std::vector<std::string> names_of_all() const {
    std::vector<std::string> all;
    for (const Run& run : runs_) {
      for (const std::string& name : measurement_names(*run.record)) {
        if (std::ranges::find(all, name) == all.end()) all.push_back(name);
      }
    }
    return all;
  }

  [[nodiscard]] MeasurementKind kind_of(const std::string& name) const {
    for (const Run& run : runs_) {
      for (const Point& point : run.record->points) {
        if (const Measurement* measurement = find_measurement(point, name)) return measurement->kind;
      }
    }
    return MeasurementKind::read;
  }

  // Calls `visit(series, point, measurement)` for every point that has the measurement.
  void each(const std::string& name, auto&& visit) const {
    for (const Run& run : runs_) {
      for (const Curve& curve : run.view.curves) {
        const std::string series = joined(run.name, label_of(curve.fixed));
        for (const Point* point : curve.points) {
          const Measurement* measurement = find_measurement(*point, name);
          if (measurement != nullptr) visit(series, *point, *measurement);
        }
      }
    }
  }

  // The point's place on the axis.
  [[nodiscard]] Json place_of(const Point& point) const {
    const ParameterValue* value = axis_.value_at(point);
    if (axis_.numeric && value != nullptr && value->number) return *value->number / axis_.scale.divisor;
    return value == nullptr ? Json("all") : Json(value->text);
  }

  [[nodiscard]] bool has_place(const Point& point) const {
    return !axis_.numeric || (axis_.value_at(point) != nullptr && axis_.value_at(point)->number.has_value());
  }

  static Json row_of(const Json& x, const std::string& series, const Summary& summary,
                     std::string_view unit) {
    Json row = {
        {"x", x}, {"series", series}, {"y", summary.median}, {"low", summary.low}, {"high", summary.high}};
    row["value"] = value_text(summary.median, unit);
    row["interval"] =
        summary.interval == IntervalKind::none
            ? "one repeat"
            : fmt::format("{} ({})", span_text(summary.low, summary.high, unit), interval_text(summary));
    return row;
  }

  static void rescale(Data& data, const Scale& scale) {
    for (Json& row : data.rows) {
      for (const char* field : {"y", "low", "high"}) {
        if (row.contains(field)) row[field] = row[field].get<double>() / scale.divisor;
      }
    }
  }

  // The common frame of every chart.
  static Json frame(const Data& data, int height) {
    return {{"$schema", "https://vega.github.io/schema/vega-lite/v6.json"},
            {"width", "container"},
            {"height", height},
            {"autosize", {{"type", "fit-x"}, {"contains", "padding"}}},
            {"data", {{"values", data.rows}}}};
  }

  static Json colour_by_series(const Data& data, const char* title = nullptr) {
    Json colour = {
        {"field", "series"}, {"type", "nominal"}, {"title", title == nullptr ? Json(nullptr) : Json(title)}};
    colour["sort"] = data.series;
    colour["scale"] = {{"domain", data.series},
                       {"range", colours("series", std::min(data.series.size(), series_colour_count))}};
    if (data.series.size() < 2) {
      colour["legend"] = nullptr;
    } else {
      size_t longest = 0;
      for (const std::string& name : data.series)
        longest = std::max(longest, name.size());
      // As many columns as labels of this length find room for, at about seven pixels a letter.
      colour["legend"]["symbolOpacity"] = 1;  // bands are pale, their names must not be
      colour["legend"]["columns"] = {{"expr", fmt::format("max(1, floor(width / {}))", 7 * longest + 40)}};
    }
    return colour;
  }

  // Lines with a band for the interval along a numeric axis; otherwise bars with whiskers. `y` carries title
  // and scale.
  [[nodiscard]] Json curve_layers(const Json& x, const Json& y, const Json& colour, bool lines,
                                  const Json& dash = nullptr) const {
    Json low = y;
    low["field"] = "low";
    const Json high = {{"field", "high"}};
    Json tooltip = {{{"field", "x"}, {"title", axis_.variable.empty() ? "point" : words(axis_.variable)}},
                    {{"field", "series"}, {"title", "series"}},
                    {{"field", "value"}, {"title", "median"}},
                    {{"field", "interval"}, {"title", "interval"}}};
    if (!dash.is_null()) tooltip.insert(tooltip.begin() + 2, {{"field", dash["field"]}, {"title", "line"}});
    if (lines) {
      Json band = {{"mark", {{"type", "area"}, {"opacity", 0.22}}},
                   {"encoding", {{"x", x}, {"y", low}, {"y2", high}, {"color", colour}}}};
      Json line = {
          {"mark", {{"type", "line"}, {"strokeWidth", 2.5}, {"point", {{"filled", true}, {"size", 55}}}}},
          {"encoding", {{"x", x}, {"y", y}, {"color", colour}, {"tooltip", tooltip}}}};
      if (!dash.is_null()) {
        band["encoding"]["detail"] = {{"field", dash["field"]}};
        line["encoding"]["strokeDash"] = dash;
      }
      return Json::array({band, line});
    }
    Json offset = {{"field", "series"}};
    offset["sort"] = colour["sort"];
    Json bar = {
        {"mark", {{"type", "bar"}, {"cornerRadiusEnd", 2}}},
        {"encoding", {{"x", x}, {"y", y}, {"xOffset", offset}, {"color", colour}, {"tooltip", tooltip}}}};
    Json whisker = {{"mark", {{"type", "rule"}, {"strokeWidth", 1.5}, {"color", "var(--ink)"}}},
                    {"encoding", {{"x", x}, {"y", low}, {"y2", high}, {"xOffset", offset}}}};
    return Json::array({bar, whisker});
  }

  // A rate or a latency reads against zero; only where values spread over more than a factor of 30 does a
  // logarithmic axis show more than it hides.
  static Json value_axis(const std::string& title, const Data& data, bool may_be_logarithmic) {
    Json y = {{"field", "y"}, {"type", "quantitative"}};
    const bool logarithmic = may_be_logarithmic && data.largest > 30 * data.smallest;
    y["title"] = logarithmic ? title + ", logarithmic" : title;
    y["scale"] = logarithmic ? Json{{"type", "log"}} : Json{{"zero", true}, {"nice", true}};
    y["axis"] = logarithmic ? Json{{"format", ",.9~g"}} : Json{{"format", ",.9~g"}, {"tickCount", 5}};
    return y;
  }

  void add(std::string id, std::string title, std::string description, const Json& specification) {
    for (char& c : id) {
      if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '-';
    }
    // Two measurements may give one id once their odd characters are gone.
    const auto taken = [&](const std::string& wanted) {
      return std::ranges::find(charts_, wanted, &Chart::id) != charts_.end();
    };
    std::string unique = id;
    for (int n = 2; taken(unique); ++n)
      unique = fmt::format("{}-{}", id, n);
    charts_.push_back({std::move(unique), std::move(title), std::move(description), text_of(specification)});
  }

  void add_metric_chart(const std::string& name, const std::string& metric_name, const std::string& id,
                        const std::string& what, const std::string& advice) {
    const Metric* metric = find_metric(metric_name);
    Data data;
    each(name, [&](const std::string& series, const Point& point, const Measurement& measurement) {
      const Summary* summary = find_summary(measurement, metric_name);
      if (summary == nullptr || !has_place(point)) return;
      data.see_series(series);
      data.see(summary->high);
      data.rows.push_back(row_of(place_of(point), series, *summary, metric->unit));
    });
    if (data.rows.empty() || (axis_.variable.empty() && runs_.size() == 1))
      return;  // one bar says less than the table
    const std::string unit = metric->unit == "1/s" ? "1/s" : "";
    Json specification = frame(data, 250);
    specification["layer"] = curve_layers(axis_.encoding(), value_axis(with_unit(what, unit), data, false),
                                          colour_by_series(data), axis_.numeric);
    add(name + "-" + id, words(name) + ": " + what, advice + interval_advice(), specification);
  }

  [[nodiscard]] std::string interval_advice() const {
    if (std::ranges::all_of(runs_, [](const Run& run) { return is_in_virtual_time(*run.record); }))
      return axis_.numeric ? "Points are in virtual time, where repeats do not differ."
                           : "Bars are in virtual time, where repeats do not differ.";
    return axis_.numeric ? "Points are medians of the repeats, bands their intervals."
                         : "Bars are medians of the repeats, whiskers their intervals.";
  }

  // Up to four values of a field, told apart by dashes.
  static Json dash_by(const char* field, const std::vector<std::string>& values) {
    Json dash = {{"field", field}, {"type", "nominal"}, {"title", nullptr}};
    dash["legend"] = {{"symbolType", "stroke"},
                      {"symbolStrokeColor", "var(--ink)"},
                      {"symbolSize", 300},
                      {"symbolFillColor", "transparent"},
                      {"symbolOpacity", 1}};
    Json patterns = Json::array();
    for (const Json& pattern : {Json{1, 0}, Json{5, 4}, Json{2, 3}, Json{9, 3, 2, 3}}) {
      if (patterns.size() < values.size()) patterns.push_back(pattern);
    }
    dash["scale"] = {{"domain", values}, {"range", patterns}};
    return dash;
  }

  // p50 and p99 in one chart: by colour in a single series, by dashes where colour already tells series
  // apart.
  void add_latency_chart(const std::string& name) {
    Data data;
    each(name, [&](const std::string& series, const Point& point, const Measurement& measurement) {
      for (const auto& [metric, label] :
           {std::pair{"latency_ns_p50", "p50 (median)"}, std::pair{"latency_ns_p99", "p99"}}) {
        const Summary* summary = find_summary(measurement, metric);
        if (summary == nullptr || !has_place(point)) continue;
        data.see_series(series);
        data.see(summary->median);
        Json row = row_of(place_of(point), series, *summary, "ns");
        row["percentile"] = label;
        data.rows.push_back(std::move(row));
      }
    });
    if (data.rows.empty()) return;
    const bool single = data.series.size() == 1;
    const bool lines = axis_.numeric;
    if (single || !lines) {
      // Without lines there are no dashes: the percentile joins the series' name.
      data.series.clear();
      for (Json& row : data.rows) {
        row["series"] =
            joined(single ? "" : row["series"].get<std::string>(), row["percentile"].get<std::string>());
        data.see_series(row["series"].get<std::string>());
      }
    }
    const Scale scale = scale_for(data.largest, "ns");
    rescale(data, scale);
    const Json dash = !single && lines ? dash_by("percentile", {"p50 (median)", "p99"}) : Json(nullptr);
    const Json y = value_axis(with_unit("latency", scale.unit), data, lines);
    Json specification = frame(data, 250);
    specification["layer"] = curve_layers(axis_.encoding(), y, colour_by_series(data), lines, dash);
    add(name + "-latency", words(name) + ": latency",
        "Lower is better. Half of the operations finish within p50, 99 of 100 within p99. " +
            interval_advice(),
        specification);
  }

  // The whole distribution, a line per point; the horizontal axis counts nines, so that the tail has room.
  void add_distribution_chart(const std::string& name) {
    struct Line {
      std::string series;
      std::string label;
      Histogram histogram;
    };
    std::vector<Line> lines;
    std::vector<std::string> all_series;
    each(name, [&](const std::string& series, const Point& point, const Measurement& measurement) {
      Histogram all;
      for (const Repeat& repeat : measurement.repeats) {
        if (repeat.all.latency) all.merge(Histogram(repeat.all.latency->buckets));
      }
      if (all.count() < 100) return;
      const ParameterValue* value = axis_.value_at(point);
      const std::string label = joined(series, value == nullptr ? "" : label_of({*value}));
      lines.push_back({series, label.empty() ? words(name) : label, std::move(all)});
      if (std::ranges::find(all_series, series) == all_series.end()) all_series.push_back(series);
    });
    if (lines.empty()) return;
    // Of each series the first, the last, and some evenly between.
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

    Data data;
    constexpr std::array percents = {0.0,  10.0, 20.0, 30.0,  40.0,  50.0,  60.0,  70.0, 80.0,
                                     85.0, 90.0, 93.0, 95.0,  97.0,  98.0,  99.0,  99.3, 99.5,
                                     99.7, 99.8, 99.9, 99.93, 99.95, 99.97, 99.98, 99.99};
    for (const Line* line : chosen) {
      data.see_series(line->label);
      for (const double percent : percents) {
        // A percentile is shown only where at least ten samples lie beyond it.
        if ((1 - percent / 100) * static_cast<double>(line->histogram.count()) < 10) break;
        const auto value = static_cast<double>(line->histogram.percentile_ns(percent));
        data.see(value);
        data.rows.push_back({{"x", -std::log10(1 - percent / 100)},
                             {"series", line->label},
                             {"y", value},
                             {"percentile", fmt::format("{} %", percent)},
                             {"value", value_text(value, "ns")}});
      }
    }
    const Scale scale = scale_for(data.largest, "ns");
    rescale(data, scale);
    const Json x = {{"field", "x"},
                    {"type", "quantitative"},
                    {"title", "share of operations that finish within the latency"},
                    {"axis",
                     {{"values", {0.30103, 1, 2, 3, 4}},
                      {"grid", false},
                      {"labelOverlap", false},
                      {"labelExpr",
                       "datum.value < 0.5 ? '50 %' : datum.value < 1.5 ? '90 %' "
                       ": datum.value < 2.5 ? '99 %' "
                       ": datum.value < 3.5 ? '99.9 %' : '99.99 %'"}}}};
    Json colour = colour_by_series(data);
    const bool ordered = runs_.size() == 1 && runs_.front().view.curves.size() == 1;
    if (ordered && data.series.size() > 1) colour["scale"]["range"] = ramp_colours(data.series.size());
    Json specification = frame(data, 270);
    specification["mark"] = {{"type", "line"}, {"strokeWidth", 2}, {"interpolate", "monotone"}};
    specification["encoding"] = {{"x", x},
                                 {"y", value_axis(with_unit("latency", scale.unit), data, true)},
                                 {"color", colour},
                                 {"tooltip",
                                  {{{"field", "series"}, {"title", "line"}},
                                   {{"field", "percentile"}, {"title", "share"}},
                                   {{"field", "value"}, {"title", "latency"}}}}};
    add(name + "-distribution", words(name) + ": latency distribution",
        "Each line is one point of the sweep, all repeats together. The further right, the rarer; a line "
        "ends where fewer "
        "than ten operations were slower.",
        specification);
  }

  static constexpr size_t distribution_lines_max = 6;
  static constexpr size_t dashes_max = 4;
  static constexpr size_t lined_layers_max = 100;  // of 250 pixels; lines between more would be all there is

  // Operations on checkpoints, and merges of what they left. Other merges have charts of their own.
  static bool belongs_to_checkpoints(const Measurement& measurement) {
    return is_checkpoint_operation(measurement.kind) ||
           (measurement.kind == MeasurementKind::merge && measurement.workload.merge_range == "pending");
  }

  // What each operation took, by colour; runs and other variables of the sweep by dashes. Nothing where no
  // checkpoint was operated on, and no place where an operation had nothing to do.
  void add_checkpoint_chart() {
    Data data;
    std::vector<std::string> curves;
    for (const std::string& name : names_of_all()) {
      each(name, [&](const std::string& curve, const Point& point, const Measurement& measurement) {
        const Summary* time = find_summary(measurement, "duration_s");
        if (!belongs_to_checkpoints(measurement) || time == nullptr || time->low <= 0 || !has_place(point))
          return;
        if (std::ranges::find(curves, curve) == curves.end()) curves.push_back(curve);
        data.see_series(words(name));
        data.see(time->median);
        Json row = row_of(place_of(point), words(name), *time, "s");
        row["curve"] = curve;
        data.rows.push_back(std::move(row));
      });
    }
    if (data.rows.size() < 2) return;
    const bool lines = axis_.numeric;
    Json dash = nullptr;
    if (lines && curves.size() > 1 && curves.size() <= dashes_max) {
      dash = dash_by("curve", curves);
    } else if (curves.size() > 1) {
      data.series.clear();
      for (Json& row : data.rows) {
        row["series"] = joined(row["curve"].get<std::string>(), row["series"].get<std::string>(), ": ");
        data.see_series(row["series"].get<std::string>());
      }
    }
    const Scale scale = scale_for(data.largest, "s");
    rescale(data, scale);
    Json specification = frame(data, 270);
    specification["layer"] =
        curve_layers(axis_.encoding(), value_axis(with_unit("time", scale.unit), data, lines),
                     colour_by_series(data), lines, dash);
    add("checkpoints-time", "checkpoints: time of each operation",
        "Lower is better. Deleting a checkpoint moves nothing: its cost is the merge that follows. " +
            interval_advice(),
        specification);
  }

  // Calls `visit(series, point, measurement)` for every merge, the series naming run, fixed values and order.
  void each_merge(auto&& visit) const {
    std::set<std::string> orders;
    std::vector<std::string> merges;
    for (const std::string& name : names_of_all()) {
      if (kind_of(name) == MeasurementKind::merge) merges.push_back(name);
    }
    for (const std::string& name : merges) {
      each(name, [&](const std::string&, const Point&, const Measurement& m) {
        orders.insert(m.workload.merge_order);
      });
    }
    for (const Run& run : runs_) {
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
  static Json changed_data_axis(Data& data, double largest_bytes) {
    const Scale scale = scale_for(largest_bytes, "B");
    for (Json& row : data.rows)
      row["x"] = row["x"].get<double>() / scale.divisor;
    return {{"field", "x"},
            {"type", "quantitative"},
            {"title", with_unit("changed data in the merged layers", scale.unit)},
            {"axis", {{"grid", false}, {"format", ",.9~g"}}},
            {"scale", {{"zero", true}, {"nice", true}}}};
  }

  static Json merge_tooltip() {
    return {{{"field", "place"}, {"title", "point"}},
            {{"field", "series"}, {"title", "series"}},
            {{"field", "changed"}, {"title", "changed data"}},
            {{"field", "value"}, {"title", "median"}},
            {{"field", "interval"}, {"title", "interval"}}};
  }

  static Json merge_layers(const Json& x, const Json& y, const Json& colour) {
    Json low = y;
    low["field"] = "low";
    return Json::array(
        {{{"mark", {{"type", "rule"}, {"strokeWidth", 2}}},
          {"encoding", {{"x", x}, {"y", low}, {"y2", {{"field", "high"}}}, {"color", colour}}}},
         {{"mark", {{"type", "line"}, {"strokeWidth", 2}, {"point", {{"filled", true}, {"size", 55}}}}},
          {"encoding", {{"x", x}, {"y", y}, {"color", colour}, {"tooltip", merge_tooltip()}}}}});
  }

  // A merge's row for one metric; nothing where the merge had nothing to do.
  static void add_merge_row(Data& data, double& largest_x, const std::string& series, const Point& point,
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

  void add_merge_time_chart() {
    Data data;
    double largest_x = 0;
    each_merge([&](const std::string& series, const Point& point, const Measurement& merge) {
      add_merge_row(data, largest_x, series, point, merge, "duration_s");
    });
    if (data.rows.size() < 2) return;
    const Json x = changed_data_axis(data, largest_x);
    const Scale scale = scale_for(data.largest, "s");
    rescale(data, scale);
    Json specification = frame(data, 250);
    specification["layer"] =
        merge_layers(x, value_axis(with_unit("merge time", scale.unit), data, false), colour_by_series(data));
    add("merge-time", "merge: time against changed data",
        "Lower is better. Each point is one merge, the median of its repeats; whiskers show their intervals.",
        specification);
  }

  // One way to merge: what it moved and what it wrote. Several ways: what each wrote, or the lines could not
  // be told apart.
  void add_merge_bytes_chart() {
    Data moved;
    Data data;
    double largest_x = 0;
    each_merge([&](const std::string& series, const Point& point, const Measurement& merge) {
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
    const Scale scale = scale_for(data.largest, "B");
    rescale(data, scale);
    Json specification = frame(data, 250);
    Json y =
        value_axis(with_unit(several ? "written to files" : "moved and written", scale.unit), data, false);
    specification["layer"] = merge_layers(x, y, colour_by_series(data));
    add("merge-bytes", "merge: bytes against changed data",
        several ? "What each way to merge wrote to files, metadata included. The least possible is the "
                  "changed data itself."
                : "What the merge copied, and what it wrote with metadata. The least possible is the changed "
                  "data itself.",
        specification);
  }

  // Allocated bytes of each file, stacked, base at the bottom.
  void add_space_chart(const Run& run) {
    const Curve& curve = *std::ranges::max_element(
        run.view.curves, {}, [](const Curve& c) { return c.points.back()->layers.size(); });
    Data data;
    size_t layers_max = 0;
    for (const Point* point : curve.points)
      layers_max = std::max(layers_max, point->layers.size());
    if (layers_max < 2 && curve.points.size() < 2) return;
    Json places = Json::array();
    for (const Point* point : curve.points) {
      if (point->layers.empty()) continue;
      const std::string place = run.view.axis ? point->parameters[*run.view.axis].text : "all";
      places.push_back(place);
      double total = 0;
      for (size_t i = 0; i < point->layers.size(); ++i) {
        const LayerState& layer = point->layers[i];
        const auto allocated = static_cast<double>(layer.allocated_bytes);
        // Layers share eight steps of one ramp: with fifty of them, order can be shown and identity cannot.
        const size_t step =
            i == 0 ? 0 : 1 + (i - 1) * (ramp_colour_count - 1) / std::max<size_t>(1, layers_max - 1);
        data.rows.push_back({{"x", place},
                             {"y", allocated},
                             {"from", total},
                             {"step", step},
                             {"layer", layer.name},
                             {"value", value_text(allocated, "B")},
                             {"size", value_text(static_cast<double>(layer.size_bytes), "B")}});
        total += allocated;
      }
      data.see(total);
    }
    if (data.rows.empty() || data.largest == 0) return;
    const Scale scale = scale_for(data.largest, "B");
    for (Json& row : data.rows) {
      row["to"] = (row["from"].get<double>() + row["y"].get<double>()) / scale.divisor;
      row["from"] = row["from"].get<double>() / scale.divisor;
    }
    const std::string x_title = run.view.axis ? (axis_.variable == run.record->sweep[*run.view.axis].name
                                                     ? axis_.title
                                                     : words(run.record->sweep[*run.view.axis].name))
                                              : "";
    Json domain = Json::array();
    Json range = Json::array({"var(--base-layer)"});
    for (size_t step = 0; step <= ramp_colour_count; ++step)
      domain.push_back(step);
    for (const Json& colour : ramp_colours(ramp_colour_count))
      range.push_back(colour);
    Json specification = frame(data, 250);
    specification["mark"] = {{"type", "bar"},
                             {"stroke", "var(--paper)"},
                             {"strokeWidth", layers_max > lined_layers_max ? 0
                                             : layers_max > 20             ? 0.3
                                                                           : 0.8}};
    specification["encoding"] = {{"x",
                                  {{"field", "x"},
                                   {"type", "ordinal"},
                                   {"sort", places},
                                   {"title", x_title},
                                   {"axis", {{"labelAngle", 0}}}}},
                                 {"y",
                                  {{"field", "from"},
                                   {"type", "quantitative"},
                                   {"title", with_unit("allocated space", scale.unit)},
                                   {"axis", {{"format", ",.9~g"}, {"tickCount", 5}}}}},
                                 {"y2", {{"field", "to"}}},
                                 {"color",
                                  {{"field", "step"},
                                   {"type", "ordinal"},
                                   {"scale", {{"domain", domain}, {"range", range}}},
                                   {"legend", nullptr}}},
                                 {"tooltip",
                                  {{{"field", "layer"}, {"title", "layer"}},
                                   {{"field", "value"}, {"title", "allocated"}},
                                   {{"field", "size"}, {"title", "file size"}}}}};
    const std::string where = label_of(curve.fixed);
    add("space", joined("space per layer", where, ": "),
        "What the file system gave each file: the base in grey at the bottom, older checkpoints above it, "
        "the newest on top.",
        specification);
  }

  std::vector<Run> runs_;
  SharedAxis axis_;
  std::vector<Chart> charts_;
};

}  // namespace

std::vector<Chart> charts_of(std::span<const RunRecord> records) {
  return Album(records).make();
}

}  // namespace vhdlab::reports
