// Intervals by resampling: draw from the repeats with replacement, recompute, and see how far the answer
// moves. The draws come from a seed, so the same repeats always give the same interval.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "reports/statistics/summary.h"

namespace vhdlab::reports {

struct Interval {
  double low = 0;
  double high = 0;
  IntervalKind kind = IntervalKind::none;

  [[nodiscard]] bool contains(double value) const { return low <= value && value <= high; }
  friend bool operator==(const Interval&, const Interval&) = default;
};

// The ends of a 95 % interval then vary by about 1 % of its width.
inline constexpr uint32_t bootstrap_draws = 2000;

// The 95 % percentile interval of `statistic` over `bootstrap_draws` resamples of every group. Each group is
// resampled on its own and keeps its size; the statistic sees the resampled groups in the given order.
[[nodiscard]] Interval bootstrap_interval(
    std::span<const std::vector<double>> groups,
    const std::function<double(std::span<const std::vector<double>>)>& statistic, uint64_t seed);

}  // namespace vhdlab::reports
