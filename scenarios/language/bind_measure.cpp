// Measured steps; see bind_measure.h.
#include "scenarios/language/bind_measure.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "scenarios/language/bind_checkpoints.h"
#include "scenarios/language/bind_merge.h"
#include "scenarios/language/bind_workload.h"
#include "scenarios/language/step_names.h"
#include "scenarios/language/words.h"

namespace vhdlab::scenarios {
namespace {

using Keys = std::vector<std::string_view>;

// Nothing where the step was reported for what it is; findings in its settings leave it at their defaults.
std::optional<MeasuredStep> bind_step(const Node& item, const StepGround& ground, Judge& judge,
                                      StepNames& names) {
  static const Keys words = {"read",       "write", "mixed",  "replay",         "merge", "live_merge",
                             "checkpoint", "apply", "delete", "delete_subtree", "damage"};
  if (item.kind != Node::Kind::mapping || item.entries.empty()) {
    judge.unexpected({&item, &item}, "a measured step",
                     "one of " + joined(words) + ", as in '- read: { name: reads }'");
    return std::nullopt;
  }
  const Node::Entry& entry = item.entries.front();
  if (std::ranges::find(words, entry.key) == words.end()) {
    const bool of_setup = entry.key == "create" || entry.key == "fill" || entry.key == "repeat";
    judge.findings().add(
        entry.key_place, fmt::format("unknown measured step {}", in_quotes(entry.key)),
        of_setup ? fmt::format("'{}' belongs under 'setup'", entry.key) : suggestion(entry.key, words));
    return std::nullopt;
  }
  if (judge.refuse_more_keys(item)) return std::nullopt;
  if (entry.key == "replay") return bind_replay(entry.value, ground, judge, names);
  if (entry.key == "merge") return bind_merge(entry.value, ground, judge, names);
  if (entry.key == "live_merge") return bind_live_merge(entry.value, ground, judge, names);
  if (entry.key == "damage") return bind_damage(entry.value, judge, names);
  if (is_checkpoint_word(entry.key)) return bind_measured_checkpoint(entry, judge, names);
  return bind_workload(entry, ground, judge, names);
}

}  // namespace

std::vector<MeasuredStep> bind_measure(const Node& root, const StepGround& ground, Judge& judge) {
  const Node* list = root.find("measure");
  if (list == nullptr) {
    judge.add(root, "the scenario has no 'measure'", "say what to measure: '- read: { name: reads, ... }'");
    return {};
  }
  if (list->kind != Node::Kind::list || list->items.empty()) {
    judge.unexpected({list, list}, "'measure'", "a list of steps, each line beginning with '- '");
    return {};
  }
  if (list->items.size() > measured_steps_max) {
    judge.add(*list,
              fmt::format("{} measured steps, expected at most {}", list->items.size(), measured_steps_max));
    return {};
  }
  std::vector<MeasuredStep> steps;
  StepNames names;
  for (const Node& item : list->items) {
    if (auto step = bind_step(item, ground, judge, names)) steps.push_back(*std::move(step));
  }
  return steps;
}

}  // namespace vhdlab::scenarios
