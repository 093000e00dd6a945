// Judging and wording expectations; see bind_expectations.h.
#include "scenarios/language/bind_expectations.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "reports/results/metrics.h"
#include "scenarios/language/measurement_kind.h"
#include "scenarios/language/words.h"

namespace vhdlab::scenarios {
namespace {

// Which value of each swept variable an `at` or `relative_to` names; nothing means any.
using Selection = std::vector<std::optional<size_t>>;

class ExpectationBinder {
 public:
  ExpectationBinder(const Node& root, const std::set<std::string, std::less<>>& overridden,
                    Scenario& scenario, Judge& judge)
      : root_(root), overridden_(overridden), scenario_(scenario), judge_(judge) {}

  void bind(const Node& item) {
    static constexpr std::array<std::string_view, 5> keys = {"metric", "at", "relative_to", "at_least",
                                                             "at_most"};
    Settings settings(judge_, item, "expect", keys);
    if (item.kind != Node::Kind::mapping) return;
    Expectation expectation;
    const reports::Metric* metric = nullptr;
    if (const Node* node = settings.required("metric", "as in metric: reads.iops"))
      metric = find_metric(*node, expectation);

    bool skipped = false;
    const auto at = selection(settings, "at", skipped);
    const auto baseline = selection(settings, "relative_to", skipped);
    const bool relative = settings.find("relative_to") != nullptr;
    const Node* at_least = settings.find("at_least");
    const Node* at_most = settings.find("at_most");
    if ((at_least == nullptr) == (at_most == nullptr)) {
      judge_.add(item,
                 at_least == nullptr ? "the expectation has no limit" : "the expectation has two limits",
                 "give one of 'at_least' and 'at_most'");
      return;
    }
    expectation.direction = at_least != nullptr ? LimitDirection::at_least : LimitDirection::at_most;
    const Node& limit_node = at_least != nullptr ? *at_least : *at_most;
    const auto limit = limit_value(limit_node, settings.name_of(at_least != nullptr ? "at_least" : "at_most"),
                                   relative, metric);
    if (metric == nullptr || !limit || !at || (relative && !baseline)) return;
    expectation.limit = *limit;
    expectation.text = sentence(expectation, item, limit_node);
    if (skipped) {
      scenario_.notes.push_back(
          fmt::format("expectation skipped: {}: --set leaves no such point", expectation.text));
      return;
    }
    compare_points(expectation, *at, relative ? *baseline : Selection{}, relative);
    if (expectation.comparisons.empty()) {
      judge_.add(item, "the expectation compares a point with itself", "let 'at' and 'relative_to' differ");
      return;
    }
    scenario_.expectations.push_back(std::move(expectation));
  }

 private:
  const reports::Metric* find_metric(const Node& node, Expectation& expectation) {
    const auto text = judge_.text(node, "'metric' of 'expect'");
    if (!text) return nullptr;
    const size_t dot = text->find('.');
    if (dot == std::string::npos) {
      judge_.add(node, fmt::format("the metric {} does not say of which step", in_quotes(*text)),
                 "write STEP.METRIC, as in reads.iops");
      return nullptr;
    }
    expectation.step = text->substr(0, dot);
    expectation.metric = text->substr(dot + 1);

    if (scenario_.points.empty() || scenario_.points.front().measure.empty()) return nullptr;
    const auto& measured = scenario_.points.front().measure;
    const auto step = std::ranges::find(measured, expectation.step, name_of);
    if (step == measured.end()) {
      std::vector<std::string_view> names;
      for (const MeasuredStep& each : measured)
        names.push_back(name_of(each));
      judge_.add(node, fmt::format("no measured step is named {}", in_quotes(expectation.step)),
                 suggestion(expectation.step, names));
      return nullptr;
    }
    const reports::MeasurementKind kind = measurement_kind_of(*step);
    const reports::Metric* metric = reports::find_metric(expectation.metric);
    if (metric != nullptr && has_metric(*step, *metric)) {
      expectation.unit = metric->unit;
      return metric;
    }
    std::vector<std::string_view> names;
    for (const reports::Metric& each : reports::metric_names()) {
      if (has_metric(*step, each)) names.push_back(each.name);
    }
    judge_.add(
        node,
        fmt::format("a {} step has no metric {}", reports::kind_name(kind), in_quotes(expectation.metric)),
        suggestion(expectation.metric, names));
    return nullptr;
  }

