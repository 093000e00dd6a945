// The rules of the tree: every tree of up to six checkpoints, and random larger ones, under every operation,
// against a model that knows only what each operation means.
#include "engine/checkpoint/checkpoint_tree.h"

#include <functional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/base/random.h"
#include "tests/engine/checkpoint/model_machine.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

// Checkpoint i + 1 stands on parents[i] (0: the beginning); Now goes on from `now`.
ModelMachine machine_of(const std::vector<uint32_t>& parents, uint32_t now) {
  ModelMachine machine;
  uint32_t at = 0;
  auto go_to = [&](uint32_t checkpoint) {
    if (checkpoint != at) machine.apply(ModelMachine::id_of(checkpoint));
    at = checkpoint;
  };
  for (uint32_t i = 0; i < parents.size(); ++i) {
    go_to(parents[i]);
    machine.write(0b100101U << (i % 3) & 0b111111U);
    machine.create();
    at = i + 1;
  }
  go_to(now);
  machine.write(0b010010);
  return machine;
}

// Every tree of `count` checkpoints with every place of Now.
void for_every_tree(uint32_t count, const std::function<void(const ModelMachine&)>& visit) {
  std::vector<uint32_t> parents(count, 1);
  if (count > 0) parents[0] = 0;
  for (;;) {
    for (uint32_t now = count == 0 ? 0 : 1; now <= count; ++now)
      visit(machine_of(parents, now));
    // The next choice of parents: checkpoint i + 1 may stand on any of 1 .. i.
    uint32_t i = 1;
    while (i < count && parents[i] == i)
      parents[i++] = 1;
    if (i >= count) return;
    ++parents[i];
  }
}

std::vector<Guid> ids_of(const ModelMachine& machine) {
  std::vector<Guid> ids;
  for (const Checkpoint& checkpoint : machine.tree().checkpoints)
    ids.push_back(checkpoint.id);
  return ids;
}

// Looks at the machine as the operation leaves it, once its merges are done, and once more is written.
uint64_t judge(ModelMachine machine) {
  EXPECT_EQ(machine.trouble(), "") << machine.story();
  machine.carry_out_all_merges();
  EXPECT_EQ(machine.trouble(), "") << machine.story();
  machine.write(0b001001);
  EXPECT_EQ(machine.trouble(), "") << machine.story();
  return 1;
}

uint64_t judge_every_operation(const ModelMachine& machine) {
  uint64_t judged = 0;
  ModelMachine created = machine;
  created.create();
  judged += judge(std::move(created));
  for (const Guid& id : ids_of(machine)) {
    for (const auto operation :
         {&ModelMachine::apply, &ModelMachine::remove, &ModelMachine::remove_subtree}) {
      ModelMachine changed = machine;
      (changed.*operation)(id);
      judged += judge(std::move(changed));
    }
  }
  return judged;
}

// The machine without the checkpoints of `gone` (bit by number), with their merges done or still to do.
ModelMachine without(ModelMachine machine, uint32_t gone, bool merge_at_once) {
  for (uint32_t i = 0; gone >> i != 0; ++i) {
    if ((gone >> i & 1) == 0) continue;
    machine.remove(ModelMachine::id_of(i + 1));
    if (merge_at_once) machine.carry_out_all_merges();
  }
  return machine;
}

