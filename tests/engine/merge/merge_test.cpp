// Merging: the chain reads the same before, during and after, whatever is merged and however it is stopped.
#include <numeric>

#include <gmock/gmock.h>

#include "engine/merge/merge_run.h"
#include "tests/engine/chain/chain_workbench.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// base and four checkpoints, each with whole blocks, parts of blocks, zeros, and overlaps with the others.
void make_five_layers(ChainWorkbench& bench) {
  bench.create_base({});
  bench.fill({0, 6 * mib}, 1);
  for (uint8_t layer = 2; layer <= 5; ++layer) {
    bench.checkpoint(
        {.block_size_bytes = static_cast<uint32_t>((layer % 2 + 1) * mib), .disk_size_bytes = 0});
    bench.fill({layer * mib + 512, 512 * uint64_t{layer}}, layer);
    bench.fill({layer * mib / 2, 1536}, static_cast<uint8_t>(layer + 10));
    bench.zero({(layer + 1) * mib, layer % 2 == 0 ? mib : 1024});
    bench.fill({11 * mib - layer * 4096, 4096}, static_cast<uint8_t>(layer + 20));
  }
}

class MergeTest : public testing::Test {
 protected:
  MemoryFileSystem files;
  ChainWorkbench bench{files, "/vm", 13};
};

TEST_F(MergeTest, EveryRangeOfAChainReadsTheSameAfterwards) {
  // Goal: leaf, middle, pair, whole range. Method: all (target, top) of five layers.
  for (LayerIndex target = 0; target < 4; ++target) {
    for (LayerIndex top = target + 1; top <= 4; ++top) {
      MemoryFileSystem own_files;
      ChainWorkbench own(own_files, "/vm", 14);
      make_five_layers(own);
      const auto paths = own.paths;
      const MergeOutcome outcome = must(own.merge({target, top}));
      SCOPED_TRACE(testing::Message() << target << " to " << top);
      EXPECT_EQ(own.difference(), "");
      EXPECT_EQ(own.chain->depth(), 4 - (top - target));
      EXPECT_EQ(outcome.layers_merged, top - target);
      EXPECT_EQ(outcome.target_path, paths[target]);
      EXPECT_EQ(outcome.child_path, top < 4 ? paths[top + 1] : "");
      std::vector<std::string> removed(paths.begin() + target + 1, paths.begin() + top + 1);
      std::ranges::reverse(removed);
      EXPECT_EQ(outcome.removed_paths, removed);
      for (const std::string& path : removed)
        EXPECT_FALSE(own_files.exists(path));
      own.fill({3 * mib, 2 * mib}, 99);
      own.open(OpenMode::read_only);
      EXPECT_EQ(own.difference(), "") << "written to after the merge";
    }
  }
}

TEST_F(MergeTest, EstimateIsWhatTheMergeMoves) {
  // Goal: each byte once, from the newest layer that holds it. Method: estimate, then outcome; by layer too.
  make_five_layers(bench);
  const MergeEstimate estimate = must(estimate_merge(*bench.chain, {0, 4}));
  EXPECT_EQ(std::accumulate(estimate.bytes_from_layer.begin(), estimate.bytes_from_layer.end(), uint64_t{0}),
            estimate.bytes_to_copy);
  EXPECT_EQ(estimate.bytes_from_layer[0], 0U);
  uint64_t last_done = 0;
  uint64_t last_total = 0;
  const MergeOutcome outcome = must(bench.merge({0, 4}, {.progress = [&](uint64_t done, uint64_t total) {
                                                  EXPECT_GE(done, last_done);
                                                  last_done = done;
                                                  last_total = total;
                                                }}));
  EXPECT_EQ(outcome.bytes_copied, estimate.bytes_to_copy);
  EXPECT_EQ(outcome.bytes_zeroed, estimate.bytes_to_zero);
  EXPECT_EQ(last_done, last_total);
}

