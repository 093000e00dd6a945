// The straight column from text to Scenario: read, override, sweep, bind every point, resolve expectations.
#include "scenarios/language/parse.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "scenarios/language/bind.h"
#include "scenarios/language/bind_arrivals.h"
#include "scenarios/language/bind_expectations.h"
#include "scenarios/language/bind_live_merge.h"
#include "scenarios/language/document.h"
#include "scenarios/language/override.h"
#include "scenarios/language/scenario_file.h"
#include "scenarios/language/scenario_text.h"
#include "scenarios/language/settings.h"
#include "scenarios/language/words.h"

namespace vhdlab::scenarios {
namespace {

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
    bind_expectations(root_, overridden_sweeps_, scenario_, judge);
    if (!findings_.empty()) return std::unexpected(findings_.take());
    return std::move(scenario_);
  }

 private:
  // --- reading ---

  bool read() {
    const std::string_view text = without_mark(text_);
    findings_.add_source(scenario_.file, text.substr(0, scenario_bytes_max));
    if (text.size() > scenario_bytes_max) {
      findings_.add(
          {}, fmt::format("the file is larger than the {} of a scenario", format_size(scenario_bytes_max)),
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
  constexpr size_t mark_bytes = 3;  // a byte-order mark does not count
  const auto text = read_scenario_text(path, scenario_bytes_max + mark_bytes);
  if (text) return parse_scenario(*text, path, options);
  return std::unexpected(Findings{{.file = path,
                                   .line = 1,
                                   .column = 1,
                                   .message = text.error().message,
                                   .hint = text.error().hint,
                                   .source_line = ""}});
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
