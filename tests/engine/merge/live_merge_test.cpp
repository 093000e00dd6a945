// Live merges: threads read and write the disk all the while, and every byte they read is checked.
#include "engine/merge/live_merge.h"

#include <gtest/gtest.h>

#include "engine/io/memory_file_system.h"
#include "engine/io/posix_file_system.h"
#include "engine/merge/merge_record.h"
#include "tests/engine/merge/live_disk.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

constexpr uint64_t disk_bytes = 12 * mib;

// A base and `depth` layers with scattered writes and zeros in each.
void build(ChainWorkbench& bench, LayerIndex depth) {
  bench.create_base({.disk_size_bytes = disk_bytes, .block_size_bytes = 1 * mib});
  for (LayerIndex layer = 0; layer <= depth; ++layer) {
    if (layer > 0) bench.checkpoint();
    for (int i = 0; i < 30; ++i) {
      const uint64_t length = (1 + bench.random.next_u64() % 64) * 2 * kib;
      bench.fill({bench.random.next_u64() % ((disk_bytes - length) / 512) * 512, length},
                 static_cast<uint8_t>(bench.random.next_u64()));
    }
    bench.zero({bench.random.next_u64() % 12 * mib, 1 * mib});
  }
}

struct Case {
  std::string name;
  BusyDisk::Settings settings;
};

class LiveMergeUnderLoad : public testing::TestWithParam<Case> {
 protected:
  // Merges with the threads at work, and leaves the chain open in the workbench.
  Result<LiveMergeOutcome> merge(MergeRange range, const LiveMergeOptions& options) {
    BusyDisk disk(bench_, GetParam().settings);
    auto outcome = live_merge(bench_.files, disk, range, options, bench_.random);
    operations_ = disk.operations();
    EXPECT_EQ(disk.give_back(), "");
    bench_.open();
    return outcome;
  }

  TemporaryFolder folder_;
  PosixFileSystem posix_;
  ChainWorkbench bench_{posix_, folder_.path().string(), test_seed()};
  uint64_t operations_ = 0;
};

// Slow enough that the threads do something in every batch, in pieces of 64 KiB.
LiveMergeOptions slowly(uint64_t bytes_per_s = 8 * mib) {
  return {.merge = {.rate_limit_bytes_per_s = bytes_per_s}, .limits = {}, .leaf_block_size_bytes = 1 * mib};
}

TEST_P(LiveMergeUnderLoad, BelowTheLeafChangesNothingAnybodyReads) {
  // Goal: sources hide what changes in the target. Method: layers 2 and 3 of 4 into layer 1, a differencing
  // disk, while threads read and write; then the chain equals the array.
  build(bench_, 4);
  const auto outcome = merge({.target = 1, .top = 3}, slowly());
  ASSERT_TRUE(outcome) << outcome.error().text();
  EXPECT_TRUE(outcome->finished);
  EXPECT_EQ(outcome->passes.size(), 1U);
  EXPECT_EQ(bench_.paths.size(), 3U);
  EXPECT_GT(operations_, 0U);
  EXPECT_EQ(bench_.difference(), "");
}

TEST_P(LiveMergeUnderLoad, IntoTheBaseAtFullSpeedChangesNothingAnybodyReads) {
  build(bench_, 3);
  const auto outcome = merge({.target = 0, .top = 2}, {});
  ASSERT_TRUE(outcome) << outcome.error().text();
  EXPECT_EQ(bench_.paths.size(), 2U);
  EXPECT_EQ(bench_.difference(), "");
}

TEST_P(LiveMergeUnderLoad, TakesTheLeafInPasses) {
  // Goal: deleting the last checkpoint under a machine that writes. Method: the leaf and the layer below it
  // into the base, with writes that pass for a while; then one file is left and equals the array.
  build(bench_, 2);
  auto settings = slowly(64 * mib);
  settings.limits.pause_bytes_max = 256 * kib;
  const auto outcome = merge({.target = 0, .top = 2}, settings);
  ASSERT_TRUE(outcome) << outcome.error().text();
  ASSERT_TRUE(outcome->finished || !outcome->explanation.empty());
  EXPECT_EQ(bench_.paths.size(), outcome->finished ? 1U : 2U);
  EXPECT_EQ(outcome->leaf_path, bench_.paths.back());
  EXPECT_EQ(bench_.difference(), "");
}

