// Plans of whole families, carried out: every leaf reads as before, whatever the tree, however it is stopped;
// what the rules forbid is not done; what changed since the plan is refused.
#include "engine/merge/family_merge.h"

#include <map>

#include <gmock/gmock.h>

#include "engine/chain/disk_family_scan.h"
#include "tests/engine/chain/chain_workbench.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

uint64_t pick(RandomSource& random, uint64_t count) {
  return random.next_u64() % count;
}

std::vector<std::byte> content_of(FileSystem& files, const std::string& path, RandomSource& random) {
  const Chain chain = must(open_chain(files, path, {}, random));
  std::vector<std::byte> content(chain.disk_size_bytes());
  ReadPlan plan;
  must(chain.read(0, content, plan));
  return content;
}

void change(FileSystem& files, const std::string& path, RandomSource& random, int changes = 3) {
  Chain chain = must(open_chain(files, path, {.mode = OpenMode::read_write}, random));
  WritePlan plan;
  for (int i = 0; i < changes; ++i) {
    const uint64_t length = (1 + pick(random, 64)) * 4096;
    const uint64_t offset = pick(random, (chain.disk_size_bytes() - length) / 512) * 512;
    if (pick(random, 5) == 0) {
      must(chain.zero({offset, length}, plan));
    } else {
      must(chain.write(offset, filled(length, static_cast<uint8_t>(1 + pick(random, 250))), plan));
    }
  }
  must(chain.close());
}

class FamilyMergeTest : public testing::Test {
 protected:
  std::string make_base(FileSystem& where, const std::string& path) {
    vhdx::DiskMetadata metadata;
    metadata.disk_size_bytes = 4 * mib;
    metadata.block_size_bytes = 1 * mib;
    must(create_disk(where, path, metadata, random));
    change(where, path, random);
    return path;
  }
  std::string make_child(FileSystem& where, const std::string& parent, const std::string& path) {
    must(create_child(where, parent, path, {.block_size_bytes = 1 * mib}, random));
    change(where, path, random);
    return path;
  }
  // parents[i] is the number of disk i's parent; -1 for a base.
  std::vector<std::string> make_tree(FileSystem& where, const std::vector<int>& parents) {
    std::vector<std::string> made;
    for (const int parent : parents) {
      const std::string path = fmt::format("/vm/{}.vhdx", made.size());
      made.push_back(parent < 0 ? make_base(where, path)
                                : make_child(where, made[static_cast<size_t>(parent)], path));
    }
    return made;
  }

  DiskFamilies look(FileSystem& where) {
    return make_families(must(scan_families(where, "/vm", {}, random)).disks);
  }
  FamilyPlan plan(FileSystem& where, const FamilyPlanOptions& options = {}) {
    return must(plan_family_merges(where, look(where), options, random));
  }
  static FamilyJournal journal_of(const FamilyPlan& plan) {
    FamilyJournal journal;
    for (const PlannedStep& step : plan.steps)
      journal.steps.push_back({.state = StepState::waiting, .step = step});
    return journal;
  }
  Result<FamilyMergeOutcome> execute(FileSystem& where, FamilyJournal journal,
                                     const FamilyMergeOptions& options = {}) {
    return merge_family(where, "/vm", std::move(journal), options, random);
  }

  MemoryFileSystem files;
  SeededRandom random{11};
};

TEST_F(FamilyMergeTest, ForkStaysAndEachBranchIsMergedByItself) {
  // The tree of family_plan.h: base 0, 1, 2, fork 3; on it 4, 5, Now 6; and 7, leaf 8.
  const auto made = make_tree(files, {-1, 0, 1, 2, 3, 4, 5, 3, 7});
  const MergeRuns runs = find_merge_runs(look(files), {});
  ASSERT_EQ(runs.runs.size(), 2U);
  EXPECT_THAT(runs.runs[0].disks, ElementsAre(0, 1, 2));
  EXPECT_EQ(runs.runs[0].child, 3U);
  EXPECT_THAT(runs.runs[1].disks, ElementsAre(4, 5));
  EXPECT_EQ(runs.runs[1].child, 6U);
  std::map<DiskIndex, std::string> stays;
  for (const StayingDisk& stay : runs.staying)
    stays[stay.disk] = stay.reason;
  ASSERT_EQ(stays.size(), 4U);
  EXPECT_THAT(stays[3], HasSubstr("2 disks stand on it"));
  EXPECT_THAT(stays[6], HasSubstr("a machine may point at it"));
  EXPECT_THAT(stays[7], HasSubstr("nothing below may take it"));

  const auto now = content_of(files, made[6], random);
  const auto other = content_of(files, made[8], random);
  must(execute(files, journal_of(plan(files))));
  EXPECT_TRUE(content_of(files, made[6], random) == now);
  EXPECT_TRUE(content_of(files, made[8], random) == other);
  for (const size_t gone : {1, 2, 5})
    EXPECT_FALSE(files.exists(made[gone]));
  EXPECT_THAT(plan(files).steps, IsEmpty()) << "nothing is left to merge";
}