TEST_F(MergeTest, EstimateKeepsNoMoreStepsThanFitItsMemory) {
  // Goal: a merge of any length is bounded in memory, and what is not kept is moved all the same. Method: a
  // disk of three windows whose first one's steps fit and whose second one's do not: every other sector.
  bench.paths = {"/vm/wide.vhdx"};  // without an array beside it, which would take gigabytes
  must(create_disk(bench.files, bench.paths.front(),
                   {.disk_size_bytes = 2 * merge_window_bytes + 4 * mib, .block_size_bytes = 32 * mib},
                   bench.random));
  bench.open();
  bench.checkpoint({.block_size_bytes = 32 * mib});
  const auto scatter = [&](uint64_t begin, uint64_t count) {
    WritePlan plan;
    const auto sector = filled(512, 0x5e);
    for (uint64_t i = 0; i < count; ++i)
      must(bench.chain->write(begin + i * 1024, sector, plan));
  };
  const uint64_t too_many = planned_bytes_max / sizeof(MergeStep);
  scatter(0, 10);
  scatter(merge_window_bytes, too_many);
  scatter(2 * merge_window_bytes, 10);
  const MergeEstimate estimate = must(estimate_merge(*bench.chain, {0, 1}));
  EXPECT_EQ(estimate.steps, too_many + 20);
  EXPECT_EQ(estimate.first.steps.size(), 10U);
  EXPECT_EQ(estimate.first.end_byte, merge_window_bytes);
  EXPECT_EQ(must(bench.merge({0, 1})).bytes_copied, (too_many + 20) * 512);
  for (const uint64_t at :
       {uint64_t{9} * 1024, merge_window_bytes + (too_many - 1) * 1024, 2 * merge_window_bytes + 9 * 1024}) {
    EXPECT_EQ(bench.read({at, 512}), filled(512, 0x5e)) << at;
    EXPECT_EQ(bench.read({at + 512, 512}), filled(512, 0)) << at;
  }
}

TEST_F(MergeTest, BlockChangedByManyLayersIsMovedOnce) {
  bench.create_base({});
  for (uint8_t layer = 1; layer <= 5; ++layer) {
    bench.checkpoint();
    bench.fill({0, 1 * mib}, layer);
  }
  const MergeEstimate estimate = must(estimate_merge(*bench.chain, {0, 5}));
  EXPECT_EQ(estimate.bytes_to_copy, 1 * mib);
  EXPECT_EQ(estimate.bytes_from_layer[5], 1 * mib);
}

TEST_F(MergeTest, RangesThatAreNoneAreRefused) {
  make_five_layers(bench);
  for (MergeRange range :
       {MergeRange{0, 0}, MergeRange{2, 1}, MergeRange{0, 5}, MergeRange{4, 5}, MergeRange{9, 10}})
    EXPECT_EQ(fault_of(bench.merge(range)), "merge-range") << range.target << " to " << range.top;
  EXPECT_EQ(bench.difference(), "");
}

TEST_F(MergeTest, PartlyPresentParentKeepsItsGrandparentsSectors) {
  // Goal: the trap. Method: a grandparent full, a parent with some sectors, a child with others in the same
  // block; after the merge the parent is still partly present and the grandparent shows through.
  bench.create_base({});
  bench.fill({0, 12 * mib}, 1);
  bench.checkpoint();
  bench.fill({2 * mib + 512, 512}, 2);
  bench.checkpoint();
  bench.fill({2 * mib + 2048, 512}, 3);
  bench.fill({7 * mib + 512, 512}, 4);  // a block the parent does not have at all
  must(bench.merge({1, 2}));
  EXPECT_EQ(bench.difference(), "");
  auto& leaf = dynamic_cast<VhdxLayer&>(bench.chain->leaf());
  EXPECT_EQ(must(leaf.image().census()).partially_present, 2U);
  EXPECT_EQ(bench.read({2 * mib, 512}), filled(512, 1));
}

