// Comparing two sets of repeats.
#include "reports/statistics/compare.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace vhdlab::reports {
namespace {

constexpr size_t bootstrap_count_min = 6;

// The chance that two sets of repeats drawn from the same source fall apart without overlap, either way
// round.
double chance_of_parting(size_t a_count, size_t b_count) {
  double arrangements = 1;
  for (size_t i = 1; i <= b_count; ++i) {
    arrangements *= static_cast<double>(a_count + i) / static_cast<double>(i);
  }
  return 2 / arrangements;
}

Verdict verdict_of(double ratio) {
  return ratio > 1 ? Verdict::higher : Verdict::lower;
}

std::string percent(double share) {
  const double value = share * 100;
  return std::abs(value) < 9.95 ? fmt::format("{:.1f}", value) : fmt::format("{:.0f}", value);
}

std::string signed_percent(double share) {
  return (share > 0 ? "+" : "") + percent(share);
}

}  // namespace

Comparison compare(std::span<const double> a, std::span<const double> b, uint64_t seed, Chance chance) {
  const double a_median = median_of(a);
  if (a.empty() || b.empty() || a_median == 0) return {};
  Comparison comparison{.ratio = median_of(b) / a_median, .interval = {}, .verdict = Verdict::not_shown};

  if (chance == Chance::none) {
    comparison.verdict = comparison.ratio == 1 ? Verdict::same : verdict_of(comparison.ratio);
    return comparison;
  }
  if (a.size() >= bootstrap_count_min && b.size() >= bootstrap_count_min) {
    const std::vector<std::vector<double>> groups = {{a.begin(), a.end()}, {b.begin(), b.end()}};
    comparison.interval = bootstrap_interval(
        groups,
        [](std::span<const std::vector<double>> drawn) { return median_of(drawn[1]) / median_of(drawn[0]); },
        seed);
    if (!comparison.interval.contains(1)) comparison.verdict = verdict_of(comparison.ratio);
    return comparison;
  }

  const auto [a_low, a_high] = std::ranges::minmax(a);
  const auto [b_low, b_high] = std::ranges::minmax(b);
  if (a.size() > 1 || b.size() > 1) {
    comparison.interval = {
        .low = b_low / a_high,
        .high = a_low > 0 ? b_high / a_low : std::numeric_limits<double>::infinity(),
        .kind = IntervalKind::range,
    };
  }
  const bool parted = a_high < b_low || b_high < a_low;
  if (parted) {
    const bool enough = chance_of_parting(a.size(), b.size()) <= 0.05;
    comparison.verdict = enough ? verdict_of(comparison.ratio) : Verdict::too_few;
  }
  return comparison;
}

std::string describe(const Comparison& comparison, std::string_view b_name, Better better,
                     std::string_view better_word, std::string_view worse_word) {
  const double change = comparison.ratio - 1;
  const Interval& interval = comparison.interval;
  const bool improved = (change > 0) == (better == Better::higher);
  const std::string_view word = improved ? better_word : worse_word;
  // The sizes of the change, smaller first: a fall of 8 to 16 % reads without signs.
  const auto [near, far] = std::minmax({std::abs(interval.low - 1), std::abs(interval.high - 1)});
  const std::string sizes =
      interval.kind == IntervalKind::none ? "" : fmt::format(" ({} to {} %)", percent(near), percent(far));
  const std::string span =
      interval.kind == IntervalKind::none
          ? ""
          : fmt::format(" ({} to {} %)", signed_percent(interval.low - 1), signed_percent(interval.high - 1));
  switch (comparison.verdict) {
    case Verdict::higher:
    case Verdict::lower:
      return fmt::format("{} is {} % {}{}", b_name, percent(std::abs(change)), word, sizes);
    case Verdict::not_shown:
      return fmt::format("no difference that these repeats can show{}", span);
    case Verdict::too_few:
      return fmt::format("{} measured {} % {}{}, but so few repeats could part by chance", b_name,
                         percent(std::abs(change)), word, sizes);
    case Verdict::same:
      return "no difference";
    case Verdict::not_comparable:
      return "nothing to compare";
  }
  return {};
}

}  // namespace vhdlab::reports
