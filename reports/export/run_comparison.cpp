// Matching points of two runs and comparing their repeats.
#include "reports/export/run_comparison.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "reports/findings/sweep_view.h"
#include "reports/results/metrics.h"
#include "reports/results/number_text.h"
#include "reports/statistics/compare.h"

namespace vhdlab::reports {
namespace {

const Point* same_point(const RunRecord& record, const Point& wanted) {
  const auto found = std::ranges::find(record.points, wanted.parameters, &Point::parameters);
  return found == record.points.end() ? nullptr : &*found;
}

Cell median_cell(const Measurement& measurement, const Metric& metric) {
  const double median = median_of(metric_values(measurement, metric.name));
  return {.text = value_text(median, metric.unit), .detail = {}, .number = median};
}

// The strongest shown difference among the points of one measurement.
struct Strongest {
  Comparison comparison;
  std::string place;
  Better better = Better::higher;
};

std::string no_difference(Chance chance) {
  return chance == Chance::none ? "no difference" : "no difference that these repeats can show";
}

bool is_shown(const Comparison& comparison) {
  return comparison.verdict == Verdict::higher || comparison.verdict == Verdict::lower;
}

}  // namespace

RunComparison compare_runs(const RunRecord& a, const std::string& a_name, const RunRecord& b,
                           const std::string& b_name) {
  RunComparison result;
  const Chance chance = is_in_virtual_time(a) && is_in_virtual_time(b) ? Chance::none : Chance::possible;
  result.table.title = fmt::format("{} against {}", b_name, a_name);
  result.table.columns = {
      {"measurement", "measurement", false},
      {"point", "point", false},
      {"metric", "metric", false},
      {"a", a_name, true},
      {"b", b_name, true},
      {"ratio", "b / a", true},
      {"verdict", chance == Chance::none ? "difference" : "what the repeats show", false}};
  for (const std::string& name : measurement_names(a)) {
    size_t compared = 0;
    size_t shown = 0;
    std::optional<Strongest> strongest;
    for (const Point& point : a.points) {
      const Measurement* base = find_measurement(point, name);
      const Point* other_point = same_point(b, point);
      const Measurement* other = other_point == nullptr ? nullptr : find_measurement(*other_point, name);
      if (base == nullptr || other == nullptr || base->kind != other->kind) continue;
      const Metric& metric = *find_metric(main_metric(base->kind));
      const Comparison comparison =
          compare(metric_values(*base, metric.name), metric_values(*other, metric.name), a.seed, chance);
      if (comparison.verdict == Verdict::not_comparable) continue;
      ++compared;
      const std::string place = label_of(point.parameters);
      if (is_shown(comparison)) {
        ++shown;
        const bool stronger = !strongest || std::abs(std::log(comparison.ratio)) >
                                                std::abs(std::log(strongest->comparison.ratio));
        if (stronger) strongest = Strongest{comparison, place, metric.better};
      }
      result.table.rows.push_back({Cell{name, {}, {}}, Cell{place, {}, {}},
                                   Cell{std::string(metric.name), {}, {}}, median_cell(*base, metric),
                                   median_cell(*other, metric),
                                   Cell{percent_text(comparison.ratio), {}, comparison.ratio},
                                   Cell{describe(comparison, b_name, metric.better), {}, {}}});
    }
    if (compared == 0) {
      result.findings.push_back(fmt::format("{}: the runs have no point in common.", words(name)));
    } else if (!strongest) {
      result.findings.push_back(
          fmt::format("{}: {} at any of {} points.", words(name), no_difference(chance), compared));
    } else {
      result.findings.push_back(fmt::format("{}: {}{}; {} of {} points differ.", words(name),
                                            strongest->place.empty() ? "" : "at " + strongest->place + " ",
                                            describe(strongest->comparison, b_name, strongest->better), shown,
                                            compared));
    }
  }
  if (result.findings.empty()) result.findings.emplace_back("There is nothing to compare.");
  return result;
}

}  // namespace vhdlab::reports
