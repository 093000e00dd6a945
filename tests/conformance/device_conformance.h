// What every Device must do, written once. A model joins by saying how to make one of it:
//
//   INSTANTIATE_TEST_SUITE_P(Devices, DeviceConformance, testing::Values(DeviceImplementation{"Hdd", ...}));
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "tests/sim/device/load.h"

namespace vhdlab::tests {

struct DeviceImplementation {
  std::string name;
  std::function<std::unique_ptr<sim::Device>(sim::EventQueue&, uint64_t seed)> make;

  friend void PrintTo(const DeviceImplementation& implementation, std::ostream* to) {
    *to << implementation.name;
  }
};

class DeviceConformance : public testing::TestWithParam<DeviceImplementation> {
 protected:
  // Reads, writes and flushes of all sizes at all places.
  [[nodiscard]] static Load::NextRequest mixture(const sim::Device& device) {
    return [&device, random = sim::RandomStream(3, "mixture")](uint64_t index) mutable {
      if (index % 37 == 36) return sim::DeviceRequest{.kind = sim::RequestKind::flush};
      const uint64_t length = (1 + random.below(index % 5 == 0 ? 300 : 8)) * 4 * kib;
      const uint64_t offset = random.below((device.capacity_bytes() - length) / 512) * 512;
      return sim::DeviceRequest{random.below(2) == 0 ? sim::RequestKind::read : sim::RequestKind::write,
                                offset, length};
    };
  }

  [[nodiscard]] static LoadOutcome run_mixture(uint64_t seed) {
    sim::EventQueue events;
    const auto device = GetParam().make(events, seed);
    return Load(events, *device, 3000, mixture(*device)).closed(24);
  }

  [[nodiscard]] static LoadOutcome run(sim::RequestKind kind, uint64_t length_bytes, bool in_order) {
    sim::EventQueue events;
    const auto device = GetParam().make(events, 1);
    auto next = in_order ? in_sequence(kind, length_bytes) : at_random(*device, kind, length_bytes);
    return Load(events, *device, 4000, std::move(next)).closed(32);
  }

  [[nodiscard]] static sim::DeviceLimits limits() {
    sim::EventQueue events;
    return GetParam().make(events, 1)->limits();
  }
};

TEST_P(DeviceConformance, CompletesEveryRequestOnceAndInTime) {
  // Goal: no request is lost or answered twice, and completions never go back in time.
  const LoadOutcome outcome = run_mixture(1);
  EXPECT_EQ(outcome.completed, 3000U);
  EXPECT_EQ(std::ranges::count(outcome.completions_of, 1U), 3000);
  EXPECT_FALSE(outcome.time_ran_backwards);
  EXPECT_GT(outcome.end, sim::VirtualTime{});
}

TEST_P(DeviceConformance, BehavesTheSameForTheSameSeed) {
  EXPECT_EQ(run_mixture(5).completion_times_ns, run_mixture(5).completion_times_ns);
}

TEST_P(DeviceConformance, ObeysLittlesLaw) {
  // Goal: requests in the device = rate x time in it, here as an exact sum. Method: both sides counted apart.
  const LoadOutcome outcome = run_mixture(1);
  EXPECT_DOUBLE_EQ(outcome.in_system_ns, outcome.latency_ns_sum);
}

TEST_P(DeviceConformance, StaysBelowItsOwnLimits) {
  // Goal: no load gets more than the device says it can give. Method: sequential and random, small and large,
  // 32 in flight; writes far beyond what a cache could take.
  constexpr double rounding = 1.005;  // requests are done in groups, and a half may end inside one
  constexpr uint64_t length = 64 * kib;
  for (const bool in_order : {true, false}) {
    const double small = run(sim::RequestKind::read, 4 * kib, in_order).sustained_operations_per_s();
    EXPECT_LE(small, limits().operations_per_s * rounding) << in_order;
    const double read = run(sim::RequestKind::read, length, in_order).sustained_operations_per_s();
    EXPECT_LE(read * length, limits().read_bytes_per_s * rounding) << in_order;
    const double written = run(sim::RequestKind::write, length, in_order).sustained_operations_per_s();
    EXPECT_LE(written * length, limits().write_bytes_per_s * rounding) << in_order;
  }
}

TEST_P(DeviceConformance, FlushFollowsTheWritesBeforeIt) {
  // Goal: a flush is done after every write submitted before it. Method: writes and then a flush at one
  // instant.
  sim::EventQueue events;
  const auto device = GetParam().make(events, 1);
  const LoadOutcome outcome = Load(events, *device, 9, [](uint64_t index) {
                                if (index == 8) return sim::DeviceRequest{.kind = sim::RequestKind::flush};
                                return sim::DeviceRequest{sim::RequestKind::write, index * 9 * mib, 4 * kib};
                              }).closed(9);
  ASSERT_EQ(outcome.completed, 9U);
  EXPECT_EQ(std::ranges::max(outcome.completion_times_ns), outcome.completion_times_ns.back());
}

}  // namespace vhdlab::tests
