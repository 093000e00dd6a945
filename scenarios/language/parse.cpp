// The straight column from text to Scenario: read, override, sweep, bind every point, resolve expectations.
#include "scenarios/language/parse.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <system_error>

#include <fmt/format.h>

#include "reports/results/metrics.h"
#include "scenarios/language/bind.h"
#include "scenarios/language/bind_arrivals.h"
#include "scenarios/language/bind_live_merge.h"
#include "scenarios/language/document.h"
#include "scenarios/language/override.h"
#include "scenarios/language/settings.h"
#include "scenarios/language/words.h"

namespace vhdlab::scenarios {
namespace {

// --- text ---

// The line of the first byte that is not text: a zero, or not UTF-8. Nothing where all is text.
std::optional<size_t> line_of_binary(std::string_view text) {
  size_t line = 1;
  for (size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    if (first == 0) return line;
    if (first == '\n') ++line;
    const size_t length = first < 0x80                    ? 1
                          : first >= 0xc2 && first < 0xe0 ? 2
                          : first < 0xf0                  ? 3
                          : first < 0xf5                  ? 4
                                                          : 0;
    if (length == 0 || (first >= 0x80 && first < 0xc2) || i + length > text.size()) return line;
    for (size_t j = 1; j < length; ++j) {
      if ((static_cast<unsigned char>(text[i + j]) & 0xc0) != 0x80) return line;
    }
    i += length;
  }
  return std::nullopt;
}

std::string_view without_mark(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  return text;
}

// The comment that opens a file, without '#' and one space after it.
std::string introduction_of(std::string_view text) {
  std::string introduction;
  text = without_mark(text);
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (line.ends_with('\r') || line.ends_with(' '))
      line.remove_suffix(1);
    if (line.empty() && introduction.empty()) continue;
    if (!line.starts_with('#')) break;
    line.remove_prefix(1);
    if (line.starts_with(' ')) line.remove_prefix(1);
    introduction += std::string(line) + "\n";
  }
  while (introduction.ends_with('\n'))
    introduction.pop_back();
  return introduction;
}

// Up to the first question mark or full stop that ends a word, or the end of the paragraph, on one line.
std::string first_sentence(std::string_view introduction) {
  std::string sentence;
  for (size_t i = 0; i < introduction.size(); ++i) {
    const char c = introduction[i];
    const bool ends_word =
        i + 1 == introduction.size() || introduction[i + 1] == ' ' || introduction[i + 1] == '\n';
    if (c == '\n' && (i + 1 == introduction.size() || introduction[i + 1] == '\n')) break;
    sentence += c == '\n' ? ' ' : c;
    if (ends_word && (c == '?' || (c == '.' && !sentence.ends_with("..")))) break;
  }
  return sentence;
}

bool is_variable_name(std::string_view name) {
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  return !name.empty() && name.size() <= 64 && name[0] >= 'a' && name[0] <= 'z' &&
         std::ranges::all_of(name, fits);
}

void collect_uses(const Node& node, std::set<std::string, std::less<>>& uses) {
  if (node.kind == Node::Kind::scalar && node.text.starts_with('$')) uses.insert(node.text.substr(1));
  for (const Node& item : node.items)
    collect_uses(item, uses);
  for (const Node::Entry& entry : node.entries)
    collect_uses(entry.value, uses);
}

// Values of one kind get numbers on a common scale; mixed kinds are words.
void give_numbers(SweepVariable& variable) {
  const auto all = [&](auto number_of) {
    std::vector<double> numbers;
    for (const SweepValue& value : variable.values) {
      const std::optional<double> number = number_of(value.text);
      if (!number) return false;
      numbers.push_back(*number);
    }
    for (size_t i = 0; i < numbers.size(); ++i)
      variable.values[i].number = numbers[i];
    return true;
  };
  if (all([](const std::string& text) { return number_in(text); })) return;
  if (all([](const std::string& text) { return percent_in(text); })) {
    variable.unit = "%";
  } else if (all([](const std::string& text) { return rate_per_s_in(text); })) {
    variable.unit = "1/s";
  } else if (all([](const std::string& text) -> std::optional<double> {
               const auto rate = bytes_per_s_in(text);
               return rate ? std::optional(static_cast<double>(*rate)) : std::nullopt;
             })) {
    variable.unit = "B/s";
  } else if (all([](const std::string& text) -> std::optional<double> {
               const auto size = parse_size_bytes(text);
               return size ? std::optional(static_cast<double>(*size)) : std::nullopt;
             })) {
    variable.unit = "B";
  } else if (all([](const std::string& text) -> std::optional<double> {
               const auto duration = parse_duration(text);
               return duration ? std::optional(static_cast<double>(duration->count()) / 1e9) : std::nullopt;
             })) {
    variable.unit = "s";
  }
}

class ScenarioParser {
 public:
  ScenarioParser(std::string_view text, const std::string& file, const ParseOptions& options)
      : text_(text), options_(options) {
    scenario_.file = file;
    scenario_.source = std::string(text);
    scenario_.overrides = options.overrides;
    folder_ = options.folder.empty() ? std::filesystem::path(file).parent_path().string() : options.folder;
  }

