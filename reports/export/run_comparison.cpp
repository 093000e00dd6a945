// Matching points of two runs and comparing their repeats.
#include "reports/export/run_comparison.h"

#include <algorithm>
#include <cmath>

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

std::string no_difference(Chance chance) {
  return chance == Chance::none ? "no difference" : "no difference that these repeats can show";
}

bool is_shown(const Comparison& comparison) {
  return comparison.verdict == Verdict::higher || comparison.verdict == Verdict::lower;
}

// What the points of one measurement show together.
struct Shown {
  Chance chance = Chance::possible;
  size_t points_compared = 0;
  size_t points_different = 0;
  // The strongest difference among them, as a sentence.
  double strength = 0;
  std::string strongest;

  void add(const Comparison& comparison, const std::string& place, const std::string& description) {
    ++points_compared;
    if (!is_shown(comparison)) return;
    const double difference = std::abs(std::log(comparison.ratio));
    const bool is_strongest = points_different++ == 0 || difference > strength;
    if (!is_strongest) return;
    strength = difference;
    strongest = (place.empty() ? "" : "at " + place + " ") + description;
  }

  [[nodiscard]] std::string sentence(const std::string& measurement) const {
    if (points_compared == 0) return fmt::format("{}: the runs have no point in common.", measurement);
    if (points_different == 0) {
      return fmt::format("{}: {} at any of {} points.", measurement, no_difference(chance), points_compared);
    }
    return fmt::format("{}: {}; {} of {} points differ.", measurement, strongest, points_different,
                       points_compared);
  }
};

// Compares one measurement point by point, a row each.
Shown compare_measurement(const std::string& name, const RunRecord& a, const RunRecord& b,
                          const std::string& b_name, Chance chance, std::vector<std::vector<Cell>>& rows) {
  Shown shown{.chance = chance, .strongest = {}};
  for (const Point& point : a.points) {
    const Measurement* base = find_measurement(point, name);
    const Point* other_point = same_point(b, point);
    const Measurement* other = other_point == nullptr ? nullptr : find_measurement(*other_point, name);
    if (base == nullptr || other == nullptr || base->kind != other->kind) continue;
    const Metric& metric = *find_metric(main_metric(base->kind));
    const Comparison comparison =
        compare(metric_values(*base, metric.name), metric_values(*other, metric.name), a.seed, chance);
    if (comparison.verdict == Verdict::not_comparable) continue;
    const std::string place = label_of(point.parameters);
    const std::string description = describe(comparison, b_name, metric.better);
    shown.add(comparison, place, description);
    rows.push_back({Cell{name, {}, {}}, Cell{place, {}, {}}, Cell{std::string(metric.name), {}, {}},
                    median_cell(*base, metric), median_cell(*other, metric),
                    Cell{percent_text(comparison.ratio), {}, comparison.ratio}, Cell{description, {}, {}}});
  }
  return shown;
}

}  // namespace

Chance chance_between(const RunRecord& a, const RunRecord& b) {
  return is_in_virtual_time(a) && is_in_virtual_time(b) ? Chance::none : Chance::possible;
}

RunComparison compare_runs(const RunRecord& a, const std::string& a_name, const RunRecord& b,
                           const std::string& b_name) {
  RunComparison result;
  const Chance chance = chance_between(a, b);
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
    const Shown shown = compare_measurement(name, a, b, b_name, chance, result.table.rows);
    result.findings.push_back(shown.sentence(words(name)));
  }
  if (result.findings.empty()) result.findings.emplace_back("There is nothing to compare.");
  return result;
}

}  // namespace vhdlab::reports