TEST(CheckpointTree, KeepsEveryContentUnderEveryOperationOnEveryTreeUpToSixCheckpoints) {
  // Goal (rules "create", "apply X", "delete X", "delete subtree X" of the reference): Now and every
  // remaining checkpoint read the same bytes, and no file is left that nothing needs. Method: every tree of
  // up to six checkpoints and every place of Now, in all ways of having lost checkpoints before (up to two of
  // six), with merges done and pending; each operation on each checkpoint, judged by a model.
  uint64_t judged = 0;
  for (uint32_t count = 0; count <= 6 && !HasFailure(); ++count) {
    const uint32_t gone_max = count == 6 ? 1 : count;
    for_every_tree(count, [&](const ModelMachine& machine) {
      for (uint32_t gone = 0; gone < 1U << count && !HasFailure(); ++gone) {
        if (static_cast<uint32_t>(__builtin_popcount(gone)) > gone_max) continue;
        judged += judge_every_operation(without(machine, gone, false));
        if (gone != 0) judged += judge_every_operation(without(machine, gone, true));
      }
    });
  }
  EXPECT_GT(judged, 100'000U);
  RecordProperty("operations_judged", std::to_string(judged));
}

TEST(CheckpointTree, KeepsEveryContentThroughRandomHistoriesOfSeveralDisks) {
  // Goal: the same on trees far beyond six, where operations and merges follow each other in any order.
  // Method: random histories of machines with one to three disks, the model asked after every step.
  SeededRandom random(test_seed());
  auto pick = [&](size_t count) { return random.next_u64() % count; };
  for (int history = 0; history < 60 && !HasFailure(); ++history) {
    ModelMachine machine(1 + pick(3));
    for (int step = 0; step < 150 && !HasFailure(); ++step) {
      const auto ids = ids_of(machine);
      const size_t choice = pick(10);
      if (choice < 4 || ids.empty()) {
        if (ids.size() < checkpoints_max_default) machine.create();
      } else if (choice < 6) {
        machine.apply(ids[pick(ids.size())]);
      } else if (choice < 8) {
        machine.remove(ids[pick(ids.size())]);
      } else if (choice == 8 && pick(6) == 0) {
        machine.remove_subtree(ids[pick(ids.size())]);
      } else if (const auto merges = pending_merges(machine.tree()); !merges.empty()) {
        machine.carry_out(merges[pick(merges.size())]);
      }
      machine.write(static_cast<uint32_t>(random.next_u64() & 0b111111));
      ASSERT_EQ(machine.trouble(), "") << machine.story();
    }
    machine.carry_out_all_merges();
    ASSERT_EQ(machine.trouble(), "") << machine.story();
  }
}

TEST(CheckpointTree, RuleCreateMakesTheNewCheckpointTheParentOfNow) {
  // Goal (rule "create"): as named, and nothing but one empty file for each disk is made. Method: two disks.
  ModelMachine machine(2);
  const auto before = machine.tree();
  const std::vector<std::string> paths = {"disk0_a.avhdx", "disk1_a.avhdx"};
  const auto plan = plan_create(before, {.id = ModelMachine::id_of(1), .name = "one"}, paths).value();
  EXPECT_EQ(plan.after.now_parent, ModelMachine::id_of(1));
  EXPECT_EQ(plan.after.disks[1].frozen.at(ModelMachine::id_of(1)), "disk1.vhdx");
  EXPECT_EQ(plan.after.disks[1].now, "disk1_a.avhdx");
  EXPECT_EQ(plan.create, (std::vector<CheckpointPlan::NewFile>{{0, "disk0_a.avhdx", "disk0.vhdx"},
                                                               {1, "disk1_a.avhdx", "disk1.vhdx"}}));
  EXPECT_TRUE(plan.remove.empty());
  EXPECT_TRUE(pending_merges(plan.after).empty());
}

TEST(CheckpointTree, RuleApplyDiscardsTheOldNowOnlyWhereNothingElseUsesIt) {
  // Goal (rule "apply X"): Now's own file goes; a file that a checkpoint froze never does. Method: apply,
  // with and without a checkpoint first.
  ModelMachine machine;
  machine.create();
  const auto plain =
      plan_apply(machine.tree(), ModelMachine::id_of(1), std::vector<std::string>{"disk0_x.avhdx"}).value();
  EXPECT_EQ(plain.remove, std::vector<std::string>{"disk0_1.avhdx"});
  machine.create();
  const auto kept =
      plan_apply(machine.tree(), ModelMachine::id_of(1), std::vector<std::string>{"disk0_x.avhdx"}).value();
  EXPECT_EQ(kept.remove, std::vector<std::string>{"disk0_2.avhdx"});
  EXPECT_TRUE(kept.after.disks[0].parent_of.contains("disk0_1.avhdx"));
}

TEST(CheckpointTree, RuleDeleteRemovesMergesOrKeepsByTheNumberOfChildren) {
  // Goal (rule "delete X"): none, one, two children in use. Method: one checkpoint of each kind.
  ModelMachine machine;
  machine.create();  // 1 on disk0.vhdx
  machine.create();  // 2 on disk0_1
  machine.apply(ModelMachine::id_of(1));

  const auto none = plan_delete(machine.tree(), ModelMachine::id_of(2)).value();
  EXPECT_EQ(none.remove, std::vector<std::string>{"disk0_1.avhdx"});
  EXPECT_TRUE(pending_merges(none.after).empty());

  const auto two = plan_delete(machine.tree(), ModelMachine::id_of(1)).value();
  EXPECT_TRUE(two.remove.empty());
  EXPECT_TRUE(pending_merges(two.after).empty());
  EXPECT_EQ(find_checkpoint(two.after, ModelMachine::id_of(1)), nullptr);
  EXPECT_TRUE(two.after.disks[0].parent_of.contains("disk0.vhdx"));

  const auto then_one = plan_delete(two.after, ModelMachine::id_of(2)).value();
  EXPECT_EQ(then_one.remove, std::vector<std::string>{"disk0_1.avhdx"});
  EXPECT_EQ(pending_merges(then_one.after),
            (std::vector<PendingMerge>{{0, "disk0.vhdx", {"disk0_3.avhdx"}, {}}}));
}

TEST(CheckpointTree, RuleDeleteRepointsEveryoneOnTheMergedChild) {
  // Goal (rule "delete X", one child): a child that itself branches is merged, and all that stood on it is
  // given the merged file. Method: 1 - 2 - {3, Now}; delete 1.
  ModelMachine machine;
  machine.create();
  machine.create();
  machine.create();
  machine.apply(ModelMachine::id_of(2));
  machine.remove(ModelMachine::id_of(1));
  EXPECT_EQ(
      pending_merges(machine.tree()),
      (std::vector<PendingMerge>{{0, "disk0.vhdx", {"disk0_1.avhdx"}, {"disk0_2.avhdx", "disk0_4.avhdx"}}}));
  EXPECT_EQ(judge(machine), 1U);
}

TEST(CheckpointTree, RuleDeleteSubtreeMergesSeveralLevelsInOnePass) {
  // Goal (rule "delete subtree X"): files off Now's path go, those on it are one run of merges, Now stays.
  // Method: a line of five with a side branch, deleted from its second on.
  ModelMachine machine;
  for (int i = 0; i < 5; ++i) {
    machine.create();
    machine.write(1U << i);
  }
  machine.apply(ModelMachine::id_of(3));
  machine.create();  // 6, beside 4
  machine.write(0b100000);
  const auto plan = plan_delete_subtree(machine.tree(), ModelMachine::id_of(2)).value();
  EXPECT_EQ(plan.after.checkpoints.size(), 1U);
  EXPECT_EQ(plan.after.now_parent, ModelMachine::id_of(1));
  EXPECT_EQ(plan.remove, (std::vector<std::string>{"disk0_4.avhdx", "disk0_3.avhdx"}));
  const auto merges = pending_merges(plan.after);
  ASSERT_EQ(merges.size(), 1U);
  EXPECT_EQ(merges[0].target, "disk0_1.avhdx");
  EXPECT_EQ(merges[0].sources, (std::vector<std::string>{"disk0_2.avhdx", "disk0_6.avhdx", "disk0_7.avhdx"}));
}

TEST(CheckpointTree, RuleLimitRefusesTheFiftyFirst) {
  // Goal (rule "Limit"): 50 checkpoints by default, another number where the caller says so. Method: count.
  ModelMachine machine;
  for (int i = 0; i < 50; ++i)
    machine.create();
  const std::vector<std::string> path = {"disk0_x.avhdx"};
  const auto refused = plan_create(machine.tree(), {.id = ModelMachine::id_of(99)}, path);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, "checkpoint-limit");
  EXPECT_NE(refused.error().text().find("50"), std::string::npos);
  EXPECT_TRUE(plan_create(machine.tree(), {.id = ModelMachine::id_of(99)}, path, 51));
}

