// Percentile bootstrap with a seeded generator.
#include "reports/statistics/bootstrap.h"

#include <algorithm>
#include <cmath>

#include "engine/base/random.h"

namespace vhdlab::reports {

Interval bootstrap_interval(std::span<const std::vector<double>> groups,
                            const std::function<double(std::span<const std::vector<double>>)>& statistic,
                            uint64_t seed) {
  const uint64_t start = mix64(seed);
  uint64_t drawn = 0;
  auto next_below = [&](size_t bound) {
    return static_cast<size_t>(mix64(start + drawn++) % bound);  // bounds are tiny: the bias is below 2^-50
  };

  std::vector<std::vector<double>> resampled(groups.begin(), groups.end());
  std::vector<double> outcomes;
  outcomes.reserve(bootstrap_draws);
  for (uint32_t draw = 0; draw < bootstrap_draws; ++draw) {
    for (size_t g = 0; g < groups.size(); ++g) {
      for (double& value : resampled[g])
        value = groups[g][next_below(groups[g].size())];
    }
    const double outcome = statistic(resampled);
    if (std::isfinite(outcome)) outcomes.push_back(outcome);
  }
  if (outcomes.empty()) return {};
  std::ranges::sort(outcomes);
  const auto last = static_cast<double>(outcomes.size() - 1);
  return {.low = outcomes[static_cast<size_t>(std::floor(0.025 * last))],
          .high = outcomes[static_cast<size_t>(std::ceil(0.975 * last))],
          .kind = IntervalKind::confidence_95};
}

}  // namespace vhdlab::reports
