// The simulator as a target: the target suite, and what only it can promise.
#include "scenarios/targets/sim_target.h"

#include <cstdlib>
#include <iostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "scenarios/workload/arrivals.h"
#include "scenarios/workload/pattern_stream.h"
#include "tests/conformance/target_conformance.h"
#include "tests/sim/device/sample_profiles.h"

namespace vhdlab::tests {
namespace {

using namespace scenarios;

TargetImplementation on_device(const sim::DeviceProfile& profile) {
  return {profile.name, [=] { return TargetWorld{nullptr, make_sim_target({.device = profile})}; }};
}

// The chains of the suite do not fit on the small drive.
sim::SsdProfile roomy_ssd() {
  sim::SsdProfile ssd = small_ssd();
  ssd.capacity_bytes = 8 * gib;
  return ssd;
}

INSTANTIATE_TEST_SUITE_P(Sim, TargetConformance,
                         testing::Values(on_device(profile_of("Hdd", small_hdd())),
                                         on_device(profile_of("Ssd", roomy_ssd())),
                                         on_device(profile_of("SharedVolume", small_volume())),
                                         on_device(raid_of(sim::RaidLevel::rotating_parity, 3))),
                         [](const auto& instance) { return instance.param.name; });

std::unique_ptr<OperationStream> stream(uint64_t ordinal, ByteRange range, uint64_t block_size,
                                        uint32_t reads, std::optional<uint64_t> operations) {
  return *make_pattern_stream({.pattern = AccessPattern::random,
                               .range = range,
                               .block_size_bytes = block_size,
                               .read_percentage = reads,
                               .flush_every = 100,
                               .operations = operations},
                              stream_seeds(7, ordinal));
}

// 64 TiB under 1,000 checkpoints with a few writes each.
std::unique_ptr<Target> huge_chain() {
  auto volume = small_volume();
  volume.capacity_bytes = 128 * tib;
  volume.operations_per_s_max.reset();
  auto target = make_sim_target({.device = profile_of("volume", volume)});
  constexpr uint64_t size = 64 * tib;
  EXPECT_TRUE(target->create_base({.size_bytes = size,
                                   .block_size_bytes = 2 * mib,
                                   .logical_sector_size_bytes = 512,
                                   .physical_sector_size_bytes = 4096},
                                  7));
  for (uint64_t layer = 0; layer < 1000; ++layer) {
    if (layer > 0) {
      EXPECT_TRUE(target->take_checkpoint());
    }
    EXPECT_TRUE(target->write(*stream(layer, {0, size}, 64 * kib, 0, 20), 1, {}, {}));
  }
  return target;
}

TEST(SimTarget, HoldsAChainOfAThousandLayersOver64TiB) {
  // Goal: size and depth cost runs, not tables. Method: reads pass all layers, and the content is right.
  const auto target = huge_chain();
  constexpr uint64_t size = 64 * tib;
  const auto reads =
      target->perform(*stream(5000, {0, size}, 4 * kib, 100, std::nullopt),
                      {.queue_depth = 4, .direct = true, .only_reads = true, .operations_max = 200}, {}, {});
  ASSERT_TRUE(reads) << reads.error().text();
  EXPECT_GT(reads->layers_probed_per_read, 999);
  EXPECT_LT(reads->metadata_hit_share, 0.1);
  const auto verified = target->verify(7);
  ASSERT_TRUE(verified);
  EXPECT_EQ(verified->sectors_wrong, 0U) << verified->first_wrong;
}

TEST(SimTarget, HoldsThatChainWithinAGibibyte) {
  // Goal: the largest disk and the deepest chain fit beside other work. Method: a process that may not have
  // more than 1 GiB of memory of its own builds them and reads; a sanitizer's own memory would count as well.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers take more memory than the chain may";
#else
  const auto build_and_read = [] {
    const rlimit limit{.rlim_cur = 1 * gib, .rlim_max = 1 * gib};
    if (setrlimit(RLIMIT_DATA, &limit) != 0) std::exit(2);
    const auto target = huge_chain();
    const auto reads = target->perform(*stream(5000, {0, 64 * tib}, 4 * kib, 100, std::nullopt),
                                       {.direct = true, .only_reads = true, .operations_max = 200}, {}, {});
    if (!reads) std::cerr << reads.error().text();
    std::exit(reads && reads->layers_probed_per_read > 999 ? 0 : 1);
  };
  EXPECT_EXIT(build_and_read(), testing::ExitedWithCode(0), "");
#endif
}

TEST(SimTarget, ReadsTablesAgainWhereTheirMemoryIsSmall) {
  // Goal: the regime decides: with all pages in memory a read costs one request, with few one for each layer.
  const auto measure = [](std::optional<uint64_t> memory) {
    const auto target = make_sim_target({.device = profile_of("hdd", small_hdd())});
    constexpr ByteRange disk{0, 4 * gib};
    EXPECT_TRUE(target->create_base({.size_bytes = disk.length,
                                     .block_size_bytes = 1 * mib,
                                     .logical_sector_size_bytes = 512,
                                     .physical_sector_size_bytes = 4096},
                                    7));
    EXPECT_TRUE(target->write(*stream(1, disk, 1 * mib, 0, 4000), 1, {}, {}));
    for (int layer = 0; layer < 4; ++layer)
      EXPECT_TRUE(target->take_checkpoint());
    auto outcome = target->perform(*stream(2, disk, 4 * kib, 100, std::nullopt),
                                   {.direct = true,
                                    .only_reads = true,
                                    .lookup = {.metadata_cache_bytes = memory},
                                    .warm_up = std::chrono::seconds(20),
                                    .operations_max = 500},
                                   {}, {});
    EXPECT_TRUE(outcome);
    return *outcome;
  };
  const PerformOutcome ample = measure(std::nullopt);
  const PerformOutcome scarce = measure(4 * kib);
  EXPECT_DOUBLE_EQ(ample.metadata_hit_share, 1);
  EXPECT_LT(scarce.metadata_hit_share, 0.4);
  EXPECT_GT(scarce.all.latency->mean_ns, 2 * ample.all.latency->mean_ns);
}

TEST(SimTarget, SharesExtentsWhereTheFileSystemCan) {
  // Goal: sharing changes what a merge costs and nothing it does. Method: the same merge twice; a sharing one
  // moves no guest data, takes the time of its extents, and the content is right.
  constexpr uint64_t extents = 60;
  const auto merge = [](std::optional<Nanoseconds> share) {
    sim::DeviceProfile profile = profile_of("hdd", small_hdd());
    profile.host.page_cache_bytes = 0;
    profile.host.share = share;
    const auto target = make_sim_target({.device = profile});
    constexpr ByteRange disk{0, 256 * mib};
    EXPECT_TRUE(target->create_base({.size_bytes = disk.length,
                                     .block_size_bytes = 2 * mib,
                                     .logical_sector_size_bytes = 512,
                                     .physical_sector_size_bytes = 4096},
                                    7));
    EXPECT_TRUE(target->write(*stream(1, disk, 2 * mib, 0, 100), 1, {}, {}));
    EXPECT_TRUE(target->take_checkpoint());
    const auto scattered = make_pattern_stream({.pattern = AccessPattern::random,
                                                .range = disk,
                                                .block_size_bytes = 64 * kib,
                                                .read_percentage = 0,
                                                .each_block_once = true,
                                                .operations = extents},
                                               stream_seeds(7, 2));
    EXPECT_TRUE(target->write(**scattered, 1, {}, {}));
    const auto merged = target->merge(1, 1, MergeOrder::one_pass, {}, {});
    EXPECT_TRUE(merged);
    EXPECT_EQ(target->verify(7)->sectors_wrong, 0U);
    return *merged;
  };
  const MergeMeasurement copied = merge(std::nullopt);
  const MergeMeasurement shared = merge(std::chrono::milliseconds(1));
  EXPECT_EQ(shared.totals.bytes_moved, copied.totals.bytes_moved);
  EXPECT_GT(copied.totals.bytes_written, extents * 64 * kib);
  EXPECT_LT(shared.totals.bytes_written, 1 * mib);
  EXPECT_LT(shared.duration_s, copied.duration_s);
  EXPECT_GT(shared.duration_s, 0.9e-3 * extents);
}

TEST(SimTarget, HasSeveralRequestsOfAMergeInFlight) {
  // Goal: a merge is as much faster as the engine's threads make it where the device has room, and no faster
  // where it has none. Method: 64 MiB in pieces of 1 MiB, each read and written over a round trip of 1 ms
  // that overlaps with others', by an array of many servers and by one of a single one.
  const auto duration_s = [](uint32_t servers) {
    auto volume = small_volume();
    volume.operations_per_s_max.reset();
    volume.round_trip = Nanoseconds(0);
    volume.service = std::chrono::milliseconds(10);
    volume.servers = servers;
    volume.bytes_per_s = 1 * tib;
    sim::DeviceProfile profile = profile_of("volume", volume);
    profile.host = {.processors = 4, .copy_bytes_per_s = 1 * tib, .page_cache_bytes = 0};
    const auto target = make_sim_target({.device = profile});
    EXPECT_TRUE(target->create_base({.size_bytes = 64 * mib,
                                     .block_size_bytes = 2 * mib,
                                     .logical_sector_size_bytes = 512,
                                     .physical_sector_size_bytes = 4096},
                                    7));
    EXPECT_TRUE(target->take_checkpoint());
    EXPECT_TRUE(target->write(*stream(1, {0, 64 * mib}, 64 * mib, 0, 1), 1, {}, {}));
    const auto merged = target->merge(1, 1, MergeOrder::one_pass, {}, {});
    EXPECT_TRUE(merged);
    EXPECT_EQ(target->verify(7)->sectors_wrong, 0U);
    return merged->duration_s;
  };
  constexpr double requests_s = 2 * 16 * 10e-3;
  EXPECT_NEAR(duration_s(1) / requests_s, 1, 0.3);  // besides tables and flushes
  EXPECT_NEAR(duration_s(16) / requests_s, 0.25, 0.3);
}

TEST(SimTarget, SaysWhenABoundEndedAStep) {
  // Goal: never a hang, and the result says so. Method: an endless stream and few events.
  const auto target = make_sim_target({.device = profile_of("hdd", small_hdd()), .events_max = 10'000});
  ASSERT_TRUE(target->create_base({.size_bytes = 64 * mib,
                                   .block_size_bytes = 1 * mib,
                                   .logical_sector_size_bytes = 512,
                                   .physical_sector_size_bytes = 4096},
                                  7));
  const auto outcome = target->perform(*stream(2, {0, 64 * mib}, 4 * kib, 50, std::nullopt), {}, {}, {});
  ASSERT_TRUE(outcome) << outcome.error().text();
  ASSERT_EQ(target->notes().size(), 1U);
  EXPECT_EQ(target->notes()[0].name, "sim-bounded");

  // Nothing of the step is left behind for the next one, or for a merge.
  ASSERT_TRUE(target->take_checkpoint());
  const auto next = target->perform(*stream(3, {0, 64 * mib}, 4 * kib, 50, 40), {.queue_depth = 4}, {}, {});
  ASSERT_TRUE(next) << next.error().text();
  EXPECT_EQ(next->all.operations, 40U);
  EXPECT_TRUE(target->merge(1, 1, MergeOrder::one_pass, {}, {}));
  EXPECT_EQ(target->verify(7)->sectors_wrong, 0U);
}

TEST(SimTarget, SaysWhenAStepWouldTakeMoreThanTenYears) {
  // Goal: virtual time has an end, too. Method: an operation every quarter of an hour, a billion of them.
  const auto target = make_sim_target({.device = profile_of("hdd", small_hdd())});
  ASSERT_TRUE(target->create_base({.size_bytes = 64 * mib,
                                   .block_size_bytes = 1 * mib,
                                   .logical_sector_size_bytes = 512,
                                   .physical_sector_size_bytes = 4096},
                                  7));
  auto rare = with_arrivals(stream(2, {0, 64 * mib}, 4 * kib, 100, std::nullopt), 0.001, 7);
  const auto outcome = target->perform(
      *rare, {.only_reads = true, .operations_max = 1'000'000'000, .arrivals_per_s = 0.001}, {}, {});
  ASSERT_TRUE(outcome) << outcome.error().text();
  EXPECT_GT(outcome->duration_s, 3.1e8);
  ASSERT_FALSE(target->notes().empty());
  EXPECT_EQ(target->notes()[0].name, "sim-bounded");
  EXPECT_THAT(target->notes()[0].text, testing::HasSubstr("limit of virtual time"));
}

TEST(SimTarget, RefusesADiskItsDeviceCannotHold) {
  const auto target = make_sim_target({.device = profile_of("hdd", small_hdd())});
  ASSERT_TRUE(target->create_base({.size_bytes = 1 * tib,
                                   .block_size_bytes = 2 * mib,
                                   .logical_sector_size_bytes = 512,
                                   .physical_sector_size_bytes = 4096},
                                  7));
  const auto written = target->write(*stream(1, {0, 1 * tib}, 1 * mib, 0, 10'000), 1, {}, {});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().fault, "sim-device-full");
}

TEST(SimTarget, TakesTheTimeOfALiveMergeThatTheLawSays) {
  // Goal: D / (C - W), within 5 %: each pass also opens files and flushes, and no limit holds for the rest
  // that is merged in a pause. Method: 512 MiB at 32 MiB/s under writes that all hit new places, W from
  // nothing to 0.75 C.
  constexpr uint64_t delta = 512 * mib;
  constexpr double copy = 32.0 * mib;
  const auto writes = [] {
    return *make_pattern_stream({.pattern = AccessPattern::sequential,
                                 .range = {0, 6 * gib},
                                 .block_size_bytes = 16 * kib,
                                 .read_percentage = 0},
                                stream_seeds(7, 9));
  };
  auto fast = small_volume();
  fast.operations_per_s_max.reset();
  fast.bytes_per_s = 20'000'000'000;
  fast.round_trip = std::chrono::microseconds(20);
  fast.service = std::chrono::microseconds(20);
  for (const double share : {0.001, 0.25, 0.5, 0.75}) {
    const auto target = make_sim_target({.device = profile_of("volume", fast)});
    ASSERT_TRUE(target->create_base({.size_bytes = 6 * gib,
                                     .block_size_bytes = 2 * mib,
                                     .logical_sector_size_bytes = 512,
                                     .physical_sector_size_bytes = 4096},
                                    7));
    ASSERT_TRUE(target->take_checkpoint());
    const auto history = *make_pattern_stream({.pattern = AccessPattern::sequential,
                                               .range = {0, 6 * gib},
                                               .block_size_bytes = 1 * mib,
                                               .read_percentage = 0,
                                               .operations = delta / mib},
                                              stream_seeds(7, 1));
    ASSERT_TRUE(target->write(*history, 1, {}, {}));
    const double per_second = share * copy / (16 * kib);
    const auto merged = target->live_merge(
        {.first_layer = 1, .last_layer = 1, .rate_limit_bytes_per_s = static_cast<uint64_t>(copy)},
        *with_arrivals(writes(), per_second, 3), {.queue_depth = 16, .arrivals_per_s = per_second}, {}, {});
    ASSERT_TRUE(merged) << merged.error().text();
    EXPECT_TRUE(merged->live.finished) << share << ": " << merged->live.explanation;
    const double law = static_cast<double>(delta) / (copy - share * copy);
    EXPECT_NEAR(merged->merge.duration_s / law, 1, 0.05) << share;
    const auto verified = target->verify(7);
    ASSERT_TRUE(verified);
    EXPECT_EQ(verified->sectors_wrong, 0U) << verified->first_wrong;
  }
}

TEST(SimTarget, GivesTheSameLiveMergeTwice) {
  // Goal: events decide, nothing else. Method: the same merge in two targets, to the last bit.
  const auto measure = [] {
    const auto target = make_sim_target({.device = profile_of("hdd", small_hdd())});
    EXPECT_TRUE(target->create_base({.size_bytes = 64 * mib,
                                     .block_size_bytes = 1 * mib,
                                     .logical_sector_size_bytes = 512,
                                     .physical_sector_size_bytes = 4096},
                                    7));
    EXPECT_TRUE(target->take_checkpoint());
    EXPECT_TRUE(target->write(*stream(1, {0, 64 * mib}, 64 * kib, 0, 100), 1, {}, {}));
    auto merged = target->live_merge({.first_layer = 1, .last_layer = 1, .rate_limit_bytes_per_s = 4 * mib},
                                     *stream(2, {0, 64 * mib}, 4 * kib, 50, std::nullopt),
                                     {.queue_depth = 4, .direct = true}, {}, {});
    EXPECT_TRUE(merged) << merged.error().text();
    return merged.value();
  };
  const LiveMergeMeasurement first = measure();
  const LiveMergeMeasurement second = measure();
  EXPECT_EQ(first.live, second.live);
  EXPECT_EQ(first.merge.files, second.merge.files);
  EXPECT_EQ(first.workload.all, second.workload.all);
}

}  // namespace
}  // namespace vhdlab::tests