TEST_P(LiveMergeUnderLoad, IntoALayerThatHeldNothingShowsNobodyItsNewTables) {
  // Goal: a reader that meets blocks of the target which were not there when it opened the file passes over
  // them. Method: the target is empty, without a single bitmap; its table is read while the merge fills it.
  build(bench_, 1);
  bench_.checkpoint();
  bench_.checkpoint();
  for (uint64_t block = 0; block < 12; ++block)
    bench_.fill({block * mib + 4 * kib, 300 * kib}, static_cast<uint8_t>(block));
  bench_.checkpoint();
  const auto outcome = merge({.target = 2, .top = 3}, slowly());
  ASSERT_TRUE(outcome) << outcome.error().text();
  EXPECT_EQ(bench_.paths.size(), 4U);
  EXPECT_EQ(bench_.difference(), "");
}

INSTANTIATE_TEST_SUITE_P(Disks, LiveMergeUnderLoad,
                         testing::Values(Case{"Walk", {}}, Case{"Index", {.resolve = ResolveMode::index}},
                                         Case{"WalkWithOneTablePage", {.metadata_cache_bytes = 4 * kib}},
                                         Case{"IndexOutOfMappedFiles",
                                              {.resolve = ResolveMode::index, .cache = CacheMode::mapped}},
                                         Case{"FewWrites", {.writes_per_pause_max = 2}}),
                         [](const auto& instance) { return instance.param.name; });

class LiveMergeInMemory : public testing::Test {
 protected:
  MemoryFileSystem files_;
  ChainWorkbench bench_{files_, "", 20260301};
};

TEST_F(LiveMergeInMemory, EndsInAPauseOnceLittleIsLeft) {
  // Goal: passes shrink to a rest. Method: at most 8 writes of 16 KiB from one pause to the next.
  build(bench_, 1);
  BusyDisk disk(bench_, {.threads = 2, .writes_per_pause_max = 4});
  LiveMergeOptions options = slowly(16 * mib);
  options.limits.pause_bytes_max = 128 * kib;
  const auto outcome = live_merge(files_, disk, {.target = 0, .top = 1}, options, bench_.random);
  ASSERT_TRUE(outcome) << outcome.error().text();
  EXPECT_EQ(disk.give_back(), "");
  EXPECT_TRUE(outcome->finished);
  EXPECT_EQ(outcome->passes.size(), 2U) << "one pass and the rest in its pause";
  EXPECT_LE(outcome->passes[0].bytes_written, 128 * kib);
  EXPECT_EQ(outcome->passes[1].bytes_merged, outcome->passes[0].bytes_written);
  bench_.open();
  EXPECT_EQ(bench_.paths.size(), 1U);
  EXPECT_EQ(bench_.difference(), "");
}

TEST_F(LiveMergeInMemory, SaysThatItCannotFinishAndLeavesAChainThatReadsTheSame) {
  // Goal: W >= C is an outcome with its reason, reached in few passes. Method: a small leaf, and a merge that
  // waits after each batch until the threads have written 4 MiB more.
  build(bench_, 1);
  bench_.checkpoint();
  bench_.fill({0, 256 * kib}, 9);
  BusyDisk disk(bench_, {.threads = 2});
  LiveMergeOptions options;
  options.limits.pause_bytes_max = 64 * kib;
  options.progress = [&](const LiveProgress&) {
    const uint64_t before = disk.bytes_written();
    while (disk.bytes_written() < before + 4 * mib)
      std::this_thread::yield();
  };
  const auto outcome = live_merge(files_, disk, {.target = 1, .top = 2}, options, bench_.random);
  ASSERT_TRUE(outcome) << outcome.error().text();
  EXPECT_EQ(disk.give_back(), "");
  EXPECT_FALSE(outcome->finished);
  EXPECT_TRUE(outcome->explanation.starts_with("cannot finish: the guest writes ")) << outcome->explanation;
  EXPECT_NE(outcome->explanation.find(", the merge copies "), std::string::npos);
  EXPECT_LE(outcome->passes.size(), 12U);  // the disk is full of changes after a few
  bench_.open();
  EXPECT_EQ(bench_.paths.size(), 3U);
  EXPECT_EQ(bench_.difference(), "");
}

