// Least squares and Theil-Sen lines.
#include "reports/statistics/linear_fit.h"

#include <algorithm>
#include <set>

namespace vhdlab::reports {
namespace {

constexpr size_t distinct_x_min = 3;  // two points always lie on a line and prove nothing about it
constexpr size_t repeats_for_interval = 3;

}  // namespace

std::optional<LinearFit> fit_least_squares(std::span<const double> x, std::span<const double> y) {
  const auto n = static_cast<double>(x.size());
  double mean_x = 0;
  double mean_y = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    mean_x += x[i] / n;
    mean_y += y[i] / n;
  }
  double covariance = 0;
  double variance = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    covariance += (x[i] - mean_x) * (y[i] - mean_y);
    variance += (x[i] - mean_x) * (x[i] - mean_x);
  }
  if (variance == 0) return std::nullopt;
  const double slope = covariance / variance;
  return LinearFit{.slope = slope, .intercept = mean_y - slope * mean_x};
}

std::optional<LinearFit> fit_theil_sen(std::span<const double> x, std::span<const double> y) {
  std::vector<double> slopes;
  for (size_t i = 0; i < x.size(); ++i) {
    for (size_t j = i + 1; j < x.size(); ++j) {
      if (x[i] != x[j]) slopes.push_back((y[j] - y[i]) / (x[j] - x[i]));
    }
  }
  if (slopes.empty()) return std::nullopt;
  const double slope = median_of(slopes);
  std::vector<double> intercepts;
  for (size_t i = 0; i < x.size(); ++i)
    intercepts.push_back(y[i] - slope * x[i]);
  return LinearFit{.slope = slope, .intercept = median_of(intercepts)};
}

std::optional<RobustSlope> fit_repeats(std::span<const double> x, std::span<const std::vector<double>> y,
                                       uint64_t seed) {
  if (std::set<double>(x.begin(), x.end()).size() < distinct_x_min) return std::nullopt;
  // One median per x keeps each x's weight equal however many repeats it has.
  auto line_through = [x](std::span<const std::vector<double>> groups) {
    std::vector<double> medians;
    for (const std::vector<double>& group : groups)
      medians.push_back(median_of(group));
    return fit_theil_sen(x, medians);
  };
  const std::optional<LinearFit> fit = line_through(y);
  if (!fit) return std::nullopt;
  RobustSlope robust{.fit = *fit, .interval = {}};
  if (std::ranges::all_of(y, [](const auto& group) { return group.size() >= repeats_for_interval; })) {
    robust.interval = bootstrap_interval(
        y, [&](std::span<const std::vector<double>> groups) { return line_through(groups)->slope; }, seed);
  }
  return robust;
}

}  // namespace vhdlab::reports