  std::expected<Scenario, Findings> parse() {
    if (!read()) return std::unexpected(findings_.take());
    overridden_sweeps_ = apply_overrides(root_, options_.overrides, findings_);
    Environment environment{.variables = {}, .accept_unset = options_.accept_unset_variables};
    Judge judge(findings_, environment);
    Settings top(judge, root_, "", top_level_keys());
    read_variables(environment);
    read_sweep(environment);
    refuse_unused(environment);
    read_head(top);
    bind_points(environment, judge);
    if (const Node* expect = root_.find("expect")) read_expectations(*expect, judge);
    if (!findings_.empty()) return std::unexpected(findings_.take());
    return std::move(scenario_);
  }

 private:
  // --- reading ---

  bool read() {
    const std::string_view text = without_mark(text_);
    findings_.add_source(scenario_.file, text.substr(0, scenario_bytes_max));
    if (text.size() > scenario_bytes_max) {
      findings_.add({},
                    fmt::format("the file has {}, expected at most {}", format_size(text.size()),
                                format_size(scenario_bytes_max)),
                    "is this a scenario?");
      return false;
    }
    if (const auto line = line_of_binary(text)) {
      findings_.add({.source = 0, .line = *line, .column = 1}, "this is not a text file in UTF-8");
      return false;
    }
    scenario_.introduction = introduction_of(text);
    scenario_.question = first_sentence(scenario_.introduction);
    auto root = read_document(text, {}, findings_);
    if (!root) return false;
    root_ = std::move(*root);
    if (root_.kind == Node::Kind::mapping) return true;
    findings_.add(root_.place,
                  root_.kind == Node::Kind::nothing ? "the file holds no scenario"
                                                    : "the file is not a list of 'key: value'",
                  "begin with name, disk, setup and measure; docs/scenario-language.md has an example");
    return false;
  }

  void read_head(Settings& top) {
    if (const Node* name = top.required("name", "name the scenario, as in name: read-degradation")) {
      const auto fits = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '.';
      };
      const auto text = top.text("name");
      if (text && (text->size() > 100 || !std::ranges::all_of(*text, fits))) {
        top.judge().unexpected({name, name}, "'name'", "up to 100 letters, digits, '-', '_' and '.'");
      }
      scenario_.name = text.value_or("");
    }
    scenario_.seed = top.whole("seed", 0, UINT64_MAX).value_or(1);
    static constexpr std::array<Word<TargetKind>, 2> targets = {
        {{"engine", TargetKind::engine}, {"sim", TargetKind::sim}}};
    scenario_.target = top.word<TargetKind>("target", targets);
    scenario_.repeat = static_cast<uint32_t>(top.whole("repeat", 1, repeat_max).value_or(1));
  }

  // --- variables and sweep ---

  void read_variables(Environment& environment) {
    const Node* variables = root_.find("variables");
    if (variables == nullptr || variables->kind == Node::Kind::nothing) return;
    if (variables->kind != Node::Kind::mapping) {
      findings_.add(variables->place, "'variables' is not a list of 'name: value'");
      return;
    }
    for (const auto& [name, key_place, value] : variables->entries) {
      refuse_bad_name(name, key_place);
      if (value.kind == Node::Kind::list || value.kind == Node::Kind::mapping) {
        findings_.add(value.place, fmt::format("the variable {} is not a single value", in_quotes(name)),
                      "several values to measure belong under 'sweep'");
        environment.variables[name] = nullptr;
        continue;
      }
      refuse_variable_in(value);
      environment.variables[name] = &value;
      if (value.kind == Node::Kind::scalar) scenario_.variables.push_back({name, value.text});
    }
  }