TEST_F(FamilyMergeTest, LeavesGoOnlyWhereAskedAndNotInUse) {
  const auto made = make_tree(files, {-1, 0, 1, -1, 3, 4});
  EXPECT_EQ(find_merge_runs(look(files), {.in_use = {2}}).runs.size(), 2U);
  const auto first = content_of(files, made[2], random);
  const auto second = content_of(files, made[5], random);
  must(execute(files, journal_of(plan(files, {.in_use = {2}, .merge_leaves = true}))));
  EXPECT_TRUE(content_of(files, made[2], random) == first) << "in use: kept its name";
  EXPECT_FALSE(files.exists(made[5]));
  EXPECT_TRUE(content_of(files, made[3], random) == second) << "its disk is the base now";
}

TEST_F(FamilyMergeTest, NothingIsMergedWhereSomethingIsWrong) {
  // Goal: each kind of trouble keeps its run out of the plan. Method: a chain of four; trouble of each kind.
  auto steps_with =
      [&](const std::function<void(MemoryFileSystem&, const std::vector<std::string>&)>& trouble) {
        MemoryFileSystem own;
        const auto made = make_tree(own, {-1, 0, 1, 2});
        trouble(own, made);
        return plan(own).steps.size();
      };
  EXPECT_NE(steps_with([](auto&, auto&) {}), 0U);
  EXPECT_EQ(steps_with([&](auto& own, auto& made) { change(own, made[0], random); }), 0U) << "mismatch";
  EXPECT_EQ(steps_with([&](auto& own, auto& made) { must(own.remove(made[0])); }), 0U) << "parent missing";
  EXPECT_EQ(steps_with([&](auto& own, auto& made) { must(own.create(made[3] + ".merge")); }), 0U)
      << "an interrupted merge";
  EXPECT_EQ(steps_with([&](auto& own, auto& made) {
              Chain chain = must(open_chain(own, made[3], {.mode = OpenMode::read_write}, random));
              WritePlan write;
              must(chain.write(0, filled(512, 1), write));
              must(chain.flush());
            }),
            1U)
      << "the leaf's log is dirty: it is not re-pointed, what is below may still be merged";
}

TEST_F(FamilyMergeTest, LeavesOfRandomForestsReadAsBefore) {
  // Goal: content, for any tree, with and without leaves, with little space and much. Method: random forests;
  // all leaves compared; the plan's bytes are what is moved; what the journal says is done is done.
  SeededRandom choice(test_seed());
  for (int round = 0; round < 40; ++round) {
    MemoryFileSystem own;
    std::vector<int> parents = {-1};
    const auto count = static_cast<int>(3 + pick(choice, 8));
    while (static_cast<int>(parents.size()) < count) {
      const auto last = static_cast<int>(parents.size()) - 1;
      const uint64_t kind = pick(choice, 6);
      parents.push_back(kind == 0 ? -1 : kind == 1 ? static_cast<int>(pick(choice, parents.size())) : last);
    }
    const auto made = make_tree(own, parents);
    const DiskFamilies before = look(own);
    std::map<std::string, std::vector<std::byte>> leaves;
    for (DiskIndex disk = 0; disk < before.disks.size(); ++disk) {
      if (before.places[disk].children.empty())
        leaves[before.disks[disk].path] = content_of(own, before.disks[disk].path, random);
    }
    FamilyPlanOptions options{.merge_leaves = pick(choice, 2) == 0};
    FamilyPlan planned = plan(own, options);
    if (pick(choice, 2) == 0 && planned.cost.peak_bytes > 0) {
      options.space_limit_bytes = planned.cost.peak_bytes - 1;
      planned = plan(own, options);
    }
    EXPECT_LE(planned.one_pass.bytes_to_copy, planned.cost.bytes_to_copy);
    EXPECT_LE(planned.one_pass.bytes_to_copy, planned.newest_first.bytes_to_copy);
    std::map<std::string, std::string> moved_to;  // leaves that were merged away
    for (const PlannedStep& step : planned.steps) {
      if (!step.child) moved_to[step.sources.back().path] = step.target.path;
    }
    const auto outcome = execute(own, journal_of(planned));
    ASSERT_TRUE(outcome) << outcome.error().text();
    EXPECT_EQ(outcome->bytes_copied, planned.cost.bytes_to_copy);
    for (const auto& [leaf, content] : leaves) {
      std::string path = leaf;
      while (moved_to.contains(path))
        path = moved_to.at(path);
      EXPECT_TRUE(content_of(own, path, random) == content) << leaf << " as " << path;
    }
    EXPECT_TRUE(must(read_family_journal(own, "/vm"))->is_finished());
    EXPECT_FALSE(look(own).has(vhdx::Severity::damage));
    EXPECT_THAT(plan(own, {.merge_leaves = options.merge_leaves}).steps, IsEmpty());
  }
}

