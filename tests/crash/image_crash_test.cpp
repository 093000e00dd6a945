// One image, or a chain under writes and checkpoints, with the power cut before every barrier. Small
// workloads try every subset of what was not durable (up to a bound that is printed), random ones go on for
// VHDLAB_CRASH_CUTS states. The long run: VHDLAB_CRASH_CUTS=100000 VHDLAB_CRASH_SUBSETS=4096.
#include <string>

#include <gtest/gtest.h>

#include "tests/crash/crash_workload.h"
#include "tests/crash/small_workloads.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

class EveryCut : public testing::TestWithParam<SmallWorkload> {};

TEST_P(EveryCut, LeavesADiskThatHoldsWhatWasFlushed) {
  // Goal: no cut loses flushed bytes or shows foreign ones. Method: a small workload, every subset of the
  // sectors and sizes not durable at each barrier, recovered, written and cut again.
  const CutLimits limits{.exhaustive_max = number_from_environment("VHDLAB_CRASH_SUBSETS", 64),
                         .random_cuts = 16};
  CrashWorkload workload(GetParam().shape, limits, 0.1, 1);
  GetParam().work(workload);
  workload.finish();
  workload.tally().print(GetParam().name);
  if (workload.in_trouble()) FAIL() << *workload.tally().trouble << "\nafter:" << workload.story();
}

INSTANTIATE_TEST_SUITE_P(Workloads, EveryCut, testing::ValuesIn(small_workloads()),
                         [](const auto& instance) { return instance.param.name; });

TEST(RandomCuts, LeaveDisksThatHoldWhatWasFlushed) {
  // Goal: what the small workloads cannot meet. Method: random writes, zeros, flushes, checkpoints and
  // reopenings on random shapes, walked or indexed, by calls or through a queue, a few random cuts before
  // each barrier, until the count is reached.
  const uint64_t seed = test_seed();
  const uint64_t wanted = number_from_environment("VHDLAB_CRASH_CUTS", 1000);
  CrashTally all;
  uint64_t workloads = 0;
  for (; all.cuts < wanted; ++workloads) {
    const uint64_t workload_seed = mix64(seed + workloads);
    SeededRandom random(workload_seed);
    const DiskShape shape{.disk_size_bytes = 3 * mib + pick(random, 40) * 128 * kib,
                          .block_size_bytes = static_cast<uint32_t>(mib << pick(random, 2)),
                          .sector_size_bytes = happens(random, 0.3) ? 4096U : 512U,
                          .fixed = happens(random, 0.2),
                          .resolve = happens(random, 0.5) ? ResolveMode::index : ResolveMode::walk,
                          .three_table_pages = happens(random, 0.3),
                          .queued = happens(random, 0.5)};
    CrashWorkload workload(shape, {.exhaustive_max = 8, .random_cuts = 6, .singles_max = 0}, 0.1,
                           random.next_u64());
    for (int step = 0; step < 40 && !workload.in_trouble(); ++step)
      workload.random_step();
    workload.finish();
    const CrashTally& tally = workload.tally();
    all.moments += tally.moments;
    all.moments_exhausted += tally.moments_exhausted;
    all.cuts += tally.cuts;
    all.replays += tally.replays;
    all.recovery_cuts += tally.recovery_cuts;
    all.second_cuts += tally.second_cuts;
    if (workload.in_trouble()) {
      FAIL() << *tally.trouble << "\nseed " << seed << ", workload " << workloads
             << "\nafter:" << workload.story();
    }
  }
  all.print(std::to_string(workloads) + " random workloads");
}

}  // namespace
}  // namespace vhdlab::tests