  void read_sweep(Environment& environment) {
    const Node* sweep = root_.find("sweep");
    if (sweep == nullptr || sweep->kind == Node::Kind::nothing) return;
    if (sweep->kind != Node::Kind::mapping) {
      findings_.add(sweep->place, "'sweep' is not a list of 'name: [values]'",
                    "as in sweep: { depth: [0, 4, 16] }");
      return;
    }
    size_t points = 1;
    for (const auto& [name, key_place, value] : sweep->entries) {
      refuse_bad_name(name, key_place);
      if (environment.variables.contains(name))
        findings_.add(key_place, fmt::format("{} is both a variable and swept", in_quotes(name)),
                      "rename one");
      environment.variables[name] = nullptr;  // bind_points puts the value of each point in
      const std::vector<const Node*> nodes = sweep_nodes(name, value);
      if (nodes.empty()) continue;
      points *= nodes.size();
      if (points > points_max) {
        findings_.add(key_place, fmt::format("the sweep has more than {} points", points_max),
                      "sweep over fewer values");
        break;
      }
      SweepVariable variable{.name = name, .unit = "", .values = {}};
      for (const Node* node : nodes)
        variable.values.push_back({.text = node->text, .number = std::nullopt});
      give_numbers(variable);
      scenario_.sweep.push_back(std::move(variable));
      sweep_nodes_.push_back(nodes);
    }
  }

  // The distinct values of one swept variable.
  std::vector<const Node*> sweep_nodes(const std::string& name, const Node& value) {
    std::vector<const Node*> candidates;
    if (value.kind == Node::Kind::scalar) candidates.push_back(&value);
    for (const Node& item : value.items)
      candidates.push_back(&item);
    if (candidates.empty())
      findings_.add(value.place, fmt::format("{} is swept over no values", in_quotes(name)),
                    fmt::format("as in sweep: {{ {}: [0, 4, 16] }}", name));
    std::vector<const Node*> nodes;
    std::set<std::string_view> seen;
    for (const Node* node : candidates) {
      if (node->kind != Node::Kind::scalar || node->text.empty()) {
        findings_.add(node->place, fmt::format("a value of {} is not a single value", in_quotes(name)));
      } else if (!seen.insert(node->text).second) {
        findings_.add(node->place,
                      fmt::format("{} is swept over {} twice", in_quotes(name), in_quotes(node->text)));
      } else {
        refuse_variable_in(*node);
        nodes.push_back(node);
      }
    }
    return nodes;
  }

  void refuse_bad_name(const std::string& name, Place place) {
    if (!is_variable_name(name))
      findings_.add(place, fmt::format("{} cannot name a variable", in_quotes(name)),
                    "small letters, digits and '_', beginning with a letter");
  }

  void refuse_variable_in(const Node& value) {
    if (value.text.starts_with('$'))
      findings_.add(value.place,
                    fmt::format("a variable's value is another variable, {}", in_quotes(value.text)),
                    "write the value itself");
  }

  void refuse_unused(const Environment& environment) {
    std::set<std::string, std::less<>> uses;
    for (const Node::Entry& entry : root_.entries) {
      if (entry.key != "variables" && entry.key != "sweep") collect_uses(entry.value, uses);
    }
    for (std::string_view section : {"variables", "sweep"}) {
      const Node* mapping = root_.find(section);
      if (mapping == nullptr) continue;
      for (const Node::Entry& entry : mapping->entries) {
        if (environment.variables.contains(entry.key) && !uses.contains(entry.key))
          findings_.add(entry.key_place, fmt::format("{} is declared but never used", in_quotes(entry.key)),
                        fmt::format("write ${} where its value belongs, or remove it", entry.key));
      }
    }
  }

  // --- points ---