TEST_F(MergeTest, ZeroedBlocksGoOnHidingTheGrandparent) {
  bench.create_base({});
  bench.fill({0, 12 * mib}, 1);
  bench.checkpoint({.block_size_bytes = 2 * mib, .disk_size_bytes = 0});
  bench.checkpoint();
  bench.zero({1 * mib, 1 * mib});  // half of the parent's block
  bench.zero({4 * mib, 2 * mib});
  bench.zero({9 * mib + 512, 512});
  must(bench.merge({1, 2}));
  EXPECT_EQ(bench.difference(), "");
}

TEST_F(MergeTest, LargerAndSmallerChildrenGiveTheirSize) {
  for (uint64_t size : {5 * mib + 512, 12 * mib, 19 * mib + 1024}) {
    MemoryFileSystem own_files;
    ChainWorkbench own(own_files, "/vm", 15);
    own.create_base({});
    own.fill({0, 12 * mib}, 1);
    own.checkpoint({.block_size_bytes = 4 * mib, .disk_size_bytes = size});
    own.fill({size - 1024, 1024}, 2);
    must(own.merge({0, 1}));
    EXPECT_EQ(own.difference(), "") << size;
  }
}

TEST_F(MergeTest, TargetThatGrowsDoesNotLetALargerGrandparentThrough) {
  // Goal: past the end of a smaller parent there are zeros, and after merging a larger child into it still.
  // Method: 12 MiB of data, a parent of 5, a child of 12; also with two sources, the lower one small.
  for (uint64_t lower_source : {uint64_t{0}, 4 * mib, 8 * mib, 12 * mib}) {
    MemoryFileSystem own_files;
    ChainWorkbench own(own_files, "/vm", 16);
    own.create_base({});
    own.fill({0, 12 * mib}, 1);
    own.checkpoint({.block_size_bytes = 2 * mib, .disk_size_bytes = 5 * mib});
    own.fill({4 * mib + 512, 512}, 2);
    if (lower_source != 0) own.checkpoint({.block_size_bytes = 2 * mib, .disk_size_bytes = lower_source});
    own.checkpoint({.block_size_bytes = 1 * mib, .disk_size_bytes = 12 * mib});
    own.fill({10 * mib, 512}, 3);
    const LayerIndex top = own.chain->depth();
    must(own.merge({1, top}));
    EXPECT_EQ(own.difference(), "") << lower_source;
  }
}

TEST_F(MergeTest, StoppedBeforeAGrandparentCouldShowThroughNothingShows) {
  bench.create_base({});
  bench.fill({0, 12 * mib}, 1);
  bench.checkpoint({.block_size_bytes = 2 * mib, .disk_size_bytes = 5 * mib});
  bench.checkpoint({.block_size_bytes = 1 * mib, .disk_size_bytes = 12 * mib});
  bench.fill({10 * mib, 512}, 3);
  for (int calls = 0;; ++calls) {
    int asked = 0;
    const auto outcome = bench.merge({1, 2}, {.stop = [&] { return asked++ >= calls; }});
    ASSERT_EQ(bench.difference(), "") << calls;
    if (outcome) break;
    EXPECT_EQ(outcome.error().fault, "merge-interrupted");
  }
}

TEST_F(MergeTest, OtherChildrenAreNamedAndProtectedUnlessForced) {
  make_five_layers(bench);
  bench.close();
  must(create_child(files, bench.paths[1], "/vm/other.avhdx", {}, bench.random));
  const auto refused = bench.merge({0, 2});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, "merge-has-other-children");
  EXPECT_THAT(refused.error().message, HasSubstr("/vm/other.avhdx"));
  EXPECT_EQ(bench.difference(), "");
  EXPECT_EQ(fault_of(open_chain(files, "/vm/other.avhdx", {}, bench.random)), "");

  EXPECT_EQ(fault_of(bench.merge({2, 3})), "") << "ranges the other child does not stand on are free";
  must(bench.merge({0, 1}, {.force = true}));
  EXPECT_EQ(bench.difference(), "");
  EXPECT_EQ(fault_of(open_chain(files, "/vm/other.avhdx", {}, bench.random)), "chain-parent-missing");
}

