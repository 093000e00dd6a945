// Binds what a scenario does with checkpoints beyond stacking them: names, going back, deleting, damaging
// files; and tells the story of a point from beginning to end, so that no step names a checkpoint that is not
// there.
#pragma once

#include <string>
#include <vector>

#include "scenarios/language/document.h"
#include "scenarios/language/scenario.h"
#include "scenarios/language/settings.h"
#include "scenarios/language/step_names.h"

namespace vhdlab::scenarios {

// `- checkpoint: monday` and `- apply: monday` of a setup. What was reported leaves the text empty.
[[nodiscard]] TakeCheckpoint bind_named_checkpoint(const Node& value, Judge& judge);
[[nodiscard]] ApplyCheckpoint bind_setup_apply(const Node& value, Judge& judge);

// Whether a measured step's word is one of checkpoint, apply, delete, delete_subtree; and those steps.
[[nodiscard]] bool is_checkpoint_word(std::string_view word);
[[nodiscard]] MeasuredCheckpoint bind_measured_checkpoint(const Node::Entry& entry, Judge& judge,
                                                          StepNames& names);
[[nodiscard]] MeasuredDamage bind_damage(const Node& value, Judge& judge, StepNames& names);

// Sets is_machine and, where it is true, chain_depth; reports references to checkpoints there are not, names
// given twice, and merges that go around the checkpoints. `root` was bound without findings: its lists have
// the point's steps one for one.
void tell_story(const Node& root, ScenarioPoint& point, Judge& judge);

}  // namespace vhdlab::scenarios