  void bind_points(Environment& environment, Judge& judge) {
    std::vector<size_t> choice(scenario_.sweep.size(), 0);
    while (!findings_.full()) {
      std::vector<SweepValue> values;
      for (size_t i = 0; i < choice.size(); ++i) {
        environment.variables[scenario_.sweep[i].name] = sweep_nodes_[i][choice[i]];
        values.push_back(scenario_.sweep[i].values[choice[i]]);
      }
      ScenarioPoint point = bind_point(root_, judge, folder_);
      point.values = std::move(values);
      scenario_.points.push_back(std::move(point));

      // The next combination: the last variable changes fastest.
      size_t digit = choice.size();
      while (digit > 0 && ++choice[digit - 1] == sweep_nodes_[digit - 1].size())
        choice[--digit] = 0;
      if (digit == 0) break;
    }
  }

  // --- expectations ---

  // Which value of each swept variable an `at` or `relative_to` names; nothing means any.
  using Selection = std::vector<std::optional<size_t>>;

  void read_expectations(const Node& expect, Judge& judge) {
    if (expect.kind == Node::Kind::nothing) return;
    if (expect.kind != Node::Kind::list) {
      judge.unexpected({&expect, &expect}, "'expect'", "a list, each line beginning with '- '");
      return;
    }
    for (const Node& item : expect.items)
      read_expectation(item, judge);
  }

  void read_expectation(const Node& item, Judge& judge) {
    static constexpr std::array<std::string_view, 5> keys = {"metric", "at", "relative_to", "at_least",
                                                             "at_most"};
    Settings settings(judge, item, "expect", keys);
    if (item.kind != Node::Kind::mapping) return;
    Expectation expectation;
    const reports::Metric* metric = nullptr;
    if (const Node* node = settings.required("metric", "as in metric: reads.iops"))
      metric = find_metric(*node, judge, expectation);

    bool skipped = false;
    const auto at = selection(settings, "at", skipped);
    const auto baseline = selection(settings, "relative_to", skipped);
    const bool relative = settings.find("relative_to") != nullptr;
    const Node* at_least = settings.find("at_least");
    const Node* at_most = settings.find("at_most");
    if ((at_least == nullptr) == (at_most == nullptr)) {
      judge.add(item, at_least == nullptr ? "the expectation has no limit" : "the expectation has two limits",
                "give one of 'at_least' and 'at_most'");
      return;
    }
    expectation.direction = at_least != nullptr ? LimitDirection::at_least : LimitDirection::at_most;
    const Node& limit_node = at_least != nullptr ? *at_least : *at_most;
    const auto limit = limit_value(limit_node, settings.name_of(at_least != nullptr ? "at_least" : "at_most"),
                                   relative, metric, judge);
    if (metric == nullptr || !limit || !at || (relative && !baseline)) return;
    expectation.limit = *limit;
    expectation.text = sentence(expectation, item, limit_node, judge);
    if (skipped) {
      scenario_.notes.push_back(
          fmt::format("expectation skipped: {}: --set leaves no such point", expectation.text));
      return;
    }
    compare_points(expectation, *at, relative ? *baseline : Selection{}, relative);
    if (expectation.comparisons.empty()) {
      judge.add(item, "the expectation compares a point with itself", "let 'at' and 'relative_to' differ");
      return;
    }
    scenario_.expectations.push_back(std::move(expectation));
  }