  // Metrics of checkpoints belong only to those merges that finish what deleting left.
  static bool has_metric(const MeasuredStep& step, const reports::Metric& metric) {
    const auto* merge = std::get_if<MeasuredMerge>(&step);
    const bool of_checkpoints = metric.scope == reports::MetricScope::checkpoints || metric.name == "passes";
    if (merge != nullptr && !merge->pending && of_checkpoints) return false;
    return reports::applies_to(metric, measurement_kind_of(step));
  }

  std::optional<Selection> selection(Settings& settings, std::string_view key, bool& skipped) {
    Selection chosen(scenario_.sweep.size());
    const Node* node = settings.find(key);
    if (node == nullptr) return chosen;
    if (node->kind != Node::Kind::mapping || node->entries.empty()) {
      judge_.unexpected({node, node}, settings.name_of(key), "values of the sweep, as in { depth: 16 }");
      return std::nullopt;
    }
    bool good = true;
    for (const auto& [name, key_place, value] : node->entries) {
      const auto variable = std::ranges::find(scenario_.sweep, name, &SweepVariable::name);
      if (variable == scenario_.sweep.end()) {
        say_not_swept(name, key_place);
        good = false;
        continue;
      }
      const auto index = static_cast<size_t>(variable - scenario_.sweep.begin());
      const std::string what = fmt::format("'{}' of {}", name, settings.name_of(key));
      good = choose(*variable, value, what, chosen[index], skipped) && good;
    }
    return good ? std::optional(chosen) : std::nullopt;
  }

  void say_not_swept(const std::string& name, const Place& at) {
    const Node* declared = root_.find("sweep");
    if (declared != nullptr && declared->find(name) != nullptr) return;  // reported there
    std::vector<std::string_view> names;
    for (const SweepVariable& each : scenario_.sweep)
      names.push_back(each.name);
    judge_.findings().add(at, fmt::format("{} is not swept", in_quotes(name)), suggestion(name, names));
  }

  // Which of the variable's values is meant. One that is not among those --set gave it is skipped; any other
  // is a finding, and false.
  bool choose(const SweepVariable& variable, const Node& value, const std::string& what,
              std::optional<size_t>& chosen, bool& skipped) {
    const auto text = judge_.text(value, what);
    if (!text) return false;
    const auto same = [&](const SweepValue& each) {
      return each.text == *text || (each.number && variable.unit.empty() && each.number == number_in(*text));
    };
    const auto position = std::ranges::find_if(variable.values, same);
    if (position != variable.values.end()) {
      chosen = static_cast<size_t>(position - variable.values.begin());
      return true;
    }
    if (overridden_.contains(variable.name)) {
      skipped = true;
      return true;
    }
    std::vector<std::string_view> values;
    for (const SweepValue& each : variable.values)
      values.push_back(each.text);
    judge_.add(value, fmt::format("{} is not swept over {}", in_quotes(variable.name), in_quotes(*text)),
               "its values are " + joined(values));
    return false;
  }

