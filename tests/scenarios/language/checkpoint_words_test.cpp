// Words about checkpoints: which one a reference means, what a point comes to, and what is refused.
#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "scenarios/language/checkpoint_story.h"
#include "scenarios/language/parse.h"

namespace vhdlab::scenarios {
namespace {

std::string scenario_text(const std::string& setup, const std::string& measure, const std::string& top = "") {
  return "name: t\n" + top + "disk: { size: 64MiB }\nsetup:\n  - create: base\n" + setup + "measure:\n" +
         measure;
}

Scenario parsed(const std::string& text, const ParseOptions& options = {}) {
  auto scenario = parse_scenario(text, "t.yaml", options);
  if (!scenario) {
    ADD_FAILURE() << text << render_findings(scenario.error());
    return {};
  }
  return std::move(*scenario);
}

// The only finding, as "line:message (hint)".
std::string finding_of(const std::string& text) {
  const auto scenario = parse_scenario(text, "t.yaml");
  if (scenario) return "none";
  EXPECT_EQ(scenario.error().size(), 1U) << render_findings(scenario.error());
  const Finding& finding = scenario.error().front();
  return std::to_string(finding.line) + ":" + finding.message + " (" + finding.hint + ")";
}

TEST(CheckpointStory, KnowsWhichCheckpointAReferenceMeans) {
  // Goal: names, numbers and ages, while checkpoints come and go. Method: five taken, one deleted.
  CheckpointStory story;
  EXPECT_FALSE(story.find("oldest"));
  EXPECT_EQ(story.take(""), "checkpoint 1");
  EXPECT_EQ(story.take("monday"), "monday");
  EXPECT_FALSE(story.take("monday"));
  for (int i = 3; i <= 5; ++i)
    (void)story.take("");
  EXPECT_EQ(story.find("oldest"), "checkpoint 1");
  EXPECT_EQ(story.find("middle"), "checkpoint 3");
  EXPECT_EQ(story.find("newest"), "checkpoint 5");
  EXPECT_EQ(story.find("2"), "monday");
  EXPECT_EQ(story.find("monday"), "monday");
  EXPECT_FALSE(story.find("6"));
  EXPECT_FALSE(story.find("0"));
  EXPECT_FALSE(story.find("tuesday"));
  story.carry_out(CheckpointAction::remove, "monday");
  EXPECT_FALSE(story.find("2"));
  EXPECT_EQ(story.find("3"), "checkpoint 3");
  EXPECT_EQ(story.depth_of_now(), 4U);
}

TEST(CheckpointStory, FollowsBranchesAndSubtrees) {
  // Goal: Now's depth and what is left. Method: back to the first, a branch, then the other branch deleted.
  CheckpointStory story;
  for (const char* name : {"a", "b", "c"})
    (void)story.take(name);
  story.carry_out(CheckpointAction::apply, "a");
  EXPECT_EQ(story.depth_of_now(), 1U);
  (void)story.take("d");
  story.carry_out(CheckpointAction::remove_subtree, "b");
  EXPECT_EQ(story.names(), (std::vector<std::string_view>{"a", "d"}));
  EXPECT_EQ(story.depth_of_now(), 2U);
  story.carry_out(CheckpointAction::remove_subtree, "a");
  EXPECT_EQ(story.depth_of_now(), 0U);
}

TEST(CheckpointWords, BindEveryStep) {
  // Goal: each word's meaning. Method: a scenario that uses all of them.
  const Scenario scenario = parsed(scenario_text(
      "  - checkpoint: monday\n  - repeat: 2\n    steps: [checkpoint]\n  - apply: monday\n  - checkpoint\n",
      "  - checkpoint: { name: take, as: extra }\n  - apply: { checkpoint: 2 }\n"
      "  - delete: { name: one, checkpoint: oldest }\n  - delete_subtree: { checkpoint: extra }\n"
      "  - merge: { range: pending }\n  - damage: { each: file, by: missing }\n"));
  const ScenarioPoint& point = scenario.points.at(0);
  EXPECT_TRUE(point.is_machine);
  EXPECT_EQ(point.chain_depth, 2U);
  EXPECT_EQ(std::get<TakeCheckpoint>(point.setup.at(1).action).name, "monday");
  EXPECT_EQ(std::get<ApplyCheckpoint>(point.setup.at(3).action).checkpoint, "monday");
  EXPECT_EQ(std::get<MeasuredCheckpoint>(point.measure.at(0)).checkpoint, "extra");
  EXPECT_EQ(std::get<MeasuredCheckpoint>(point.measure.at(1)).action, CheckpointAction::apply);
  EXPECT_EQ(std::get<MeasuredCheckpoint>(point.measure.at(1)).checkpoint, "2");
  EXPECT_EQ(name_of(point.measure.at(2)), "one");
  EXPECT_EQ(std::get<MeasuredCheckpoint>(point.measure.at(3)).action, CheckpointAction::remove_subtree);
  EXPECT_TRUE(std::get<MeasuredMerge>(point.measure.at(4)).pending);
  EXPECT_EQ(std::get<MeasuredDamage>(point.measure.at(5)).kind, DamageKind::missing);
}

TEST(CheckpointWords, StackedCheckpointsAreNoMachine) {
  // Goal: scenarios of old keep their cost: no tree is kept for them. Method: checkpoints, a name, a merge of
  // layers.
  const Scenario scenario =
      parsed(scenario_text("  - checkpoint\n  - checkpoint: monday\n", "  - merge: { range: all }\n"));
  EXPECT_FALSE(scenario.points.at(0).is_machine);
  EXPECT_EQ(scenario.points.at(0).chain_depth, 2U);
}

TEST(CheckpointWords, TakeReferencesFromTheSweep) {
  // Goal: one scenario asks about each. Method: which checkpoint is deleted is swept.
  const Scenario scenario =
      parsed(scenario_text("  - checkpoint\n  - checkpoint\n", "  - delete: { checkpoint: $which }\n",
                           "sweep: { which: [oldest, 2] }\n"));
  EXPECT_EQ(std::get<MeasuredCheckpoint>(scenario.points.at(1).measure.at(0)).checkpoint, "2");
}

TEST(CheckpointWords, AreRefusedWithTheirReason) {
  // Goal: every mistake has its line and a next step. Method: one mistake each.
  const std::string taken = "  - checkpoint: monday\n";
  const std::pair<std::string, std::string> cases[] = {
      {scenario_text("", "  - delete: { checkpoint: monday }\n"),
       "6:there is no checkpoint 'monday' at this step (take one first)"},
      {scenario_text(taken, "  - delete: { checkpoint: mondy }\n"),
       "7:there is no checkpoint 'mondy' at this step (did you mean 'monday'?)"},
      {scenario_text(taken, "  - delete: { checkpoint: 1 }\n  - apply: { checkpoint: monday }\n"),
       "8:there is no checkpoint 'monday' at this step (take one first)"},
      {scenario_text(taken + taken, "  - delete: { checkpoint: 1 }\n"),
       "6:there is a checkpoint named 'monday' already (give each its own name; in a repeat, leave names out "
       "and "
       "refer to them by number)"},
      {scenario_text("  - checkpoint: oldest\n", "  - read: {}\n"),
       "5:'checkpoint' is 'oldest', expected a name of its own ('oldest', 'middle', 'newest' and 'now' mean "
       "what "
       "they say)"},
      {scenario_text("  - checkpoint: Monday\n", "  - read: {}\n"),
       "5:'checkpoint' is 'Monday', expected a name of small letters, digits, '_' and '-' that begins with a "
       "letter "
       "()"},
      {scenario_text(taken, "  - delete: {}\n"),
       "7:'delete' has no 'checkpoint' (say which: its name, its number, 'oldest', 'middle' or 'newest')"},
      {scenario_text(taken, "  - checkpoint: { checkpoint: x }\n"),
       "7:unknown key 'checkpoint' in 'checkpoint' ('as' names the new checkpoint)"},
      {scenario_text(taken, "  - delete: { checkpoint: 1 }\n  - merge: { range: all }\n"),
       "8:this merge goes around the checkpoints that the scenario goes back to or deletes (delete the "
       "checkpoints "
       "first, then merge: { range: pending })"},
      {scenario_text(taken, "  - merge: { range: pending, order: one-pass }\n"),
       "7:'order' is given, but what is pending goes in the cheapest order (remove 'order')"},
      {scenario_text(taken, "  - damage: { by: header }\n"),
       "7:'damage' has no 'each' (say what is damaged in turn: each: file)"},
      {scenario_text("  - delete: monday\n", "  - read: {}\n"),
       "5:unknown setup step 'delete' ('delete' belongs under 'measure')"},
      {scenario_text("  - repeat: 1001\n    steps: [checkpoint]\n", "  - delete: { checkpoint: 1 }\n"),
       "6:more than 1000 checkpoints at once (a machine has at most 50 under Hyper-V; take fewer, or delete "
       "some)"},
  };
  for (const auto& [text, expected] : cases)
    EXPECT_EQ(finding_of(text), expected) << text;
}

TEST(CheckpointWords, HaveMetricsOfTheirOwn) {
  // Goal: expect knows what each step measures. Method: metrics that fit and that do not.
  const std::string steps = "  - delete: { checkpoint: 1 }\n  - merge: { range: pending }\n";
  const auto with = [&](const std::string& metric) {
    return parse_scenario(scenario_text("  - checkpoint\n", steps) + "expect:\n  - { metric: " + metric +
                              ", at_most: 1GiB }\n",
                          "t.yaml")
        .has_value();
  };
  EXPECT_TRUE(with("delete.pending_bytes"));
  EXPECT_TRUE(with("merge.space_after_bytes"));
  EXPECT_TRUE(with("delete.bytes_written"));
  EXPECT_FALSE(with("delete.bytes_per_s"));
  const auto of_layers =
      parse_scenario(scenario_text("  - checkpoint\n", "  - merge: {}\n") +
                         "expect:\n  - { metric: merge.space_after_bytes, at_most: 1GiB }\n",
                     "t.yaml");
  EXPECT_FALSE(of_layers.has_value());
}

TEST(CheckpointWords, MayHaveVariablesWithoutAValueInACheck) {
  // Goal: `vhdlab check` passes what --set completes. Method: an unset reference, with and without that
  // leave.
  const std::string text =
      scenario_text("  - checkpoint\n", "  - delete: { checkpoint: $which }\n", "variables: { which: }\n");
  EXPECT_FALSE(parse_scenario(text, "t.yaml").has_value());
  EXPECT_TRUE(parse_scenario(text, "t.yaml", {.accept_unset_variables = true}).has_value());
}

}  // namespace
}  // namespace vhdlab::scenarios
