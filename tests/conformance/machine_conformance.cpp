// The suite's part on machines: checkpoints that are gone back to, deleted, merged; their content and their
// cost.
#include "scenarios/workload/pattern_stream.h"
#include "tests/conformance/target_conformance.h"

namespace vhdlab::tests {
namespace {

using namespace vhdlab::scenarios;

constexpr uint64_t seed = 20260303;
constexpr DiskSettings small_disk{.type = DiskType::dynamic,
                                  .size_bytes = 16 * mib,
                                  .block_size_bytes = 1 * mib,
                                  .logical_sector_size_bytes = 512,
                                  .physical_sector_size_bytes = 4096};

// The same draws for the same ordinal: 64 KiB blocks at random places.
void write(Target& target, uint64_t ordinal, uint64_t operations) {
  const auto stream = *make_pattern_stream({.pattern = AccessPattern::random,
                                            .range = {0, small_disk.size_bytes},
                                            .block_size_bytes = 64 * kib,
                                            .read_percentage = 0,
                                            .each_block_once = true,
                                            .operations = operations},
                                           stream_seeds(seed, ordinal));
  const auto written = target.write(*stream, 1, {}, {});
  ASSERT_TRUE(written) << written.error().text();
}

CheckpointMeasurement act(Target& target, CheckpointAction action, const std::string& checkpoint) {
  auto measured = target.act_on_checkpoint(action, checkpoint);
  EXPECT_TRUE(measured) << checkpoint << ": " << measured.error().text();
  return measured ? *std::move(measured) : CheckpointMeasurement{};
}

void expect_content(Target& target) {
  const auto verification = target.verify(seed);
  ASSERT_TRUE(verification) << verification.error().text();
  EXPECT_GT(verification->sectors_checked, 0U);
  EXPECT_EQ(verification->sectors_wrong, 0U) << verification->first_wrong;
}

// Now on "c" on "b" on "a", sixteen blocks written under each.
void build_machine(Target& target) {
  const auto created = target.create_machine(small_disk, seed);
  ASSERT_TRUE(created) << created.error().text();
  write(target, 1, 16);
  uint64_t ordinal = 1;
  for (const char* name : {"a", "b", "c"}) {
    (void)act(target, CheckpointAction::take, name);
    write(target, ++ordinal, 16);
  }
}

TEST_P(TargetConformance, TakesACheckpointAtTheCostOfOneFile) {
  // Goal: taking one makes one small file, moves no data and leaves nothing to merge. Method: a fourth on
  // three.
  build_machine(target());
  const auto taken = act(target(), CheckpointAction::take, "d");
  EXPECT_EQ(taken.totals.checkpoints, 4U);
  EXPECT_EQ(taken.totals.files_created, 1U);
  EXPECT_EQ(taken.totals.files_removed, 0U);
  EXPECT_GT(taken.totals.space_after_bytes, taken.totals.space_before_bytes);
  EXPECT_EQ(taken.totals.pending_files, 0U);
  uint64_t written = 0;
  for (const auto& file : taken.files)
    written += file.bytes_written;
  EXPECT_GT(written, 0U);
  EXPECT_LT(written, 4 * mib);
  EXPECT_EQ(target().layers()->size(), 5U);
  expect_content(target());
}

TEST_P(TargetConformance, GoesBackToWhatACheckpointHolds) {
  // Goal: Now becomes the checkpoint's content, what was written since is gone, every checkpoint keeps its
  // own, and branches may be written to. Method: back to the oldest, writes, back to the newest; all verified
  // each time.
  build_machine(target());
  const auto back = act(target(), CheckpointAction::apply, "a");
  EXPECT_EQ(back.totals.files_created, 1U);
  EXPECT_EQ(back.totals.files_removed, 1U);
  EXPECT_EQ(target().layers()->size(), 2U);
  expect_content(target());
  write(target(), 50, 16);
  expect_content(target());
  (void)act(target(), CheckpointAction::take, "branch");
  write(target(), 51, 16);
  (void)act(target(), CheckpointAction::apply, "c");
  EXPECT_EQ(target().layers()->size(), 4U);
  write(target(), 52, 16);
  expect_content(target());
}

TEST_P(TargetConformance, DeletesACheckpointAndMergesItsFileLater) {
  // Goal: deleting moves nothing and leaves one file to merge; the merge moves just that and gives its space
  // back. Method: the middle one of three.
  build_machine(target());
  const auto deleted = act(target(), CheckpointAction::remove, "b");
  EXPECT_EQ(deleted.totals.checkpoints, 2U);
  EXPECT_EQ(deleted.totals.files_created, 0U);
  EXPECT_EQ(deleted.totals.files_removed, 0U);
  EXPECT_EQ(deleted.totals.pending_files, 1U);
  EXPECT_EQ(deleted.totals.pending_bytes, 16 * 64 * kib);
  EXPECT_EQ(target().layers()->size(), 4U);
  expect_content(target());

  const auto merged = target().merge_pending({}, {});
  ASSERT_TRUE(merged) << merged.error().text();
  EXPECT_EQ(merged->merge.totals.passes, 1U);
  EXPECT_EQ(merged->merge.totals.layers_merged, 1U);
  EXPECT_EQ(merged->merge.totals.union_bytes, deleted.totals.pending_bytes);
  EXPECT_EQ(merged->merge.totals.bytes_moved, deleted.totals.pending_bytes);
  EXPECT_GE(merged->merge.totals.bytes_written, merged->merge.totals.bytes_moved);
  EXPECT_EQ(merged->checkpoints.files_removed, 1U);
  EXPECT_EQ(merged->checkpoints.pending_files, 0U);
  EXPECT_EQ(merged->checkpoints.space_before_bytes, deleted.totals.space_after_bytes);
  EXPECT_LT(merged->checkpoints.space_after_bytes, merged->checkpoints.space_before_bytes);
  EXPECT_EQ(target().layers()->size(), 3U);
  expect_content(target());
}

TEST_P(TargetConformance, DeletesASubtreeAndMergesItInOnePass) {
  // Goal: all checkpoints from one on go together, Now stays as it is, and what they held moves once. Method:
  // all three, whose files become one with the base.
  build_machine(target());
  const auto deleted = act(target(), CheckpointAction::remove_subtree, "a");
  EXPECT_EQ(deleted.totals.checkpoints, 0U);
  EXPECT_EQ(deleted.totals.pending_files, 3U);
  EXPECT_LT(deleted.totals.pending_bytes, 3 * 16 * 64 * kib);  // the union, not the sum
  const auto merged = target().merge_pending({}, {});
  ASSERT_TRUE(merged) << merged.error().text();
  EXPECT_EQ(merged->merge.totals.passes, 1U);
  EXPECT_EQ(merged->merge.totals.layers_merged, 3U);
  EXPECT_EQ(merged->merge.totals.bytes_moved, deleted.totals.pending_bytes);
  EXPECT_EQ(target().layers()->size(), 1U);
  expect_content(target());
  write(target(), 60, 16);
  expect_content(target());
}

TEST_P(TargetConformance, RemovesABranchNobodyStandsOnAtOnce) {
  // Goal: a deleted branch that Now does not stand on needs no merge. Method: back to "a", then the branch
  // from "b" on is deleted.
  build_machine(target());
  (void)act(target(), CheckpointAction::apply, "a");
  const auto deleted = act(target(), CheckpointAction::remove_subtree, "b");
  EXPECT_EQ(deleted.totals.checkpoints, 1U);
  EXPECT_EQ(deleted.totals.files_removed, 2U);
  EXPECT_EQ(deleted.totals.pending_files, 0U);
  EXPECT_LT(deleted.totals.space_after_bytes, deleted.totals.space_before_bytes);
  expect_content(target());
}

TEST_P(TargetConformance, MergesABranchNowDoesNotStandOn) {
  // Goal: merges away from Now's chain are carried out too. Method: two branches on "a"; on the one Now left,
  // the middle checkpoint is deleted.
  build_machine(target());
  (void)act(target(), CheckpointAction::take, "d");
  (void)act(target(), CheckpointAction::apply, "a");
  write(target(), 70, 16);
  (void)act(target(), CheckpointAction::remove, "c");
  const auto merged = target().merge_pending({}, {});
  ASSERT_TRUE(merged) << merged.error().text();
  EXPECT_EQ(merged->merge.totals.layers_merged, 1U);
  EXPECT_EQ(merged->checkpoints.checkpoints, 3U);
  expect_content(target());
  (void)act(target(), CheckpointAction::apply, "d");
  EXPECT_EQ(target().layers()->size(), 4U);
  expect_content(target());
}

TEST_P(TargetConformance, MergesNothingWhereNothingIsPending) {
  // Goal: the step may stand in any scenario. Method: no checkpoint was deleted.
  build_machine(target());
  const auto merged = target().merge_pending({}, {});
  ASSERT_TRUE(merged) << merged.error().text();
  EXPECT_EQ(merged->merge.totals.passes, 0U);
  EXPECT_EQ(merged->merge.totals.bytes_moved, 0U);
  EXPECT_EQ(merged->checkpoints.space_before_bytes, merged->checkpoints.space_after_bytes);
}

TEST_P(TargetConformance, RefusesWhatIsNoneOfAMachine) {
  // Goal: named errors instead of lost checkpoints. Method: unknown checkpoints, layers merged around
  // checkpoints, and the calls of machines on a disk that is none.
  build_machine(target());
  EXPECT_EQ(target().act_on_checkpoint(CheckpointAction::apply, "z").error().fault, "checkpoint-unknown");
  EXPECT_EQ(target().take_checkpoint().error().fault, "target-machine");
  EXPECT_EQ(target().merge(1, 2, MergeOrder::one_pass, {}, {}).error().fault, "target-machine");
  expect_content(target());
  ASSERT_TRUE(target().create_base(small_disk, seed));
  EXPECT_EQ(target().act_on_checkpoint(CheckpointAction::take, "a").error().fault, "target-no-machine");
  EXPECT_EQ(target().merge_pending({}, {}).error().fault, "target-no-machine");
}

}  // namespace
}  // namespace vhdlab::tests
