// One number for several repeats, and how far to trust it. The number is the median; the interval says where
// the median of many more such repeats would lie. Repeats are few and their noise is not Gaussian, so nothing
// here assumes it is.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace vhdlab::reports {

// What `low` and `high` of a Summary mean.
enum class IntervalKind {
  none,   // a single repeat: low == high == median, and nothing is known about the spread
  range,  // 2 to 5 repeats: the smallest and the largest; too few for a 95 % statement about the median
  confidence_95,  // 6 or more: a pair of order statistics that holds the true median with at least 95 %
                  // confidence
};

struct Summary {
  double median = 0;
  double low = 0;
  double high = 0;
  uint32_t count = 0;  // repeats that had a value; 0 means the summary holds nothing
  IntervalKind interval = IntervalKind::none;
  friend bool operator==(const Summary&, const Summary&) = default;
};

// The median of an even count is the mean of the two middle values. The 95 % interval is the tightest
// symmetric pair of order statistics whose binomial coverage reaches 95 % whatever the distribution: of 6
// values the smallest and largest (96.9 %), of 10 the second and the ninth (97.9 %). Not-a-number values are
// left out.
[[nodiscard]] Summary summarise(std::span<const double> values);

// The median alone; 0 when there are no values.
[[nodiscard]] double median_of(std::span<const double> values);

// "", "range", "95 % interval": what to write beside low and high.
[[nodiscard]] std::string_view interval_name(IntervalKind kind);

}  // namespace vhdlab::reports