  const reports::Metric* find_metric(const Node& node, Judge& judge, Expectation& expectation) {
    const auto text = judge.text(node, "'metric' of 'expect'");
    if (!text) return nullptr;
    const size_t dot = text->find('.');
    if (dot == std::string::npos) {
      judge.add(node, fmt::format("the metric {} does not say of which step", in_quotes(*text)),
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
      judge.add(node, fmt::format("no measured step is named {}", in_quotes(expectation.step)),
                suggestion(expectation.step, names));
      return nullptr;
    }
    const reports::MeasurementKind kind = kind_of(*step);
    const reports::Metric* metric = reports::find_metric(expectation.metric);
    if (metric != nullptr && has_metric(*step, *metric)) {
      expectation.unit = metric->unit;
      return metric;
    }
    std::vector<std::string_view> names;
    for (const reports::Metric& each : reports::metric_names()) {
      if (has_metric(*step, each)) names.push_back(each.name);
    }
    judge.add(
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
    return reports::applies_to(metric, kind_of(step));
  }

  static reports::MeasurementKind kind_of(const MeasuredStep& step) {
    if (std::holds_alternative<MeasuredDamage>(step)) return reports::MeasurementKind::damage;
    if (const auto* operation = std::get_if<MeasuredCheckpoint>(&step)) return kind_of(operation->action);
    if (std::holds_alternative<MeasuredReplay>(step)) return reports::MeasurementKind::replay;
    if (std::holds_alternative<MeasuredMerge>(step)) return reports::MeasurementKind::merge;
    if (std::holds_alternative<MeasuredLiveMerge>(step)) return reports::MeasurementKind::live_merge;
    switch (std::get<MeasuredWorkload>(step).kind) {
      case WorkloadKind::read:
        return reports::MeasurementKind::read;
      case WorkloadKind::write:
        return reports::MeasurementKind::write;
      case WorkloadKind::mixed:
        break;
    }
    return reports::MeasurementKind::mixed;
  }

  static reports::MeasurementKind kind_of(CheckpointAction action) {
    switch (action) {
      case CheckpointAction::take:
        return reports::MeasurementKind::take_checkpoint;
      case CheckpointAction::apply:
        return reports::MeasurementKind::apply_checkpoint;
      case CheckpointAction::remove:
        return reports::MeasurementKind::delete_checkpoint;
      case CheckpointAction::remove_subtree:
        break;
    }
    return reports::MeasurementKind::delete_subtree;
  }

  std::optional<Selection> selection(Settings& settings, std::string_view key, bool& skipped) {
    Selection chosen(scenario_.sweep.size());
    const Node* node = settings.find(key);
    if (node == nullptr) return chosen;
    Judge& judge = settings.judge();
    if (node->kind != Node::Kind::mapping || node->entries.empty()) {
      judge.unexpected({node, node}, settings.name_of(key), "values of the sweep, as in { depth: 16 }");
      return std::nullopt;
    }
    bool good = true;
    for (const auto& [name, key_place, value] : node->entries) {
      const auto variable = std::ranges::find(scenario_.sweep, name, &SweepVariable::name);
      if (variable == scenario_.sweep.end()) {
        good = false;
        const Node* declared = root_.find("sweep");
        if (declared != nullptr && declared->find(name) != nullptr) continue;  // reported there
        std::vector<std::string_view> names;
        for (const SweepVariable& each : scenario_.sweep)
          names.push_back(each.name);
        findings_.add(key_place, fmt::format("{} is not swept", in_quotes(name)), suggestion(name, names));
        continue;
      }
      const auto text = judge.text(value, fmt::format("'{}' of {}", name, settings.name_of(key)));
      if (!text) {
        good = false;
        continue;
      }
      const auto same = [&](const SweepValue& each) {
        return each.text == *text ||
               (each.number && variable->unit.empty() && each.number == number_in(*text));
      };
      const auto position = std::ranges::find_if(variable->values, same);
      if (position != variable->values.end()) {
        chosen[static_cast<size_t>(variable - scenario_.sweep.begin())] =
            static_cast<size_t>(position - variable->values.begin());
      } else if (overridden_sweeps_.contains(name)) {
        skipped = true;
      } else {
        std::vector<std::string_view> values;
        for (const SweepValue& each : variable->values)
          values.push_back(each.text);
        judge.add(value, fmt::format("{} is not swept over {}", in_quotes(name), in_quotes(*text)),
                  "its values are " + joined(values));
        good = false;
      }
    }
    return good ? std::optional(chosen) : std::nullopt;
  }

  std::optional<double> limit_value(const Node& node, const std::string& what, bool relative,
                                    const reports::Metric* metric, Judge& judge) {
    const auto value = judge.resolve(node);
    if (!value) return std::nullopt;
    const std::string text = value->resolved->text;
    if (value->resolved->kind != Node::Kind::scalar) {
      judge.unexpected(*value, what, "a number with its unit");
      return std::nullopt;
    }
    if (relative) {
      const auto percent = percent_in(text);
      if (percent && *percent >= 0) return *percent / 100;
      judge.unexpected(*value, what, "a percentage, because 'relative_to' is given");
      return std::nullopt;
    }
    if (text.ends_with('%')) {
      judge.unexpected(*value, what, "a value", "a percentage needs 'relative_to': percent of what?");
      return std::nullopt;
    }
    if (metric == nullptr) return std::nullopt;
    if (metric->unit == "ns" || metric->unit == "s") {
      const auto duration = parse_duration(text);
      if (duration) return static_cast<double>(duration->count()) / (metric->unit == "s" ? 1e9 : 1);
      judge.unexpected(*value, what, "a duration such as 250us or 2ms", duration.error().hint);
    } else if (metric->unit == "B" || metric->unit == "B/s") {
      const auto size = parse_size_bytes(text);
      if (size) return static_cast<double>(*size);
      judge.unexpected(*value, what, "a size such as 64MiB", size.error().hint);
    } else {
      const auto number = number_in(text);
      if (number && *number >= 0) return number;
      judge.unexpected(*value, what, "a number");
    }
    return std::nullopt;
  }

  // "reads.iops at depth=16 is at least 40% of depth=0"
  static std::string sentence(const Expectation& expectation, const Node& item, const Node& limit,
                              Judge& judge) {
    const auto values = [&](std::string_view key) {
      std::string text;
      const Node* node = item.find(key);
      if (node == nullptr) return text;
      for (const Node::Entry& entry : node->entries) {
        const auto value = judge.resolve(entry.value);
        text += (text.empty() ? "" : ", ") + entry.key + "=" + (value ? value->resolved->text : "");
      }
      return text;
    };
    const auto limit_text = judge.resolve(limit);
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

  std::string_view text_;
  const ParseOptions& options_;
  std::string folder_;
  FindingCollector findings_;
  Node root_;
  std::set<std::string, std::less<>> overridden_sweeps_;
  std::vector<std::vector<const Node*>> sweep_nodes_;  // beside Scenario::sweep: the values' places
  Scenario scenario_;
};

}  // namespace

std::expected<Scenario, Findings> parse_scenario(std::string_view text, const std::string& file,
                                                 const ParseOptions& options) {
  return ScenarioParser(text, file, options).parse();
}

std::expected<Scenario, Findings> load_scenario(const std::string& path, const ParseOptions& options) {
  const auto unreadable = [&](std::string message, std::string hint = {}) {
    return std::unexpected(Findings{{.file = path,
                                     .line = 1,
                                     .column = 1,
                                     .message = std::move(message),
                                     .hint = std::move(hint),
                                     .source_line = ""}});
  };
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found)
    return unreadable("there is no such file", "'vhdlab list' shows the shipped scenarios");
  if (error) return unreadable("cannot open the file: " + error.message());
  if (status.type() == std::filesystem::file_type::directory)
    return unreadable("this is a folder, expected a scenario file");

  std::ifstream file(path, std::ios::binary);
  if (!file) return unreadable("cannot open the file: permission denied or unreadable");
  std::string text(scenario_bytes_max + 4, '\0');  // one more than allowed, whatever the byte-order mark
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return unreadable("cannot read the file");
  text.resize(static_cast<size_t>(file.gcount()));
  return parse_scenario(text, path, options);
}

ScenarioSummary summarize_scenario(std::string_view text) {
  ScenarioSummary summary;
  summary.introduction = introduction_of(text);
  summary.question = first_sentence(summary.introduction);
  if (text.size() > scenario_bytes_max || line_of_binary(text)) return summary;
  FindingCollector ignored;
  ignored.add_source("", "");
  if (const auto root = read_document(without_mark(text), {}, ignored)) {
    if (const Node* name = root->find("name")) summary.name = name->text;
  }
  return summary;
}

std::string render_findings(const Findings& findings) {
  std::string text;
  for (const Finding& finding : findings)
    text += finding.text() + "\n";
  if (findings.empty()) return text;
  const std::string more = findings.size() >= findings_max ? " or more" : "";
  const std::string& file = findings.front().file;
  const std::string where = file == "--set" ? "" : " in " + file;
  return text +
         fmt::format("{}{} error{}{}\n", findings.size(), more, findings.size() == 1 ? "" : "s", where);
}

}  // namespace vhdlab::scenarios