TEST(CheckpointTree, RuleNamesNeedNotBeUniqueAndIdentityIsAGuid) {
  // Goal (rule "Names"): an ambiguous name lists the ids, the beginning of an id decides. Method: two of a
  // name.
  ModelMachine machine;
  machine.create();
  machine.create();
  const auto by_name = find_checkpoint_by_word(machine.tree(), "c");
  ASSERT_FALSE(by_name);
  EXPECT_EQ(by_name.error().fault, "checkpoint-ambiguous");
  for (uint32_t n : {1U, 2U})
    EXPECT_NE(by_name.error().message.find(ModelMachine::id_of(n).to_lower()), std::string::npos);
  EXPECT_EQ(find_checkpoint_by_word(machine.tree(), "00000002").value(), ModelMachine::id_of(2));
  EXPECT_EQ(find_checkpoint_by_word(machine.tree(), "0000000").error().fault, "checkpoint-ambiguous");
  EXPECT_EQ(find_checkpoint_by_word(machine.tree(), "nothing").error().fault, "checkpoint-unknown");
  EXPECT_EQ(find_checkpoint_by_word(machine.tree(), "").error().fault, "checkpoint-unknown");
}

TEST(CheckpointTree, RuleRenameChangesTheNameAndNothingElse) {
  // Goal (rule "rename"). Method: compare everything else.
  ModelMachine machine;
  machine.create();
  auto plan = plan_rename(machine.tree(), ModelMachine::id_of(1), "a new name").value();
  EXPECT_TRUE(plan.create.empty() && plan.remove.empty());
  EXPECT_EQ(plan.after.checkpoints[0].name, "a new name");
  plan.after.checkpoints[0].name = machine.tree().checkpoints[0].name;
  EXPECT_EQ(plan.after, machine.tree());
}