TEST_F(LiveMergeInMemory, GoesOnAfterAStopWithThePassThatWasCut) {
  // Goal: a stopped live merge of the leaf is taken up again, behind what was moved. Method: stop after 1
  // MiB, look at the chain, merge again to the end.
  build(bench_, 1);
  LiveMergeOptions options = slowly(16 * mib);
  options.merge.bytes_between_records = 256 * kib;
  uint64_t merged = 0;
  options.progress = [&](const LiveProgress& progress) { merged = progress.bytes_merged; };
  options.merge.stop = [&] { return merged >= 1 * mib; };
  {
    BusyDisk disk(bench_, {.threads = 2, .writes_per_pause_max = 4});
    const auto stopped = live_merge(files_, disk, {.target = 0, .top = 1}, options, bench_.random);
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().kind, ErrorKind::interrupted);
    EXPECT_EQ(disk.give_back(), "");
  }
  bench_.open();
  EXPECT_EQ(bench_.paths.size(), 3U) << "base, what was the leaf, and the disk on top";
  EXPECT_EQ(bench_.difference(), "");
  options.merge.stop = {};
  BusyDisk disk(bench_, {.threads = 2, .only_reads = true});
  const auto outcome = live_merge(files_, disk, {.target = 0, .top = 2}, options, bench_.random);
  ASSERT_TRUE(outcome) << outcome.error().text();
  EXPECT_EQ(disk.give_back(), "");
  EXPECT_TRUE(outcome->finished);
  EXPECT_GE(outcome->totals.bytes_moved_before, 768 * kib);
  bench_.open();
  EXPECT_EQ(bench_.paths.size(), 1U);
  EXPECT_EQ(bench_.difference(), "");
}

TEST_F(LiveMergeInMemory, LetsTheMachineGoOnAfterAFailure) {
  // Goal: no failure leaves I/O held up. Method: the next leaf's path is taken; then a range that is none.
  build(bench_, 1);
  ASSERT_TRUE(files_.create(bench_.paths.front() + ".live-1"));
  BusyDisk disk(bench_, {.threads = 2});
  const auto failed = live_merge(files_, disk, {.target = 0, .top = 1}, {}, bench_.random);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().fault, "file-exists");
  const auto no_range = live_merge(files_, disk, {.target = 1, .top = 1}, {}, bench_.random);
  ASSERT_FALSE(no_range);
  EXPECT_EQ(no_range.error().fault, "merge-range");
  const uint64_t before = disk.operations();
  while (disk.operations() < before + 100)
    std::this_thread::yield();
  EXPECT_EQ(disk.give_back(), "");
  bench_.open();
  EXPECT_EQ(bench_.difference(), "");
}

TEST_F(LiveMergeInMemory, RefusesToPullTheGroundFromUnderOtherDisks) {
  build(bench_, 2);
  bench_.close();
  ASSERT_TRUE(create_child(files_, bench_.paths[1], "/other.avhdx", {}, bench_.random));
  bench_.open();
  BusyDisk disk(bench_, {.threads = 1});
  const auto refused = live_merge(files_, disk, {.target = 0, .top = 1}, {}, bench_.random);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, "merge-has-other-children");
  EXPECT_EQ(disk.give_back(), "");
}

}  // namespace
}  // namespace vhdlab::tests