  std::optional<double> limit_value(const Node& node, const std::string& what, bool relative,
                                    const reports::Metric* metric) {
    const auto value = judge_.resolve(node);
    if (!value) return std::nullopt;
    const std::string text = value->resolved->text;
    if (value->resolved->kind != Node::Kind::scalar) {
      judge_.unexpected(*value, what, "a number with its unit");
      return std::nullopt;
    }
    if (relative) {
      const auto percent = percent_in(text);
      if (percent && *percent >= 0) return *percent / 100;
      judge_.unexpected(*value, what, "a percentage, because 'relative_to' is given");
      return std::nullopt;
    }
    if (text.ends_with('%')) {
      judge_.unexpected(*value, what, "a value", "a percentage needs 'relative_to': percent of what?");
      return std::nullopt;
    }
    if (metric == nullptr) return std::nullopt;
    if (metric->unit == "ns" || metric->unit == "s") {
      const auto duration = parse_duration(text);
      if (duration) return static_cast<double>(duration->count()) / (metric->unit == "s" ? 1e9 : 1);
      judge_.unexpected(*value, what, "a duration such as 250us or 2ms", duration.error().hint);
    } else if (metric->unit == "B" || metric->unit == "B/s") {
      const auto size = parse_size_bytes(text);
      if (size) return static_cast<double>(*size);
      judge_.unexpected(*value, what, "a size such as 64MiB", size.error().hint);
    } else {
      const auto number = number_in(text);
      if (number && *number >= 0) return number;
      judge_.unexpected(*value, what, "a number");
    }
    return std::nullopt;
  }

  // "reads.iops at depth=16 is at least 40% of depth=0"
  std::string sentence(const Expectation& expectation, const Node& item, const Node& limit) {
    const auto values = [&](std::string_view key) {
      std::string text;
      const Node* node = item.find(key);
      if (node == nullptr) return text;
      for (const Node::Entry& entry : node->entries) {
        const auto value = judge_.resolve(entry.value);
        text += (text.empty() ? "" : ", ") + entry.key + "=" + (value ? value->resolved->text : "");
      }
      return text;
    };
    const auto limit_text = judge_.resolve(limit);
    std::string text = expectation.step + "." + expectation.metric;
    if (const std::string at = values("at"); !at.empty()) text += " at " + at;
    text += expectation.direction == LimitDirection::at_least ? " is at least " : " is at most ";
    text += limit_text ? limit_text->resolved->text : "";
    if (const std::string baseline = values("relative_to"); !baseline.empty()) text += " of " + baseline;
    return text;
  }

  // Points are numbered as digits of the sweep, the last variable being the lowest digit.
  void compare_points(Expectation& expectation, const Selection& at, const Selection& baseline,
                      bool relative) {
    for (size_t point = 0; point < scenario_.points.size(); ++point) {
      size_t rest = point;
      size_t baseline_point = 0;
      size_t weight = 1;
      bool matches = true;
      for (size_t i = scenario_.sweep.size(); i-- > 0;) {
        const size_t count = scenario_.sweep[i].values.size();
        const size_t digit = rest % count;
        rest /= count;
        matches = matches && (!at[i] || *at[i] == digit);
        baseline_point += weight * (relative && baseline[i] ? *baseline[i] : digit);
        weight *= count;
      }
      if (!matches || (relative && baseline_point == point)) continue;
      expectation.comparisons.push_back(
          {.point = point, .baseline = relative ? std::optional(baseline_point) : std::nullopt});
    }
  }

  const Node& root_;
  const std::set<std::string, std::less<>>& overridden_;
  Scenario& scenario_;
  Judge& judge_;
};

}  // namespace

void bind_expectations(const Node& root, const std::set<std::string, std::less<>>& overridden,
                       Scenario& scenario, Judge& judge) {
  const Node* expect = root.find("expect");
  if (expect == nullptr || expect->kind == Node::Kind::nothing) return;
  if (expect->kind != Node::Kind::list) {
    judge.unexpected({expect, expect}, "'expect'", "a list, each line beginning with '- '");
    return;
  }
  ExpectationBinder binder(root, overridden, scenario, judge);
  for (const Node& item : expect->items)
    binder.bind(item);
}

}  // namespace vhdlab::scenarios
