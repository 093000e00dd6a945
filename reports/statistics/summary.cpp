// Medians and their distribution-free intervals.
#include "reports/statistics/summary.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace vhdlab::reports {
namespace {

constexpr size_t confident_count_min = 6;  // 2 * 0.5^6 = 3.1 % is the first to fall under 5 %

double median_of_sorted(const std::vector<double>& sorted) {
  const size_t half = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

// How many values to leave out at each end of `count` sorted ones so that the rest still spans the true
// median with 95 % confidence: the largest k with P(Binomial(count, 1/2) <= k) <= 2.5 %, counted as values
// outside.
size_t values_outside(size_t count) {
  const auto n = static_cast<double>(count);
  double log_term = -n * std::log(2.0);  // P(exactly 0)
  double below = 0;
  for (size_t k = 0; k < count / 2; ++k) {
    below += std::exp(log_term);
    if (below > 0.025) return k == 0 ? 0 : k - 1;
    log_term += std::log(n - static_cast<double>(k)) - std::log(static_cast<double>(k) + 1);
  }
  return 0;
}

std::vector<double> sorted_numbers(std::span<const double> values) {
  std::vector<double> sorted;
  std::ranges::copy_if(values, std::back_inserter(sorted), [](double v) { return !std::isnan(v); });
  std::ranges::sort(sorted);
  return sorted;
}

}  // namespace

Summary summarise(std::span<const double> values) {
  const std::vector<double> sorted = sorted_numbers(values);
  if (sorted.empty()) return {};
  Summary summary{.median = median_of_sorted(sorted),
                  .low = sorted.front(),
                  .high = sorted.back(),
                  .count = static_cast<uint32_t>(sorted.size()),
                  .interval = IntervalKind::range};
  if (sorted.size() == 1) summary.interval = IntervalKind::none;
  if (sorted.size() >= confident_count_min) {
    const size_t outside = values_outside(sorted.size());
    summary.low = sorted[outside];
    summary.high = sorted[sorted.size() - 1 - outside];
    summary.interval = IntervalKind::confidence_95;
  }
  return summary;
}

double median_of(std::span<const double> values) {
  const std::vector<double> sorted = sorted_numbers(values);
  return sorted.empty() ? 0 : median_of_sorted(sorted);
}

std::string_view interval_name(IntervalKind kind) {
  switch (kind) {
    case IntervalKind::none:
      return "";
    case IntervalKind::range:
      return "range";
    case IntervalKind::confidence_95:
      return "95 % interval";
  }
  return "";
}

}  // namespace vhdlab::reports
