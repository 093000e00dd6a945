// A straight line through measurements: what one more layer costs. Least squares uses every value and follows
// outliers; Theil-Sen takes the median of all slopes between pairs and shrugs off up to 29 % of wild values,
// so findings use it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "reports/statistics/bootstrap.h"

namespace vhdlab::reports {

struct LinearFit {
  double slope = 0;
  double intercept = 0;
};

// Absent where fewer than two different x have values. `x` and `y` are equally long.
[[nodiscard]] std::optional<LinearFit> fit_least_squares(std::span<const double> x,
                                                         std::span<const double> y);
[[nodiscard]] std::optional<LinearFit> fit_theil_sen(std::span<const double> x, std::span<const double> y);

struct RobustSlope {
  LinearFit fit;
  Interval interval;  // of the slope; kind none where the repeats are too few to give one
};

// The Theil-Sen line through the repeats `y[i]` measured at each `x[i]`, and the 95 % bootstrap interval of
// its slope (repeats resampled within each x). Needs three different x for the line; the interval needs three
// repeats at each.
[[nodiscard]] std::optional<RobustSlope> fit_repeats(std::span<const double> x,
                                                     std::span<const std::vector<double>> y, uint64_t seed);

}  // namespace vhdlab::reports
