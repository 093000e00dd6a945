// Words about checkpoints; see bind_checkpoints.h.
#include "scenarios/language/bind_checkpoints.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "scenarios/language/checkpoint_story.h"
#include "scenarios/language/words.h"

namespace vhdlab::scenarios {
namespace {

using Keys = std::vector<std::string_view>;

constexpr std::array<Word<CheckpointAction>, 4> action_words = {
    {{"checkpoint", CheckpointAction::take},
     {"apply", CheckpointAction::apply},
     {"delete", CheckpointAction::remove},
     {"delete_subtree", CheckpointAction::remove_subtree}}};
constexpr std::array<std::string_view, 4> reserved_names = {"oldest", "middle", "newest", "now"};

constexpr std::string_view reference_words =
    "a checkpoint: its name, its number, 'oldest', 'middle' or 'newest'";

std::string bind_new_name(const Node& node, std::string_view what, Judge& judge) {
  Value value;
  const auto text = judge.scalar(node, what, "a checkpoint's name", value);
  if (!text) return {};
  if (std::ranges::find(reserved_names, *text) != reserved_names.end()) {
    judge.unexpected(value, what, "a name of its own",
                     "'oldest', 'middle', 'newest' and 'now' mean what they say");
    return {};
  }
  if (is_plain_name(*text)) return *text;
  judge.unexpected(value, what, "a name of small letters, digits, '_' and '-' that begins with a letter");
  return {};
}

std::string bind_reference(const Node& node, std::string_view what, Judge& judge) {
  Value value;
  const auto text = judge.scalar(node, what, reference_words, value);
  if (!text) return {};
  const auto number = whole_number_in(*text);
  if (is_plain_name(*text) || (number && *number > 0)) return *text;
  judge.unexpected(value, what, reference_words);
  return {};
}

// Tells one point's story along its nodes; stops at the first finding, which the rest would only repeat.
class Teller {
 public:
  Teller(ScenarioPoint& point, Judge& judge) : point_(point), judge_(judge) {}

  void tell(const Node& setup, const Node& measure) {
    if (!tell_setup(setup, point_.setup)) return;
    point_.chain_depth = story_.depth_of_now();
    for (size_t i = 0; i < point_.measure.size(); ++i) {
      if (!tell_measured(measure.items[i], point_.measure[i])) return;
    }
  }

 private:
  bool tell_setup(const Node& list, const std::vector<SetupStep>& steps) {
    for (size_t i = 0; i < steps.size(); ++i) {
      const Node& item = list.items[i];
      if (const auto* repeat = std::get_if<SetupRepeat>(&steps[i].action)) {
        for (uint32_t round = 0; round < repeat->count; ++round) {
          if (!tell_setup(*item.find("steps"), repeat->steps)) return false;
        }
      } else if (const auto* taken = std::get_if<TakeCheckpoint>(&steps[i].action)) {
        if (!take(item, taken->name)) return false;
      } else if (const auto* apply = std::get_if<ApplyCheckpoint>(&steps[i].action)) {
        if (!carry_out(item, CheckpointAction::apply, apply->checkpoint)) return false;
      }
    }
    return true;
  }

  bool tell_measured(const Node& item, const MeasuredStep& step) {
    const auto* merge = std::get_if<MeasuredMerge>(&step);
    const bool merges_layers = merge != nullptr && !merge->pending;
    if (merges_layers || std::holds_alternative<MeasuredLiveMerge>(step)) {
      judge_.add(item, "this merge goes around the checkpoints that the scenario goes back to or deletes",
                 "delete the checkpoints first, then merge: { range: pending }");
      return false;
    }
    const auto* operation = std::get_if<MeasuredCheckpoint>(&step);
    if (operation == nullptr) return true;
    if (operation->action == CheckpointAction::take) return take(item, operation->checkpoint);
    return carry_out(item, operation->action, operation->checkpoint);
  }

  bool take(const Node& item, const std::string& name) {
    if (story_.count() >= machine_checkpoints_max) {
      judge_.add(item, fmt::format("more than {} checkpoints at once", machine_checkpoints_max),
                 "a machine has at most 50 under Hyper-V; take fewer, or delete some");
      return false;
    }
    if (story_.take(name)) return true;
    judge_.add(item, fmt::format("there is a checkpoint named {} already", in_quotes(name)),
               "give each its own name; in a repeat, leave names out and refer to them by number");
    return false;
  }

