// What charts are put together from, as pieces of Vega-Lite 6: rows with what is known about them, scales,
// axes, colours and marks. They know nothing of runs.
#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "reports/results/run_record.h"

namespace vhdlab::reports {

using ChartJson = nlohmann::ordered_json;

// ---- Text ----

// Both, with the separator between them where neither is empty.
[[nodiscard]] std::string joined(const std::string& left, const std::string& right,
                                 std::string_view separator = ", ");
[[nodiscard]] std::string with_unit(std::string_view title, const std::string& unit);  // "latency (us)"
[[nodiscard]] std::string specification_text(const ChartJson& specification);

// ---- Values ----

// What an axis counts in: values are divided by `divisor`, and the title says `unit`.
struct ChartScale {
  double divisor = 1;
  std::string unit;
};

// One on which values up to `largest`, in a record's `unit`, are easy to read.
[[nodiscard]] ChartScale scale_for(double largest, std::string_view unit);

// A set of rows and what is known about them while they are collected.
struct ChartRows {
  std::vector<ChartJson> rows;
  std::vector<std::string> series;                            // in the order they appeared
  double smallest = std::numeric_limits<double>::infinity();  // of the values, above 0
  double largest = 0;

  void see(double value);
  void see_series(const std::string& name);
  // Divides what is on the vertical axis.
  void rescale(const ChartScale& scale);
};

// Median and interval of one point, as numbers and as text for the tooltip.
[[nodiscard]] ChartJson row_of(const ChartJson& x, const std::string& series, const Summary& summary,
                               std::string_view unit);

// ---- Axes and colours ----

// A rate or a latency reads against zero; only where values spread over more than a factor of 30 does a
// logarithmic axis show more than it hides.
[[nodiscard]] ChartJson value_axis(const std::string& title, const ChartRows& data, bool may_be_logarithmic);

// The page's colours FAMILY-1 ... FAMILY-count.
[[nodiscard]] ChartJson colours(std::string_view family, size_t count);

// `count` of the ramp's steps, spread over its whole length.
[[nodiscard]] ChartJson ramp_colours(size_t count);

[[nodiscard]] ChartJson colour_by_series(const ChartRows& data, const char* title = nullptr);

// Up to four values of a field, told apart by dashes.
[[nodiscard]] ChartJson dash_by(const char* field, const std::vector<std::string>& values);

// ---- Charts ----

// The common frame of every chart.
[[nodiscard]] ChartJson frame(const ChartRows& data, int height);

// Lines with a band for the interval along a numeric axis; otherwise bars with whiskers. `y` carries title
// and scale; `x_name` stands in the tooltip.
[[nodiscard]] ChartJson curve_layers(const std::string& x_name, const ChartJson& x, const ChartJson& y,
                                     const ChartJson& colour, bool lines, const ChartJson* dash = nullptr);

}  // namespace vhdlab::reports