TEST(CheckpointTree, RuleNotABackupNamesEveryRestorePointThatDiesWithAFile) {
  // Goal (rule "Not a backup"): a base under 20 checkpoints takes all 21 states with it, a leaf only its own.
  // Method: a line of 20.
  ModelMachine machine;
  for (int i = 0; i < 20; ++i)
    machine.create();
  EXPECT_EQ(lost_with(machine.tree(), 0, "disk0.vhdx").size(), 21U);
  EXPECT_EQ(lost_with(machine.tree(), 0, "disk0_10.avhdx").size(), 11U);
  EXPECT_EQ(lost_with(machine.tree(), 0, "disk0_20.avhdx"), std::vector<RestorePoint>{restore_point_now});
}

TEST(CheckpointTree, RefusesTreesThatBreakItsRules) {
  // Goal: each way a tree can be wrong is found. Method: break a good one in each way.
  ModelMachine machine(2);
  machine.create();
  machine.create();
  const CheckpointTree good = machine.tree();
  ASSERT_TRUE(check_tree(good));
  const Guid first = ModelMachine::id_of(1);
  const std::vector<std::pair<std::string, std::function<void(CheckpointTree&)>>> ways = {
      {"a checkpoint's parent is missing",
       [&](auto& tree) { tree.checkpoints.erase(tree.checkpoints.begin()); }},
      {"a checkpoint is its own parent", [&](auto& tree) { tree.checkpoints[0].parent = first; }},
      {"an id twice", [&](auto& tree) { tree.checkpoints[1].id = first; }},
      {"an id of zeros", [&](auto& tree) { tree.checkpoints[0].id = Guid{}; }},
      {"Now's checkpoint is missing", [&](auto& tree) { tree.now_parent = ModelMachine::id_of(9); }},
      {"a file's parent is missing", [&](auto& tree) { tree.disks[1].parent_of["disk1_4.avhdx"] = "x"; }},
      {"files in a ring", [&](auto& tree) { tree.disks[0].parent_of["disk0.vhdx"] = "disk0_3.avhdx"; }},
      {"a checkpoint without a file", [&](auto& tree) { tree.disks[1].frozen.erase(first); }},
      {"a checkpoint's file is missing", [&](auto& tree) { tree.disks[0].frozen[first] = "x"; }},
      {"a file of nobody's checkpoint",
       [&](auto& tree) { tree.disks[0].frozen[ModelMachine::id_of(9)] = "disk0.vhdx"; }},
      {"two users of one file", [&](auto& tree) { tree.disks[0].frozen[first] = tree.disks[0].now; }},
      {"Now has no file", [&](auto& tree) { tree.disks[0].now = ""; }},
      {"something stands on Now", [&](auto& tree) { tree.disks[0].parent_of["x"] = tree.disks[0].now; }},
      {"a file of two disks", [&](auto& tree) { tree.disks[1] = tree.disks[0]; }},
  };
  for (const auto& [name, break_it] : ways) {
    CheckpointTree tree = good;
    break_it(tree);
    const auto checked = check_tree(tree);
    ASSERT_FALSE(checked) << name;
    EXPECT_EQ(checked.error().fault, "checkpoint-tree") << name;
  }
}

TEST(CheckpointTree, TellsWhatBecomesOfEveryFile) {
  // Goal: file_changes says for each file created, kept, merged into which, re-pointed or removed. Method: a
  // delete with one child that has two children.
  ModelMachine machine;
  machine.create();
  machine.create();
  machine.create();
  machine.apply(ModelMachine::id_of(2));
  const auto plan = plan_delete(machine.tree(), ModelMachine::id_of(1)).value();
  std::string told;
  for (const FileChange& change : file_changes(machine.tree(), plan)) {
    told += fmt::format("{}:{}{}{} ", change.path, static_cast<int>(change.fate),
                        change.into.empty() ? "" : ">" + change.into,
                        change.new_parent.empty() ? "" : "^" + change.new_parent);
  }
  EXPECT_EQ(told,
            "disk0.vhdx:1 disk0_1.avhdx:2>disk0.vhdx disk0_2.avhdx:1^disk0.vhdx disk0_4.avhdx:1^disk0.vhdx ");
}

}  // namespace
}  // namespace vhdlab::tests