  bool carry_out(const Node& item, CheckpointAction action, const std::string& reference) {
    if (reference.empty()) return false;  // reported, or a variable without a value
    const auto name = story_.find(reference);
    if (name) {
      story_.carry_out(action, *name);
      return true;
    }
    constexpr size_t shown_max = 8;
    auto names = story_.names();
    if (names.size() > shown_max) names.resize(shown_max);
    judge_.add(item, fmt::format("there is no checkpoint {} at this step", in_quotes(reference)),
               names.empty() ? "take one first" : suggestion(reference, names));
    return false;
  }

  ScenarioPoint& point_;
  Judge& judge_;
  CheckpointStory story_;
};

bool has_apply(const std::vector<SetupStep>& steps) {
  return std::ranges::any_of(steps, [](const SetupStep& step) {
    const auto* repeat = std::get_if<SetupRepeat>(&step.action);
    return repeat != nullptr ? has_apply(repeat->steps)
                             : std::holds_alternative<ApplyCheckpoint>(step.action);
  });
}

bool needs_machine(const MeasuredStep& step) {
  const auto* merge = std::get_if<MeasuredMerge>(&step);
  return (merge != nullptr && merge->pending) || std::holds_alternative<MeasuredCheckpoint>(step) ||
         std::holds_alternative<MeasuredDamage>(step);
}

}  // namespace

TakeCheckpoint bind_named_checkpoint(const Node& value, Judge& judge) {
  return {.name = bind_new_name(value, "'checkpoint'", judge)};
}

ApplyCheckpoint bind_setup_apply(const Node& value, Judge& judge) {
  return {.checkpoint = bind_reference(value, "'apply'", judge)};
}

bool is_checkpoint_word(std::string_view word) {
  return std::ranges::find(action_words, word, &Word<CheckpointAction>::first) != action_words.end();
}

MeasuredCheckpoint bind_measured_checkpoint(const Node::Entry& entry, Judge& judge, StepNames& names) {
  MeasuredCheckpoint step;
  step.action = std::ranges::find(action_words, entry.key, &Word<CheckpointAction>::first)->second;
  const bool takes = step.action == CheckpointAction::take;
  const Keys keys = takes ? Keys{"name", "as"} : Keys{"name", "checkpoint"};
  const std::vector<std::pair<std::string_view, std::string_view>> hints = {
      {"checkpoint", "'as' names the new checkpoint"}, {"as", "'checkpoint' says which"}};
  Settings settings(judge, entry.value, entry.key, keys, hints);
  step.name = names.bind(settings, entry.key);
  const Node* which = takes ? settings.find("as")
                            : settings.required("checkpoint",
                                                "say which: its name, its number, 'oldest', "
                                                "'middle' or 'newest'");
  if (which != nullptr) {
    step.checkpoint = takes ? bind_new_name(*which, settings.name_of("as"), judge)
                            : bind_reference(*which, settings.name_of("checkpoint"), judge);
  }
  return step;
}

MeasuredDamage bind_damage(const Node& value, Judge& judge, StepNames& names) {
  const Keys keys = {"name", "each", "by"};
  Settings settings(judge, value, "damage", keys);
  MeasuredDamage step;
  step.name = names.bind(settings, "damage");
  const std::array<Word<bool>, 1> each_words = {{{"file", true}}};
  (void)settings.required("each", "say what is damaged in turn: each: file");
  (void)settings.word<bool>("each", each_words);
  const std::array<Word<DamageKind>, 2> kinds = {
      {{"header", DamageKind::header}, {"missing", DamageKind::missing}}};
  step.kind = settings.word<DamageKind>("by", kinds).value_or(DamageKind::header);
  return step;
}

void tell_story(const Node& root, ScenarioPoint& point, Judge& judge) {
  point.is_machine = has_apply(point.setup) || std::ranges::any_of(point.measure, needs_machine);
  if (point.is_machine) Teller(point, judge).tell(*root.find("setup"), *root.find("measure"));
}

}  // namespace vhdlab::scenarios
