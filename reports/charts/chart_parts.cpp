// Pieces of Vega-Lite; see chart_parts.h.
#include "reports/charts/chart_parts.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "reports/charts/charts.h"
#include "reports/results/number_text.h"

namespace vhdlab::reports {
namespace {

using Json = ChartJson;

}  // namespace

ChartScale scale_for(double largest, std::string_view unit) {
  if (unit == "ns") {
    if (largest < 1e4) return {1, "ns"};
    if (largest < 1e7) return {1e3, "us"};
    if (largest < 1e10) return {1e6, "ms"};
    return {1e9, "s"};
  }
  if (unit == "s")
    return largest < 1e-3 ? ChartScale{1e-6, "us"}
           : largest < 1  ? ChartScale{1e-3, "ms"}
                          : ChartScale{1, "s"};
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

std::string joined(const std::string& left, const std::string& right, std::string_view separator) {
  return left.empty() || right.empty() ? left + right : left + std::string(separator) + right;
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

std::string specification_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void ChartRows::see(double value) {
  largest = std::max(largest, value);
  if (value > 0) smallest = std::min(smallest, value);
}

void ChartRows::see_series(const std::string& name) {
  if (std::ranges::find(series, name) == series.end()) series.push_back(name);
}

void ChartRows::rescale(const ChartScale& scale) {
  for (Json& row : rows) {
    for (const char* field : {"y", "low", "high"}) {
      if (row.contains(field)) row[field] = row[field].get<double>() / scale.divisor;
    }
  }
}

Json row_of(const Json& x, const std::string& series, const Summary& summary, std::string_view unit) {
  Json row = {
      {"x", x}, {"series", series}, {"y", summary.median}, {"low", summary.low}, {"high", summary.high}};
  row["value"] = value_text(summary.median, unit);
  row["interval"] =
      summary.interval == IntervalKind::none
          ? "one repeat"
          : fmt::format("{} ({})", span_text(summary.low, summary.high, unit), interval_text(summary));
  return row;
}

Json frame(const ChartRows& data, int height) {
  return {{"$schema", "https://vega.github.io/schema/vega-lite/v6.json"},
          {"width", "container"},
          {"height", height},
          {"autosize", {{"type", "fit-x"}, {"contains", "padding"}}},
          {"data", {{"values", data.rows}}}};
}

Json colour_by_series(const ChartRows& data, const char* title) {
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

Json curve_layers(const std::string& x_name, const Json& x, const Json& y, const Json& colour, bool lines,
                  const Json* dash) {
  Json low = y;
  low["field"] = "low";
  const Json high = {{"field", "high"}};
  Json tooltip = {{{"field", "x"}, {"title", x_name}},
                  {{"field", "series"}, {"title", "series"}},
                  {{"field", "value"}, {"title", "median"}},
                  {{"field", "interval"}, {"title", "interval"}}};
  if (dash != nullptr) tooltip.insert(tooltip.begin() + 2, {{"field", (*dash)["field"]}, {"title", "line"}});
  if (lines) {
    Json band = {{"mark", {{"type", "area"}, {"opacity", 0.22}}},
                 {"encoding", {{"x", x}, {"y", low}, {"y2", high}, {"color", colour}}}};
    Json line = {
        {"mark", {{"type", "line"}, {"strokeWidth", 2.5}, {"point", {{"filled", true}, {"size", 55}}}}},
        {"encoding", {{"x", x}, {"y", y}, {"color", colour}, {"tooltip", tooltip}}}};
    if (dash != nullptr) {
      band["encoding"]["detail"] = {{"field", (*dash)["field"]}};
      line["encoding"]["strokeDash"] = *dash;
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

Json value_axis(const std::string& title, const ChartRows& data, bool may_be_logarithmic) {
  Json y = {{"field", "y"}, {"type", "quantitative"}};
  const bool logarithmic = may_be_logarithmic && data.largest > 30 * data.smallest;
  y["title"] = logarithmic ? title + ", logarithmic" : title;
  y["scale"] = logarithmic ? Json{{"type", "log"}} : Json{{"zero", true}, {"nice", true}};
  y["axis"] = logarithmic ? Json{{"format", ",.9~g"}} : Json{{"format", ",.9~g"}, {"tickCount", 5}};
  return y;
}

Json dash_by(const char* field, const std::vector<std::string>& values) {
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

}  // namespace vhdlab::reports