TEST_F(MergeTest, OtherChildOfTheTargetStopsOpeningRatherThanReadingWrong) {
  // Goal: forced, the target's other child must not silently read changed content.
  make_five_layers(bench);
  bench.close();
  must(create_child(files, bench.paths[0], "/vm/other.avhdx", {}, bench.random));
  EXPECT_EQ(fault_of(bench.merge({0, 1})), "merge-has-other-children");
  must(bench.merge({0, 1}, {.force = true}));
  EXPECT_EQ(fault_of(open_chain(files, "/vm/other.avhdx", {}, bench.random)), "chain-parent-mismatch");
}

TEST_F(MergeTest, KeptSourcesStayAndAreNoLongerPartOfTheChain) {
  make_five_layers(bench);
  const auto paths = bench.paths;
  const MergeOutcome outcome = must(bench.merge({1, 3}, {.keep_sources = true}));
  EXPECT_TRUE(outcome.removed_paths.empty());
  EXPECT_TRUE(files.exists(paths[2]));
  EXPECT_TRUE(files.exists(paths[3]));
  EXPECT_EQ(bench.chain->depth(), 2U);
  EXPECT_EQ(bench.difference(), "");
}

TEST_F(MergeTest, FixedBaseStaysFixed) {
  bench.create_base({.fixed = true});
  bench.checkpoint();
  bench.fill({3 * mib, 1 * mib}, 1);
  bench.zero({5 * mib, 2 * mib});
  must(bench.merge({0, 1}));
  EXPECT_EQ(bench.difference(), "");
  auto& base = dynamic_cast<VhdxLayer&>(bench.chain->leaf());
  EXPECT_EQ(must(base.image().census()).fully_present, 12U);
}

TEST_F(MergeTest, StoppedAtAnyStepAndRunAgainItFinishes) {
  // Goal: interruption is harmless everywhere. Method: stop after 0, 1, 2 ... questions, always going on from
  // what the last attempt left.
  make_five_layers(bench);
  int calls = 0;
  for (;; ++calls) {
    int asked = 0;
    const auto outcome = bench.merge({0, 3}, {.stop = [&] { return asked++ >= calls; }});
    ASSERT_EQ(bench.difference(), "") << "stopped after " << calls;
    if (outcome) break;
    ASSERT_EQ(outcome.error().fault, "merge-interrupted");
  }
  EXPECT_GT(calls, 10);
  EXPECT_EQ(bench.chain->depth(), 1U);
}

class FailingMerge : public testing::TestWithParam<bool> {
 protected:
  // Three layers of which the middle one may be smaller than both others; closed.
  static void make_three_layers(ChainWorkbench& bench, uint64_t grown) {
    bench.create_base({.disk_size_bytes = 5 * mib});
    bench.fill({0, 5 * mib}, 1);
    bench.checkpoint({.block_size_bytes = 2 * mib, .disk_size_bytes = grown != 0 ? 4 * mib - 512 : 0});
    bench.fill({1 * mib, 512}, 2);
    bench.zero({2 * mib, 1 * mib + 1024});
    bench.checkpoint({.block_size_bytes = 1 * mib, .disk_size_bytes = grown});
    bench.fill({3 * mib + 512, 1024}, 3);
    bench.fill({0, 1 * mib}, 4);
    bench.close();
  }

  // Opens the disk from its leaf, or from the target where the leaf has been merged away.
  static std::string difference_after(ChainWorkbench& bench, FileSystem& files, MergeRange range) {
    const auto paths = bench.paths;
    if (!files.exists(paths.back())) bench.paths.resize(range.target + 1);
    try {
      bench.open(OpenMode::read_only);
    } catch (const std::exception& refused) {
      return refused.what();
    }
    const std::string difference = bench.difference();
    bench.paths = paths;
    return difference;
  }
};

