// One image, or a chain under writes and checkpoints, with the power cut before every barrier. Small
// workloads try every subset of what was not durable (up to a bound that is printed), random ones go on for
// VHDLAB_CRASH_CUTS states. The long run: VHDLAB_CRASH_CUTS=100000 VHDLAB_CRASH_SUBSETS=4096.
#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "tests/crash/crash_workload.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

struct Enumeration {
  std::string name;
  DiskShape shape;
  std::function<void(CrashWorkload&)> work;

  friend void PrintTo(const Enumeration& enumeration, std::ostream* to) { *to << enumeration.name; }
};

class EveryCut : public testing::TestWithParam<Enumeration> {};

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

void first_writes(CrashWorkload& disk) {
  disk.write(0, disk.disk_size_bytes() >= 4 * mib ? 4096 : 8192);
  disk.flush();
  disk.write(1 * mib, 4096);
  disk.write(2 * mib + 64 * kib, 4096);
  disk.flush();
  disk.close_and_reopen();
}

void overwrites(CrashWorkload& disk) {
  disk.write(4096, 8192);
  disk.flush();
  disk.write(4096, 4096);
  disk.write(4096, 4096);  // two versions wait for one flush
  disk.write(8192, 4096);
  disk.flush();
  disk.write(4096, 4096);
  disk.close_and_reopen();
  disk.write(4096, 4096);
}

void zeros(CrashWorkload& disk) {
  disk.write(0, 8192);
  disk.write(1 * mib, 4096);
  disk.flush();
  disk.zero(0, 1 * mib);
  disk.zero(1 * mib, 4096);
  disk.flush();
  disk.write(4096, 4096);  // in the block that was zeroed
  disk.zero(2 * mib, 4096);
  disk.flush();
  disk.zero(0, 3 * mib);
  disk.write(0, 4096);  // zeroed and written again before the flush
  disk.close_and_reopen();
}

void whole_blocks(CrashWorkload& disk) {
  disk.write(0, 1 * mib);
  disk.flush();
  disk.write(1 * mib, 1 * mib);
  disk.zero(0, 1 * mib);
  disk.flush();
}

void checkpoints(CrashWorkload& disk) {
  disk.write(0, 4096);
  disk.checkpoint(1 * mib);
  disk.write(4096, 4096);  // partly present
  disk.flush();
  disk.write(0, 4096);
  disk.write(2 * mib, 4096);
  disk.flush();
  disk.checkpoint(2 * mib);
  disk.write(0, 1 * mib);
  disk.zero(2 * mib, 4096);
  disk.flush();
  disk.zero(1 * mib, 1 * mib);
  disk.write(1 * mib, 4096);
  disk.close_and_reopen();
}

// Entries of two sectors in a ring of 256, and one of a single sector to begin with: number 128 is the first
// that begins anew.
void log_wrap(CrashWorkload& disk) {
  disk.keep_power();
  for (int i = 0; i < 140; ++i) {
    if (i == 124) disk.let_power_fail();
    disk.zero(0, 1 * mib);
    disk.write(4096, 4096);
    disk.flush();
    if (i == 132) disk.close_and_reopen();
  }
}

std::vector<Enumeration> enumerations() {
  const DiskShape dynamic{};
  const DiskShape fixed{.fixed = true};
  const DiskShape large_sectors{.sector_size_bytes = 4096};
  const DiskShape odd_end{.disk_size_bytes = 5 * mib + 512 * kib, .block_size_bytes = 2 * mib};
  const DiskShape eight{.disk_size_bytes = 8 * mib};
  return {
      {"dynamic_first_writes", dynamic, first_writes},
      {"dynamic_overwrites", dynamic, overwrites},
      {"dynamic_zeros", dynamic, zeros},
      {"dynamic_whole_blocks", dynamic, whole_blocks},
      {"dynamic_4k_zeros", large_sectors, zeros},
      {"fixed_first_writes", fixed, first_writes},
      {"fixed_overwrites", fixed, overwrites},
      {"fixed_zeros", fixed, zeros},
      {"differencing", dynamic, checkpoints},
      {"differencing_4k", large_sectors, checkpoints},
      {"differencing_odd_end", odd_end, checkpoints},
      {"differencing_on_fixed", DiskShape{.disk_size_bytes = 4 * mib, .fixed = true}, checkpoints},
      {"first_writes_8_mib", eight, first_writes},
      {"log_wrap", dynamic, log_wrap},
  };
}

INSTANTIATE_TEST_SUITE_P(Workloads, EveryCut, testing::ValuesIn(enumerations()),
                         [](const auto& instance) { return instance.param.name; });

TEST(RandomCuts, LeaveDisksThatHoldWhatWasFlushed) {
  // Goal: what the small workloads cannot meet. Method: random writes, zeros, flushes, checkpoints and
  // reopenings on random shapes, a few random cuts before each barrier, until the count is reached.
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
                          .fixed = happens(random, 0.2)};
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
