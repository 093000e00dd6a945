// vhdlab compare: did anything change from run A to run B? The answer first, then the numbers behind it.
#include <algorithm>
#include <cmath>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "reports/export/run_comparison.h"
#include "reports/findings/sweep_view.h"
#include "reports/results/metrics.h"
#include "reports/results/number_text.h"
#include "reports/results/result_file.h"
#include "reports/statistics/compare.h"
#include "scenarios/cli/commands.h"
#include "scenarios/cli/disk_survey.h"
#include "scenarios/cli/output_format.h"
#include "scenarios/language/words.h"

namespace vhdlab::scenarios::compare_command {
namespace {

using reports::Comparison;
using reports::Verdict;

constexpr uint64_t bootstrap_seed = 1;  // the same two files always give the same answer

// One metric of one measurement at one point both runs have.
struct ComparedValue {
  std::string point;  // "depth 16"; empty for a scenario without a sweep
  std::string measurement;
  const reports::Metric* metric = nullptr;
  double a_median = 0;
  double b_median = 0;
  Comparison comparison;

  [[nodiscard]] bool is_change() const {
    return comparison.verdict == Verdict::higher || comparison.verdict == Verdict::lower;
  }
  [[nodiscard]] bool is_better() const {
    return (comparison.ratio > 1) == (metric->better == reports::Better::higher);
  }
};

// What is compared without --metric: the numbers that answer, not everything that was counted.
std::vector<std::string> usual_metrics(reports::MeasurementKind kind) {
  if (kind == reports::MeasurementKind::live_merge)
    return {"duration_s", "pause_s_max", "iops", "latency_ns_p50", "latency_ns_p99"};
  if (!reports::is_workload(kind)) return {"duration_s", "bytes_written"};
  return {"iops", "latency_ns_p50", "latency_ns_p99", "cpu_ns_per_operation"};
}

const reports::Point* matching_point(const reports::RunRecord& record, const reports::Point& wanted) {
  const std::string label = reports::label_of(wanted.parameters);
  const auto found = std::ranges::find_if(record.points, [&](const reports::Point& point) {
    return reports::label_of(point.parameters) == label;
  });
  return found == record.points.end() ? nullptr : &*found;
}

std::vector<ComparedValue> compare_all(const reports::RunRecord& a, const reports::RunRecord& b,
                                       const std::vector<std::string>& metrics_asked_for) {
  std::vector<ComparedValue> compared;
  const reports::Chance chance = reports::chance_between(a, b);
  for (const std::string& name : reports::measurement_names(a)) {
    for (const reports::Point& a_point : a.points) {
      const reports::Point* b_point = matching_point(b, a_point);
      const auto* in_a = reports::find_measurement(a_point, name);
      const auto* in_b = b_point != nullptr ? reports::find_measurement(*b_point, name) : nullptr;
      if (in_a == nullptr || in_b == nullptr || in_a->kind != in_b->kind) continue;
      for (const std::string& metric :
           metrics_asked_for.empty() ? usual_metrics(in_a->kind) : metrics_asked_for) {
        const auto a_values = reports::metric_values(*in_a, metric);
        const auto b_values = reports::metric_values(*in_b, metric);
        if (a_values.empty() || b_values.empty()) continue;
        compared.push_back({.point = reports::label_of(a_point.parameters),
                            .measurement = name,
                            .metric = reports::find_metric(metric),
                            .a_median = reports::median_of(a_values),
                            .b_median = reports::median_of(b_values),
                            .comparison = reports::compare(a_values, b_values, bootstrap_seed, chance)});
      }
    }
  }
  return compared;
}

std::string describe_value(const ComparedValue& value) {
  const bool is_time = value.metric->unit == "ns" || value.metric->unit == "s" ||
                       value.metric->unit == "1/s" || value.metric->unit == "B/s";
  return is_time ? reports::describe(value.comparison, "B", value.metric->better)
                 : reports::describe(value.comparison, "B", value.metric->better,
                                     value.metric->better == reports::Better::higher ? "higher" : "lower",
                                     value.metric->better == reports::Better::higher ? "lower" : "higher");
}

// One sentence for each measurement, by the metric that comes first: the rate of a workload, the time of a
// merge.
std::vector<std::string> sentences(const std::vector<ComparedValue>& compared) {
  std::vector<std::string> result;
  for (size_t i = 0; i < compared.size();) {
    const ComparedValue& first = compared[i];
    size_t points = 0;
    size_t better = 0;
    size_t worse = 0;
    const ComparedValue* largest = nullptr;
    for (; i < compared.size() && compared[i].measurement == first.measurement; ++i) {
      const ComparedValue& value = compared[i];
      if (value.metric != first.metric) continue;
      ++points;
      if (!value.is_change()) continue;
      ++(value.is_better() ? better : worse);
      const auto size = [](const ComparedValue& v) { return std::abs(std::log(v.comparison.ratio)); };
      if (largest == nullptr || size(value) > size(*largest)) largest = &value;
    }
    if (largest == nullptr) {
      result.push_back(
          points == 1
              ? fmt::format("{}: {}", first.measurement, describe_value(first))
              : fmt::format(
                    "{}: no difference in {}{}, at any of {} points", first.measurement, first.metric->name,
                    first.comparison.verdict == Verdict::same ? "" : " that these repeats can show", points));
      continue;
    }
    std::string sentence = fmt::format("{}: {}", first.measurement, describe_value(*largest));
    if (!largest->point.empty()) sentence += " at " + largest->point;
    if (points > 1) {
      sentence += fmt::format("; of {} points B is better at {}, worse at {}", points, better, worse);
    }
    result.push_back(std::move(sentence));
  }
  return result;
}

// What makes the comparison one of more than the disk.
std::vector<std::string> differences_of_runs(const reports::RunRecord& a, const reports::RunRecord& b) {
  std::vector<std::string> differences;
  auto note = [&](std::string_view what, const std::string& in_a, const std::string& in_b) {
    if (in_a != in_b)
      differences.push_back(fmt::format("{}: A {}, B {}", what, in_quotes(in_a), in_quotes(in_b)));
  };
  note("scenario", a.scenario_name, b.scenario_name);
  note("seed", std::to_string(a.seed), std::to_string(b.seed));
  note("target", a.target, b.target);
  note("processor", a.environment.cpu, b.environment.cpu);
  note("kernel", a.environment.kernel, b.environment.kernel);
  note("file system", a.environment.file_system, b.environment.file_system);
  note("commit", a.tool_commit, b.tool_commit);
  if (a.scenario_name == b.scenario_name && a.scenario_source != b.scenario_source) {
    differences.push_back("the scenario's text is not the same");
  }
  if (!a.complete) differences.push_back("A is incomplete: it was stopped or failed");
  if (!b.complete) differences.push_back("B is incomplete: it was stopped or failed");
  return differences;
}

std::string_view verdict_word(Verdict verdict) {
  switch (verdict) {
    case Verdict::higher:
      return "higher";
    case Verdict::lower:
      return "lower";
    case Verdict::not_shown:
      return "not_shown";
    case Verdict::too_few:
      return "too_few";
    case Verdict::same:
      return "same";
    case Verdict::not_comparable:
      break;
  }
  return "not_comparable";
}

void print_as_json(const CommandContext& context, const std::vector<ComparedValue>& compared,
                   const std::vector<std::string>& differences) {
  nlohmann::ordered_json document;
  document["sentences"] = sentences(compared);
  document["differences"] = differences;
  document["comparisons"] = nlohmann::ordered_json::array();
  for (const ComparedValue& value : compared) {
    const auto bound = [&](double ratio) {
      const bool is_known = value.comparison.interval.kind != reports::IntervalKind::none;
      return is_known ? nlohmann::ordered_json(ratio) : nlohmann::ordered_json();
    };
    document["comparisons"].push_back({{"measurement", value.measurement},
                                       {"point", value.point},
                                       {"metric", value.metric->name},
                                       {"unit", value.metric->unit},
                                       {"a_median", value.a_median},
                                       {"b_median", value.b_median},
                                       {"ratio", value.comparison.ratio},
                                       {"ratio_low", bound(value.comparison.interval.low)},
                                       {"ratio_high", bound(value.comparison.interval.high)},
                                       {"verdict", verdict_word(value.comparison.verdict)}});
  }
  context.out << json_text(document);
}

void print_as_table(const CommandContext& context, const std::vector<ComparedValue>& compared,
                    const std::vector<std::string>& differences) {
  for (const std::string& sentence : sentences(compared))
    context.out << printable(sentence) << "\n";
  context.out << "\n";
  std::vector<TextRow> rows;
  for (const ComparedValue& value : compared) {
    rows.push_back({fmt::format("{}.{}", value.measurement, value.metric->name), value.point,
                    reports::value_text(value.a_median, value.metric->unit),
                    reports::value_text(value.b_median, value.metric->unit), describe_value(value)});
  }
  print_table(context.out, {{"metric"}, {"point"}, {"A", true}, {"B", true}, {"difference"}}, rows);
  if (!differences.empty()) context.out << "\nThe runs differ in more than the numbers:\n";
  for (const std::string& difference : differences)
    context.out << "  " << printable(difference) << "\n";
}

}  // namespace

CommandSyntax syntax() {
  return {
      .positionals = {{"A"}, {"B"}},
      .options =
          {
              {"metric", "NAME", "compare this metric, such as iops or latency_ns_p99, not the usual ones",
               true},
              format_option,
          },
      .description =
          "Compares two runs: folders that 'vhdlab run' wrote, or their results.json. A difference is "
          "claimed only where the repeats can carry it.",
      .example = "compare results/before results/after",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const OutputFormat format = TRY(output_format(arguments));
  const std::vector<std::string> metrics = arguments.texts("metric");
  for (const std::string& metric : metrics) {
    if (reports::find_metric(metric) != nullptr) continue;
    std::vector<std::string_view> known;
    for (const reports::Metric& each : reports::metric_names())
      known.push_back(each.name);
    return usage_failure("usage-value", fmt::format("--metric: there is no metric {}", in_quotes(metric)),
                         suggestion(metric, known));
  }
  const reports::RunRecord a = TRY(reports::read_result_file(arguments.positional(0)));
  const reports::RunRecord b = TRY(reports::read_result_file(arguments.positional(1)));
  const auto compared = compare_all(a, b, metrics);
  if (compared.empty()) {
    return failure(ErrorKind::mismatch, "compare-nothing-in-common",
                   fmt::format("{} and {}: no point and measurement is in both", arguments.positional(0),
                               arguments.positional(1)),
                   "compare two runs of the same scenario");
  }
  const auto differences = differences_of_runs(a, b);
  format == OutputFormat::json ? print_as_json(context, compared, differences)
                               : print_as_table(context, compared, differences);
  return ExitCode::done;
}

}  // namespace vhdlab::scenarios::compare_command
