// The charts a set of runs calls for, as Vega-Lite 6 specifications. What is drawn follows from what the
// records hold: a curve over the sweep, bars where the sweep has no order, nothing where nothing was
// measured. Several runs share one chart and are told apart by colour, so that measured and simulated curves
// lie on each other.
//
// Specifications name colours only as CSS variables (--ink, --grid, --series-1 ... --series-8, --ramp-1 ...
// --ramp-8), so the page decides how they look in light, in dark and on paper.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "reports/results/run_record.h"

namespace vhdlab::reports {

struct Chart {
  std::string id;             // unique in the page: "reads-rate"
  std::string title;          // "reads: operations per second"
  std::string description;    // how to read it; also the text for those who do not see it
  std::string specification;  // Vega-Lite JSON with its data inside; "width" is "container"
};

inline constexpr size_t series_colour_count = 8;
inline constexpr size_t ramp_colour_count = 8;

// Records that do not belong together still give charts; what they have in common shares one.
[[nodiscard]] std::vector<Chart> charts_of(std::span<const RunRecord> records);

}  // namespace vhdlab::reports