TEST_P(FailingMerge, LeavesAChainThatOpensAndReadsTheSame) {
  // Goal: a device that fails at any write, flush, resize, hole or removal, once or for good. Method: fail
  // change after change, each on a fresh chain, until the merge gets through; where the chain is still whole,
  // a second run without failures finishes.
  const bool for_good = GetParam();
  const auto shapes =
      std::vector<std::pair<MergeRange, uint64_t>>{{{0, 2}, 0}, {{1, 2}, 7 * mib}, {{0, 1}, 0}};
  for (const auto& [range, grown] : shapes) {
    for (uint64_t failing = 0;; ++failing) {
      MemoryFileSystem memory;
      FaultyFileSystem faulty(memory);
      ChainWorkbench bench(faulty, "/vm", 17);
      make_three_layers(bench, grown);
      faulty.fail_at(failing, for_good);
      const auto outcome = merge(faulty, bench.paths.back(), range, {}, bench.random);
      const uint64_t changes = faulty.changes();
      faulty.never_fail();
      SCOPED_TRACE(testing::Message()
                   << "range " << range.target << "-" << range.top << ", failing at " << failing);
      ASSERT_EQ(difference_after(bench, memory, range), "") << (outcome ? "" : outcome.error().text());
      if (outcome) {
        EXPECT_EQ(changes, failing) << "the merge hid a failure";
        EXPECT_GT(changes, 20U);
        break;
      }
      const bool whole = bench.chain->depth() == 2;
      bench.close();
      if (!whole) continue;
      const auto again = merge(faulty, bench.paths.back(), range, {}, bench.random);
      ASSERT_TRUE(again) << again.error().text();
      bench.forget(range);
      ASSERT_EQ(difference_after(bench, memory, range), "") << "after the second run";
    }
  }
}

TEST_P(FailingMerge, SecondRunThatFailsTooLeavesTheChainWholeAsWell) {
  // Goal: a merge stopped after its target took the new identity is run again and stopped again, anywhere.
  // Method: fail the first run at its last change that leaves three layers; then every change of the second.
  const MergeRange range{0, 1};
  const auto run_once = [&](ChainWorkbench& bench, FaultyFileSystem& faulty, uint64_t failing,
                            bool for_good) {
    faulty.fail_at(failing, for_good);
    const auto outcome = merge(faulty, bench.paths.back(), range, {}, bench.random);
    faulty.never_fail();
    return outcome.has_value();
  };
  uint64_t last_whole = 0;
  for (uint64_t failing = 0;; ++failing) {
    MemoryFileSystem memory;
    FaultyFileSystem faulty(memory);
    ChainWorkbench bench(faulty, "/vm", 18);
    make_three_layers(bench, 0);
    if (run_once(bench, faulty, failing, true)) break;
    ASSERT_EQ(difference_after(bench, memory, range), "");
    if (bench.chain->depth() == 2) last_whole = failing;
  }
  for (uint64_t failing = 0;; ++failing) {
    MemoryFileSystem memory;
    FaultyFileSystem faulty(memory);
    ChainWorkbench bench(faulty, "/vm", 18);
    make_three_layers(bench, 0);
    ASSERT_FALSE(run_once(bench, faulty, last_whole, true));
    const bool done = run_once(bench, faulty, failing, GetParam());
    ASSERT_EQ(difference_after(bench, memory, range), "") << "second run failing at " << failing;
    if (done) break;
  }
}

INSTANTIATE_TEST_SUITE_P(Device, FailingMerge, testing::Bool(),
                         [](const auto& parameter) { return parameter.param ? "ForGood" : "Once"; });

}  // namespace
}  // namespace vhdlab::tests
