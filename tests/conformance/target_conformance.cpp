// The suite of target_conformance.h: disks with a history, the laws of what reading and merging them costs,
// and content that is what was written.
#include "tests/conformance/target_conformance.h"

#include <algorithm>

#include "scenarios/workload/arrivals.h"
#include "scenarios/workload/pattern_stream.h"

namespace vhdlab::tests {

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(TargetConformance);

namespace {

using namespace vhdlab::scenarios;

constexpr uint64_t seed = 20260301;
constexpr DiskSettings small_disk{.type = DiskType::dynamic,
                                  .size_bytes = 32 * mib,
                                  .block_size_bytes = 1 * mib,
                                  .logical_sector_size_bytes = 512,
                                  .physical_sector_size_bytes = 4096};

std::unique_ptr<OperationStream> writes(uint64_t ordinal, uint64_t block_size_bytes, uint64_t operations,
                                        ByteRange range = {0, small_disk.size_bytes}) {
  return *make_pattern_stream({.pattern = AccessPattern::random,
                               .range = range,
                               .block_size_bytes = block_size_bytes,
                               .read_percentage = 0,
                               .each_block_once = true,
                               .operations = operations},
                              stream_seeds(seed, ordinal));
}

std::unique_ptr<OperationStream> random_reads(uint32_t read_percentage = 100) {
  return *make_pattern_stream({.pattern = AccessPattern::random,
                               .range = {0, small_disk.size_bytes},
                               .block_size_bytes = 4 * kib,
                               .read_percentage = read_percentage},
                              stream_seeds(seed, 99));
}

void write_or_fail(Target& target, const OperationStream& stream) {
  const auto written = target.write(stream, 1, {}, {});
  ASSERT_TRUE(written) << written.error().text();
}

// A base filled with data, then `depth` layers with `operations` random 64 KiB writes each.
void build_chain(Target& target, uint32_t depth, uint64_t operations) {
  ASSERT_TRUE(target.create_base(small_disk, seed));
  write_or_fail(target, *writes(1, 1 * mib, 32));
  for (uint32_t layer = 1; layer <= depth; ++layer) {
    ASSERT_TRUE(target.take_checkpoint());
    if (operations > 0) write_or_fail(target, *writes(1 + layer, 64 * kib, operations));
  }
}

void expect_content(Target& target) {
  const auto verification = target.verify(seed);
  ASSERT_TRUE(verification) << verification.error().text();
  EXPECT_GT(verification->sectors_checked, 0U);
  EXPECT_EQ(verification->sectors_wrong, 0U) << verification->first_wrong;
}

TEST_P(TargetConformance, GivesOneLayerPerCheckpointBaseFirst) {
  // Goal: the chain is what the calls say. Method: three checkpoints, then ask.
  build_chain(target(), 3, 4);
  const auto layers = target().layers();
  ASSERT_TRUE(layers) << layers.error().text();
  ASSERT_EQ(layers->size(), 4U);
  EXPECT_EQ(layers->front().name, "base");
  for (const auto& layer : *layers)
    EXPECT_GT(layer.size_bytes, 0U) << layer.name;
}

TEST_P(TargetConformance, HoldsWhatWasWrittenThroughEveryLayer) {
  // Goal: newer layers hide older ones and nothing else. Method: overlapping writes in five layers, verified.
  build_chain(target(), 5, 64);
  expect_content(target());
}

TEST_P(TargetConformance, DoesExactlyTheOperationsAskedFor) {
  // Goal: an amount is an amount at any queue depth. Method: 1,000 reads with 8 in flight.
  build_chain(target(), 2, 16);
  const auto outcome = target().perform(*random_reads(), {.queue_depth = 8, .operations_max = 1000}, {}, {});
  ASSERT_TRUE(outcome) << outcome.error().text();
  EXPECT_EQ(outcome->reads.operations, 1000U);
  EXPECT_EQ(outcome->all.bytes, 1000 * 4 * kib);
  EXPECT_EQ(outcome->writes.operations, 0U);
  ASSERT_TRUE(outcome->all.latency);
  EXPECT_LE(outcome->all.latency->p50_ns, outcome->all.latency->p99_ns);
}

TEST_P(TargetConformance, StopsAtTheDuration) {
  // Goal: time ends an endless stream. Method: 50 ms after a warm-up; the stream alone would never end.
  build_chain(target(), 1, 16);
  const auto outcome = target().perform(
      *random_reads(),
      {.queue_depth = 2, .warm_up = std::chrono::milliseconds(10), .duration = std::chrono::milliseconds(50)},
      {}, {});
  ASSERT_TRUE(outcome) << outcome.error().text();
  EXPECT_GT(outcome->all.operations, 0U);
  EXPECT_GE(outcome->duration_s, 0.05);
}

TEST_P(TargetConformance, TakesOperationsAsTheyArrive) {
  // Goal: an open load is not asked for faster than it comes. Method: 40 reads at 500 a second, at a queue
  // depth that could do them at once.
  build_chain(target(), 1, 16);
  constexpr double per_second = 500;
  const auto arriving = with_arrivals(random_reads(), per_second, seed);
  const auto outcome = target().perform(
      *arriving, {.queue_depth = 16, .operations_max = 40, .arrivals_per_s = per_second}, {}, {});
  ASSERT_TRUE(outcome) << outcome.error().text();
  EXPECT_EQ(outcome->reads.operations, 40U);
  EXPECT_GE(outcome->duration_s * 1e9, static_cast<double>(arriving->issued_at(39).count()));
}

TEST_P(TargetConformance, SaysWhereArrivalsAreMoreThanItAnswers) {
  // Goal: overload ends with the step and is told. Method: a million writes a second, each flushed.
  build_chain(target(), 1, 16);
  const auto flushed = [] {
    return *make_pattern_stream({.pattern = AccessPattern::random,
                                 .range = {0, small_disk.size_bytes},
                                 .block_size_bytes = 256 * kib,
                                 .read_percentage = 0,
                                 .flush_every = 1},
                                stream_seeds(seed, 98));
  };
  const auto outcome =
      target().perform(*with_arrivals(flushed(), 1e6, seed),
                       {.duration = std::chrono::milliseconds(100), .arrivals_per_s = 1e6}, {}, {});
  ASSERT_TRUE(outcome) << outcome.error().text();
  EXPECT_GT(outcome->operations_behind, 50'000U);
  const auto notes = target().notes();
  EXPECT_TRUE(std::ranges::any_of(notes, [](const auto& note) { return note.name == "overload"; }));
}

TEST_P(TargetConformance, ProbesEveryLayerWhereOnlyTheBaseHoldsData) {
  // Goal: the law "empty layers: d + 1". Method: four empty layers over a full base.
  build_chain(target(), 4, 0);
  const auto outcome = target().perform(*random_reads(), {.operations_max = 500}, {}, {});
  ASSERT_TRUE(outcome) << outcome.error().text();
  EXPECT_DOUBLE_EQ(outcome->layers_probed_per_read, 5.0);
}

TEST_P(TargetConformance, ProbesHalfTheDepthMoreWhereDataIsSpreadEvenly) {
  // Goal: the law "1 + d/2 files for data spread evenly". Method: each of 4 layers and the base hold a fifth
  // of the disk to themselves, read once each, in whole megabytes.
  constexpr uint64_t share = 6 * mib;
  constexpr uint64_t used = 5 * share;
  ASSERT_TRUE(target().create_base(small_disk, seed));
  for (uint64_t layer = 0; layer < 5; ++layer) {
    if (layer > 0) {
      ASSERT_TRUE(target().take_checkpoint());
    }
    write_or_fail(target(), *writes(layer + 1, 1 * mib, 6, {layer * share, share}));
  }
  const auto every_block_once = *make_pattern_stream({.pattern = AccessPattern::random,
                                                      .range = {0, used},
                                                      .block_size_bytes = 64 * kib,
                                                      .each_block_once = true,
                                                      .operations = used / (64 * kib)},
                                                     stream_seeds(seed, 50));
  const auto outcome = target().perform(*every_block_once, {}, {}, {});
  ASSERT_TRUE(outcome) << outcome.error().text();
  EXPECT_EQ(outcome->reads.operations, used / (64 * kib));
  EXPECT_DOUBLE_EQ(outcome->layers_probed_per_read, 1.0 + 4 / 2.0);
}

TEST_P(TargetConformance, KeepsContentWhateverCarriesTheRequests) {
  // Goal: the kind of I/O, the number of jobs and the way data is found change figures and never a byte.
  // Method: mixed load with flushes by each kind, every operation counted, and the content verified after
  // each.
  using scenarios::IoKind;
  build_chain(target(), 3, 16);
  for (const IoKind io : {IoKind::psync, IoKind::io_uring, IoKind::mapped}) {
    const auto outcome = target().perform(*random_reads(50),
                                          {.queue_depth = 8,
                                           .jobs = 2,
                                           .io = io,
                                           .lookup = {.resolve = ResolveMode::index},
                                           .operations_max = 200},
                                          {}, {});
    ASSERT_TRUE(outcome) << outcome.error().text();
    EXPECT_EQ(outcome->all.operations, 200U);
    expect_content(target());
  }
}

TEST_P(TargetConformance, KeepsContentUnderMixedLoadAndFlushes) {
  // Goal: measured writes are as checkable as the setup's. Method: half reads, half writes, eight in flight.
  build_chain(target(), 2, 16);
  const auto outcome =
      target().perform(*random_reads(50), {.queue_depth = 8, .operations_max = 2000}, {}, {});
  ASSERT_TRUE(outcome) << outcome.error().text();
  EXPECT_GT(outcome->writes.operations, 0U);
  EXPECT_EQ(outcome->reads.operations + outcome->writes.operations, 2000U);
  expect_content(target());
}

TEST_P(TargetConformance, MergesEachChangedByteOnceInOnePass) {
  // Goal: the law "one pass moves |union|". Method: four overlapping layers; content and depth afterwards.
  build_chain(target(), 4, 100);
  const auto merged = target().merge(1, 4, MergeOrder::one_pass, {}, {});
  ASSERT_TRUE(merged) << merged.error().text();
  EXPECT_EQ(merged->totals.layers_merged, 4U);
  EXPECT_EQ(merged->totals.bytes_moved, merged->totals.union_bytes);
  ASSERT_EQ(target().layers()->size(), 1U);
  expect_content(target());
}

TEST_P(TargetConformance, MergesPairwiseOldestFirstAtTheSumOfTheLayers) {
  // Goal: the law "oldest first moves the sum of all layers". Method: four layers of 100 distinct 64 KiB
  // blocks each.
  build_chain(target(), 4, 100);
  const auto merged = target().merge(1, 4, MergeOrder::pairwise_oldest_first, {}, {});
  ASSERT_TRUE(merged) << merged.error().text();
  EXPECT_EQ(merged->totals.bytes_moved, 4 * 100 * 64 * kib);
  EXPECT_LT(merged->totals.union_bytes, merged->totals.bytes_moved);
  ASSERT_EQ(target().layers()->size(), 1U);
  expect_content(target());
}

TEST_P(TargetConformance, MergesPairwiseNewestFirstAtTheSumOfGrowingUnions) {
  // Goal: the law "d equal disjoint layers cost (d + 1) / 2 times one pass". Method: four layers, a quarter
  // of the disk each.
  constexpr uint64_t share = small_disk.size_bytes / 4;
  ASSERT_TRUE(target().create_base(small_disk, seed));
  for (uint64_t layer = 1; layer <= 4; ++layer) {
    ASSERT_TRUE(target().take_checkpoint());
    write_or_fail(target(), *writes(layer, 64 * kib, share / (64 * kib), {(layer - 1) * share, share}));
  }
  const auto merged = target().merge(1, 4, MergeOrder::pairwise_newest_first, {}, {});
  ASSERT_TRUE(merged) << merged.error().text();
  EXPECT_EQ(merged->totals.bytes_moved * 2, merged->totals.union_bytes * (4 + 1));
  ASSERT_EQ(target().layers()->size(), 1U);
  expect_content(target());
}

TEST_P(TargetConformance, MergesAMiddleRangeAndLeavesTheRestInPlace) {
  // Goal: layers outside the range stay. Method: layers 2 and 3 of 4 into layer 1; two layers above the base
  // remain.
  build_chain(target(), 4, 100);
  const auto merged = target().merge(2, 3, MergeOrder::one_pass, {}, {});
  ASSERT_TRUE(merged) << merged.error().text();
  EXPECT_EQ(target().layers()->size(), 3U);
  expect_content(target());
}

// Writes in order and round again over the first `bytes` of the disk.
std::unique_ptr<OperationStream> endless_writes(uint64_t bytes) {
  return *make_pattern_stream({.pattern = AccessPattern::sequential,
                               .range = {0, bytes},
                               .block_size_bytes = 64 * kib,
                               .read_percentage = 0},
                              stream_seeds(seed, 98));
}

uint64_t sum_of_merged(const reports::LiveMergeTotals& live) {
  uint64_t sum = 0;
  for (const reports::LiveMergePass& pass : live.passes)
    sum += pass.bytes_merged;
  return sum;
}

TEST_P(TargetConformance, MergesBelowTheLeafUnderAWorkload) {
  // Goal: one pass over the union, whatever the workload writes to the leaf. Method: layers 1 to 3 of 4 under
  // a mixed load; depth, bytes and content afterwards.
  build_chain(target(), 4, 100);
  const auto stream = with_arrivals(random_reads(50), 1000, seed);
  const auto merged = target().live_merge({.first_layer = 1, .last_layer = 3}, *stream,
                                          {.queue_depth = 4, .arrivals_per_s = 1000}, {}, {});
  ASSERT_TRUE(merged) << merged.error().text();
  EXPECT_TRUE(merged->live.finished);
  EXPECT_EQ(merged->merge.totals.layers_merged, 3U);
  EXPECT_EQ(merged->merge.totals.bytes_moved, merged->merge.totals.union_bytes);
  ASSERT_EQ(merged->live.passes.size(), 1U);
  EXPECT_EQ(merged->live.passes[0].bytes_merged, merged->merge.totals.bytes_moved);
  EXPECT_EQ(merged->live.passes[0].bytes_written, 0U) << "nothing of it must be merged in its turn";
  EXPECT_GT(merged->live.passes[0].pause_s, 0);
  EXPECT_GE(merged->merge.duration_s, merged->live.passes[0].pause_s);
  EXPECT_EQ(target().layers()->size(), 2U);
  expect_content(target());
}

TEST_P(TargetConformance, MergesTheLeafUnderReadsInOnePassAndAPause) {
  // Goal: where nothing is written, deleting the last checkpoint takes one pass. Method: both layers into the
  // base under reads; one file is left.
  build_chain(target(), 2, 50);
  const auto merged =
      target().live_merge({.first_layer = 1, .last_layer = 2}, *random_reads(),
                          {.queue_depth = 4, .lookup = {.resolve = ResolveMode::index}}, {}, {});
  ASSERT_TRUE(merged) << merged.error().text();
  EXPECT_TRUE(merged->live.finished);
  EXPECT_EQ(merged->live.passes.size(), 2U) << "the pass, and a rest of nothing";
  EXPECT_EQ(sum_of_merged(merged->live), merged->merge.totals.bytes_moved);
  EXPECT_EQ(merged->merge.totals.bytes_moved, merged->merge.totals.union_bytes);
  EXPECT_EQ(target().layers()->size(), 1U);
  expect_content(target());
}

TEST_P(TargetConformance, MergesTheLeafAndWhatIsWrittenMeanwhile) {
  // Goal: what a pass leaves is merged in the pause. Method: 4 MiB at 8 MiB/s, while the same 1 MiB is
  // written again and again, which is as much as may be left.
  build_chain(target(), 1, 64);
  const auto merged = target().live_merge({.first_layer = 1,
                                           .last_layer = 1,
                                           .rate_limit_bytes_per_s = 8 * mib,
                                           .limits = {.pause_bytes_max = 1 * mib}},
                                          *endless_writes(1 * mib), {.queue_depth = 4}, {}, {});
  ASSERT_TRUE(merged) << merged.error().text();
  EXPECT_TRUE(merged->live.finished) << merged->live.explanation;
  ASSERT_EQ(merged->live.passes.size(), 2U);
  EXPECT_GT(merged->live.passes[0].bytes_written, 0U);
  EXPECT_EQ(merged->live.passes[1].bytes_merged, merged->live.passes[0].bytes_written);
  EXPECT_EQ(sum_of_merged(merged->live), merged->merge.totals.bytes_moved);
  EXPECT_GT(merged->workload.writes.operations, 0U);
  EXPECT_EQ(target().layers()->size(), 1U);
  expect_content(target());
}

TEST_P(TargetConformance, SaysThatAMergeCannotFinishUnderWrites) {
  // Goal: W >= C is an outcome, and the disk is whole. Method: a leaf of 1 MiB merged at 1 MiB/s, while the
  // same 1 MiB is written again and again.
  build_chain(target(), 0, 0);
  ASSERT_TRUE(target().take_checkpoint());
  write_or_fail(target(), *writes(2, 64 * kib, 16, {0, 1 * mib}));
  const auto merged = target().live_merge({.first_layer = 1,
                                           .last_layer = 1,
                                           .rate_limit_bytes_per_s = 1 * mib,
                                           .limits = {.pause_bytes_max = 64 * kib}},
                                          *endless_writes(1 * mib), {.queue_depth = 2}, {}, {});
  ASSERT_TRUE(merged) << merged.error().text();
  EXPECT_FALSE(merged->live.finished);
  EXPECT_TRUE(merged->live.explanation.starts_with("cannot finish: the guest writes "))
      << merged->live.explanation;
  EXPECT_EQ(merged->live.passes.size(), 2U);
  EXPECT_EQ(target().layers()->size(), 2U);
  expect_content(target());
}

TEST_P(TargetConformance, StopsALiveMergeAndKeepsTheContent) {
  build_chain(target(), 2, 16);
  const auto merged = target().live_merge({.first_layer = 1, .last_layer = 1}, *random_reads(50),
                                          {.queue_depth = 2}, {}, [] { return true; });
  ASSERT_FALSE(merged);
  EXPECT_EQ(merged.error().kind, ErrorKind::interrupted);
  expect_content(target());
}

TEST_P(TargetConformance, FailsAsInterruptedWhenAskedToStop) {
  // Goal: a request to stop ends an endless step with its own kind of failure, and the target goes on
  // working.
  build_chain(target(), 1, 16);
  const auto outcome = target().perform(*random_reads(), {.queue_depth = 4}, {}, [] { return true; });
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, ErrorKind::interrupted);
  expect_content(target());
}

TEST_P(TargetConformance, LeavesNothingOfADiscardedDisk) {
  // Goal: create_base starts from nothing. Method: a written disk, then a new one; it reads as zeros.
  build_chain(target(), 2, 16);
  ASSERT_TRUE(target().discard());
  ASSERT_TRUE(target().create_base(small_disk, seed));
  ASSERT_EQ(target().layers()->size(), 1U);
  expect_content(target());
}

}  // namespace
}  // namespace vhdlab::tests
