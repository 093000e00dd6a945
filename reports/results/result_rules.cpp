// Rules over several fields; see result_rules.h.
#include "reports/results/result_rules.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace vhdlab::reports {
namespace {

std::unexpected<Error> field_failure(const std::string& path, const std::string& what) {
  return failure(ErrorKind::damaged, "result-field", path + " " + what,
                 "run the scenario again to get a whole result");
}

Result<void> check_latency(const std::optional<OperationTotals>& totals, const std::string& path) {
  if (!totals || !totals->latency) return {};
  const std::vector<HistogramBucket>& buckets = totals->latency->buckets;
  uint64_t sum = 0;
  for (size_t i = 0; i < buckets.size(); ++i) {
    const std::string here = fmt::format("{}.latency.buckets[{}]", path, i);
    if (i > 0 && buckets[i].value_ns <= buckets[i - 1].value_ns)
      return field_failure(here, "is out of order");
    if (__builtin_add_overflow(sum, buckets[i].count, &sum))
      return field_failure(here, "counts more than 2^64");
  }
  return {};
}

Result<void> check_share(const std::optional<double>& share, const std::string& path) {
  if (share && !(*share >= 0 && *share <= 1))
    return field_failure(path, fmt::format("is {}, expected 0 to 1", *share));
  return {};
}

Result<void> check_repeat(const Repeat& repeat, const std::string& path) {
  if (repeat.duration_s < 0) return field_failure(path + ".duration_s", "is negative");
  TRY(check_share(repeat.metadata_hit_share, path + ".metadata_hit_share"));
  TRY(check_latency(repeat.all, path + ".all"));
  TRY(check_latency(repeat.reads, path + ".reads"));
  TRY(check_latency(repeat.writes, path + ".writes"));
  return {};
}

}  // namespace

Result<void> check_rules(const RunRecord& record) {
  for (size_t p = 0; p < record.points.size(); ++p) {
    const Point& point = record.points[p];
    const std::string at_point = fmt::format("points[{}]", p);
    const bool follows_sweep =
        std::ranges::equal(point.parameters, record.sweep, {}, &ParameterValue::name, &SweepVariable::name);
    if (!follows_sweep)
      return field_failure(at_point + ".parameters", "does not name the variables of sweep, in order");
    std::set<std::string_view> names;
    for (size_t m = 0; m < point.measurements.size(); ++m) {
      const Measurement& measurement = point.measurements[m];
      const std::string at = fmt::format("{}.measurements[{}]", at_point, m);
      if (!names.insert(measurement.name).second) {
        return field_failure(at + ".name", fmt::format("repeats '{}'", measurement.name));
      }
      TRY(check_share(measurement.workload.read_share, at + ".workload.read_share"));
      for (size_t r = 0; r < measurement.repeats.size(); ++r) {
        TRY(check_repeat(measurement.repeats[r], fmt::format("{}.repeats[{}]", at, r)));
      }
    }
  }
  return {};
}

}  // namespace vhdlab::reports
