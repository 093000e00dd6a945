// Judging expectations; see expectations.h.
#include "scenarios/runner/expectations.h"

#include <fmt/format.h>

#include "reports/results/metrics.h"

namespace vhdlab::scenarios {
namespace {

std::optional<double> observed_at(const reports::RunRecord& record, size_t point,
                                  const Expectation& expectation) {
  if (point >= record.points.size()) return std::nullopt;
  const auto* measurement = reports::find_measurement(record.points[point], expectation.step);
  if (measurement == nullptr) return std::nullopt;
  const auto* summary = reports::find_summary(*measurement, expectation.metric);
  if (summary == nullptr || summary->count == 0) return std::nullopt;
  return summary->median;
}

reports::Expectation judge_comparison(const Scenario& scenario, const reports::RunRecord& record,
                                      const Expectation& expectation,
                                      const Expectation::Comparison& comparison) {
  reports::Expectation verdict;
  verdict.text = expectation.text;
  if (expectation.comparisons.size() > 1) {
    verdict.text += fmt::format(" ({})", describe_point(scenario, scenario.points[comparison.point]));
  }
  verdict.metric = expectation.step + "." + expectation.metric;
  verdict.limit = expectation.limit;
  verdict.unit = comparison.baseline ? "%" : expectation.unit;
  verdict.observed = observed_at(record, comparison.point, expectation);
  if (comparison.baseline) {
    const auto baseline = observed_at(record, *comparison.baseline, expectation);
    const bool comparable = verdict.observed && baseline && *baseline != 0;
    verdict.observed = comparable ? std::optional(*verdict.observed / *baseline) : std::nullopt;
  }
  verdict.met = verdict.observed &&
                (expectation.direction == LimitDirection::at_least ? *verdict.observed >= expectation.limit
                                                                   : *verdict.observed <= expectation.limit);
  return verdict;
}

}  // namespace

std::vector<reports::Expectation> judge(const Scenario& scenario, const reports::RunRecord& record) {
  std::vector<reports::Expectation> verdicts;
  for (const Expectation& expectation : scenario.expectations) {
    for (const auto& comparison : expectation.comparisons) {
      verdicts.push_back(judge_comparison(scenario, record, expectation, comparison));
    }
  }
  return verdicts;
}

}  // namespace vhdlab::scenarios
