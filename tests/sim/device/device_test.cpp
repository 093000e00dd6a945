// Every device model, held to the one suite; and what only one kind can show.
#include <algorithm>

#include "sim/device/hdd.h"
#include "sim/device/page_cache.h"
#include "sim/device/profile.h"
#include "sim/device/ssd.h"
#include "tests/conformance/device_conformance.h"
#include "tests/sim/device/sample_profiles.h"

namespace vhdlab::tests {
namespace {

using sim::RequestKind;

DeviceImplementation by_profile(const sim::DeviceProfile& profile) {
  return {profile.name, [profile](sim::EventQueue& events, uint64_t seed) {
            return sim::make_device(profile, events, seed);
          }};
}

// A cache together with the device under it.
class CachedDevice final : public sim::Device {
 public:
  explicit CachedDevice(sim::EventQueue& events)
      : below_(sim::make_device(profile_of("hdd", small_hdd()), events, 1)),
        cache_(8 * mib, *below_, events) {}
  uint64_t capacity_bytes() const override { return cache_.capacity_bytes(); }
  sim::DeviceLimits limits() const override { return cache_.limits(); }
  void submit(const sim::DeviceRequest& request, sim::EventHandler& done, uint64_t token) override {
    cache_.submit(request, done, token);
  }

 private:
  std::unique_ptr<sim::Device> below_;
  sim::PageCache cache_;
};

sim::ServerProfile server(uint32_t servers, bool exponential) {
  return {.capacity_bytes = gib,
          .servers = servers,
          .service = std::chrono::microseconds(100),
          .exponential = exponential};
}

INSTANTIATE_TEST_SUITE_P(Devices, DeviceConformance,
                         testing::Values(by_profile(profile_of("Server", server(4, false))),
                                         by_profile(profile_of("Hdd", small_hdd())),
                                         by_profile(profile_of("Ssd", small_ssd())),
                                         by_profile(profile_of("SharedVolume", small_volume())),
                                         by_profile(raid_of(sim::RaidLevel::striped_mirrors, 4)),
                                         by_profile(raid_of(sim::RaidLevel::rotating_parity, 5)),
                                         DeviceImplementation{"PageCache",
                                                              [](sim::EventQueue& events, uint64_t) {
                                                                return std::make_unique<CachedDevice>(events);
                                                              }}),
                         [](const auto& parameter) { return parameter.param.name; });

LoadOutcome closed(const sim::DeviceProfile& profile, RequestKind kind, uint64_t length, uint32_t depth,
                   uint64_t operations, bool in_order = false) {
  sim::EventQueue events;
  const auto device = sim::make_device(profile, events, 1);
  auto next = in_order ? in_sequence(kind, length) : at_random(*device, kind, length);
  return Load(events, *device, operations, std::move(next)).closed(depth);
}

TEST(Hdd, TakesAboutSeekAndHalfARotationForARandomRead) {
  // Goal: the textbook's sum. Method: one read at a time, 4 KiB, everywhere: overhead 0.1 ms, half a rotation
  // 4.17 ms, and a mean seek the test works out from the same curve over random distances.
  const sim::HddProfile profile = small_hdd();
  sim::RandomStream random(5, "distances");
  const uint64_t cylinders = profile.capacity_bytes / (uint64_t{profile.surfaces} * 1600 * 512);
  double seek_ns = 0;
  for (int i = 0; i < 20000; ++i) {
    const uint64_t from = random.below(cylinders);
    const uint64_t to = random.below(cylinders);
    seek_ns += static_cast<double>(sim::seek_time(profile, from > to ? from - to : to - from).count());
  }
  const double expected_ns = 100e3 + 60e9 / 7200 / 2 + seek_ns / 20000;
  const LoadOutcome outcome = closed(profile_of("hdd", profile), RequestKind::read, 4 * kib, 1, 3000);
  EXPECT_NEAR(outcome.latency_ns_mean() / expected_ns, 1.0, 0.06);
}

TEST(Hdd, GainsFromAQueueItMayReorder) {
  // Goal: the drive takes the nearest request first. Method: 32 in flight against one, and against a drive
  // that keeps the order.
  sim::HddProfile in_order = small_hdd();
  in_order.queue_depth = 1;
  const double one =
      closed(profile_of("hdd", small_hdd()), RequestKind::read, 4 * kib, 1, 2000).operations_per_s();
  const double reordered =
      closed(profile_of("hdd", small_hdd()), RequestKind::read, 4 * kib, 32, 2000).operations_per_s();
  const double kept =
      closed(profile_of("hdd", in_order), RequestKind::read, 4 * kib, 32, 2000).operations_per_s();
  EXPECT_GT(reordered, 2 * one);
  EXPECT_NEAR(kept / one, 1.0, 0.05);
}

TEST(Hdd, StreamsAtItsZonesRate) {
  // Goal: reading on costs no rotation, and the rim is faster than the middle. Method: 1 MiB reads in order
  // from the start of each zone, against sectors per track times rotations.
  const auto rate_from = [](uint64_t begin) {
    sim::EventQueue events;
    const auto device = sim::make_device(profile_of("hdd", small_hdd()), events, 1);
    return Load(events, *device, 200,
                [=](uint64_t index) {
                  return sim::DeviceRequest{RequestKind::read, begin + index * mib, mib};
                })
        .closed(1)
        .bytes_per_s();
  };
  const double rim = rate_from(0);
  const double inner = rate_from(uint64_t{3000} * 4 * 1600 * 512);
  EXPECT_NEAR(rim / (1600 * 512 * 120.0), 0.93, 0.05);  // a track switch in every rotation
  EXPECT_NEAR(inner / rim, 1000.0 / 1600, 0.03);
}

TEST(Ssd, SlowsDownOnceTheErasedFlashIsUsedUp) {
  // Goal: collection bites after the free pool, not before. Method: random writes over a full drive, in
  // slices; the first against the one after the pool is gone.
  sim::EventQueue events;
  sim::Ssd drive(small_ssd(), events);
  drive.remember({RequestKind::write, 0, drive.capacity_bytes()});
  const uint64_t pool = drive.erased_bytes();
  EXPECT_EQ(pool, small_ssd().over_provisioned_bytes);
  const auto slice = [&](uint64_t bytes) {
    const sim::VirtualTime begin = events.now();
    (void)Load(events, drive, bytes / (16 * kib), at_random(drive, RequestKind::write, 16 * kib)).closed(32);
    return static_cast<double>(bytes) / sim::seconds(events.now() - begin);
  };
  const double fresh = slice(pool / 2);
  EXPECT_DOUBLE_EQ(drive.write_amplification(), 1);
  (void)slice(pool);
  const double worn = slice(pool);
  EXPECT_GT(drive.write_amplification(), 1.5);
  EXPECT_LT(worn, 0.6 * fresh);
}

TEST(Ssd, CollectsLessWhereLessIsOccupied) {
  // Goal: the law (valid - 1) / ln valid = occupied. Method: values worked out by hand with natural
  // logarithms.
  EXPECT_NEAR(sim::valid_share_at_collection(0.5), 0.2032, 0.001);
  EXPECT_NEAR(sim::valid_share_at_collection(0.8), 0.6286, 0.001);
  EXPECT_NEAR(sim::valid_share_at_collection(0.9), 0.8066, 0.001);
}

TEST(Ssd, IsHeldByTheInterfaceForLargeReadsAndByTheFlashForSmallOnes) {
  const LoadOutcome large = closed(profile_of("ssd", small_ssd()), RequestKind::read, mib, 8, 400);
  EXPECT_NEAR(large.bytes_per_s() / 550e6, 1.0, 0.05);
  const LoadOutcome one = closed(profile_of("ssd", small_ssd()), RequestKind::read, 4 * kib, 1, 1000);
  EXPECT_NEAR(one.latency_ns_mean(), 5e3 + 20e3 + 60e3 + 4096 / 0.6 + 4096 / 0.55, 500);
}

TEST(SharedVolume, GivesTheGrantedRateAndSavesUpABurst) {
  // Goal: the token bucket. Method: far more load than granted; large requests count by 8 KiB.
  const auto volume = profile_of("volume", small_volume());
  EXPECT_NEAR(closed(volume, RequestKind::read, 4 * kib, 64, 20000).operations_per_s() / 5000, 1.0, 0.02);
  EXPECT_NEAR(closed(volume, RequestKind::read, 32 * kib, 64, 5000).operations_per_s() / 1250, 1.0, 0.03);
  const LoadOutcome burst = closed(volume, RequestKind::read, 4 * kib, 16, 100);
  EXPECT_GT(burst.operations_per_s(), 10000);
}

TEST(Raid, PaysFourRequestsForASmallWriteOnParity) {
  // Goal: the small-write penalty. Method: random 4 KiB reads and writes on equal members with the queue
  // full: a mirror pays twice for a write, parity four times (about, as the seek back to the same place is
  // short).
  const auto ratio = [](const sim::DeviceProfile& profile) {
    const double reads = closed(profile, RequestKind::read, 4 * kib, 64, 4000).operations_per_s();
    const double writes = closed(profile, RequestKind::write, 4 * kib, 64, 4000).operations_per_s();
    return reads / writes;
  };
  EXPECT_NEAR(ratio(raid_of(sim::RaidLevel::striped_mirrors, 4)), 2.0, 0.5);
  EXPECT_GT(ratio(raid_of(sim::RaidLevel::rotating_parity, 4)), 3.0);
  EXPECT_LT(ratio(raid_of(sim::RaidLevel::rotating_parity, 4)), 5.0);
}

TEST(Raid, WritesAWholeStripeWithoutReading) {
  const auto parity = raid_of(sim::RaidLevel::rotating_parity, 5);
  const double stripes = closed(parity, RequestKind::write, 256 * kib, 4, 500, true).bytes_per_s();
  const double units = closed(parity, RequestKind::write, 64 * kib, 4, 2000, true).bytes_per_s();
  EXPECT_GT(stripes, 2 * units);
}

TEST(PageCache, AnswersFromMemoryWhatWasReadLately) {
  // Goal: the least recently used page leaves. Method: twice through less than the cache, then twice through
  // more than the cache.
  sim::EventQueue events;
  const auto device = sim::make_device(profile_of("hdd", small_hdd()), events, 1);
  sim::PageCache cache(1 * mib, *device, events);
  const auto pass = [&](uint64_t pages) {
    const uint64_t missed = cache.pages_missed();
    (void)Load(events, cache, pages, in_sequence(RequestKind::read, 4 * kib)).closed(1);
    return cache.pages_missed() - missed;
  };
  EXPECT_EQ(pass(200), 200U);
  EXPECT_EQ(pass(200), 0U);
  EXPECT_EQ(pass(300), 100U);
  EXPECT_EQ(pass(300), 300U);
}

TEST(Profile, RefusesImpossibleNumbersByTheirKey) {
  sim::HddProfile hdd = small_hdd();
  hdd.capacity_bytes = 1 * tib;
  EXPECT_EQ(sim::profile_fault(profile_of("hdd", hdd))->key, "zones");
  hdd = small_hdd();
  std::swap(hdd.seeks[0], hdd.seeks[1]);
  EXPECT_EQ(sim::profile_fault(profile_of("hdd", hdd))->key, "seek");
  sim::SsdProfile ssd = small_ssd();
  ssd.over_provisioned_bytes = 4 * kib;
  EXPECT_EQ(sim::profile_fault(profile_of("ssd", ssd))->key, "over_provisioned");
  EXPECT_EQ(sim::profile_fault(raid_of(sim::RaidLevel::striped_mirrors, 3))->key, "members");
  EXPECT_EQ(sim::profile_fault(raid_of(sim::RaidLevel::rotating_parity, 2))->key, "members");
  EXPECT_FALSE(sim::profile_fault(raid_of(sim::RaidLevel::rotating_parity, 3)));
}

}  // namespace
}  // namespace vhdlab::tests