TEST_F(FamilyMergeTest, FailingAnywhereItKeepsEveryLeafAndGoesOn) {
  // Goal: after a failure at any change to a file, the leaf reads as before, and the same journal ends the
  // work. Method: change number n fails, and all after it, for n = 0, 7, 14, ...
  for (uint64_t n = 0;; n += 7) {
    MemoryFileSystem own;
    random = SeededRandom(21);
    const auto made = make_tree(own, {-1, 0, 1, 2, 3});
    const auto content = content_of(own, made[4], random);
    // Little space, so that there is more than one step.
    const FamilyPlan least = plan(own, {.space_limit_bytes = 0});
    FaultyFileSystem faulty(own);
    faulty.fail_at(n, true);
    const auto broken = execute(faulty, journal_of(least));
    if (broken) {
      EXPECT_GT(n, 20U);
      break;
    }
    ASSERT_TRUE(content_of(own, made[4], random) == content) << n;
    const auto journal = read_family_journal(own, "/vm");
    ASSERT_TRUE(journal) << n;
    const auto ended = execute(own, journal->value_or(journal_of(least)));
    ASSERT_TRUE(ended) << n << ": " << ended.error().text();
    ASSERT_TRUE(content_of(own, made[4], random) == content) << n;
    ASSERT_FALSE(own.exists(made[1])) << n;
    ASSERT_TRUE(must(read_family_journal(own, "/vm"))->is_finished()) << n;
  }
}

TEST_F(FamilyMergeTest, WhatChangedSinceThePlanIsRefused) {
  // A source written to, a target gone, a child written to (its machine runs), another disk on a source.
  auto fault_after =
      [&](const std::function<void(MemoryFileSystem&, const std::vector<std::string>&)>& trouble) {
        MemoryFileSystem own;
        const auto made = make_tree(own, {-1, 0, 1, 2});
        const FamilyJournal journal = journal_of(plan(own));
        trouble(own, made);
        return fault_of(execute(own, journal));
      };
  EXPECT_EQ(fault_after([&](auto& own, auto& made) { change(own, made[1], random); }), "family-changed");
  EXPECT_EQ(fault_after([&](auto& own, auto& made) { change(own, made[3], random); }), "family-changed");
  EXPECT_EQ(fault_after([&](auto& own, auto& made) { must(own.rename(made[0], "/away")); }),
            "family-changed");
  EXPECT_EQ(fault_after([&](auto& own, auto& made) { make_child(own, made[1], "/vm/new.avhdx"); }),
            "merge-has-other-children");
}

TEST_F(FamilyMergeTest, TooLittleSpaceForAStepIsSaidBeforeIt) {
  const auto made = make_tree(files, {-1, 0, 1, 2});
  const auto content = content_of(files, made[3], random);
  const FamilyMergeOptions full{.free_space_bytes = [](const std::string&) -> Result<uint64_t> { return 0; }};
  EXPECT_EQ(fault_of(execute(files, journal_of(plan(files)), full)), "family-no-space");
  EXPECT_TRUE(files.exists(made[1]));
  EXPECT_TRUE(content_of(files, made[3], random) == content);
}

TEST_F(FamilyMergeTest, JournalIsReadBackAsWrittenAndRefusedWhereChanged) {
  make_tree(files, {-1, 0, 1, 2, 2});
  FamilyJournal journal = journal_of(plan(files));
  journal.steps[0].state = StepState::begun;
  must(write_family_journal(files, "/vm", journal));
  const FamilyJournal read = *must(read_family_journal(files, "/vm"));
  ASSERT_EQ(read.steps.size(), journal.steps.size());
  EXPECT_EQ(read.steps[0].state, StepState::begun);
  EXPECT_EQ(read.steps[0].step.target.path, journal.steps[0].step.target.path);
  EXPECT_EQ(read.steps[0].step.sources.back().identity, journal.steps[0].step.sources.back().identity);
  EXPECT_EQ(read.steps[0].step.bytes_to_copy, journal.steps[0].step.bytes_to_copy);
  EXPECT_FALSE(read.is_finished());

  const auto file = must(files.open(family_journal_path("/vm"), OpenMode::read_write));
  must(file->write(20, filled(1, 'x')));
  EXPECT_EQ(fault_of(read_family_journal(files, "/vm")), "family-journal-damaged");
}

}  // namespace
}  // namespace vhdlab::tests
