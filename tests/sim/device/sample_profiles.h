// Devices for tests, small enough to fill: numbers of no product, chosen so that effects show.
#pragma once

#include "sim/device/profile.h"

namespace vhdlab::tests {

inline sim::HddProfile small_hdd() {
  using std::chrono::microseconds;
  return {.capacity_bytes = 8 * gib,
          .rotations_per_minute = 7200,
          .surfaces = 4,
          .zones = {{3000, 1600}, {3000, 1000}},
          .seeks = {{1, microseconds(800)}, {100, microseconds(2000)}, {6000, microseconds(12000)}},
          .track_switch = microseconds(600),
          .write_settle = microseconds(400),
          .overhead = microseconds(100),
          .interface_bytes_per_s = 500'000'000,
          .queue_depth = 32,
          .read_ahead_bytes = 1 * mib};
}

inline sim::SsdProfile small_ssd() {
  using std::chrono::microseconds;
  return {.capacity_bytes = 256 * mib,
          .over_provisioned_bytes = 64 * mib,
          .channels = 4,
          .dies_per_channel = 2,
          .page_bytes = 16 * kib,
          .pages_per_block = 64,
          .read = microseconds(60),
          .program = microseconds(600),
          .erase = microseconds(3000),
          .channel_bytes_per_s = 600'000'000,
          .interface_bytes_per_s = 550'000'000,
          .command = microseconds(5),
          .latency = microseconds(20),
          .queue_depth = 32,
          .write_cache_bytes = 4 * mib,
          .cache_survives_power_loss = false};
}

inline sim::SharedVolumeProfile small_volume() {
  using std::chrono::microseconds;
  return {.capacity_bytes = 8 * gib,
          .round_trip = microseconds(300),
          .bytes_per_s = 1'000'000'000,
          .servers = 16,
          .service = microseconds(400),
          .operations_per_s_max = 5000,
          .normalized_bytes = 8 * kib,
          .burst_operations = 100};
}

inline sim::DeviceProfile profile_of(std::string name, decltype(sim::DeviceProfile::model) model) {
  return {.name = std::move(name), .summary = "for tests", .model = std::move(model)};
}

inline sim::DeviceProfile raid_of(sim::RaidLevel level, uint32_t members) {
  return profile_of(
      level == sim::RaidLevel::striped_mirrors ? "Raid10" : "Raid5",
      sim::RaidProfile{.level = level,
                       .members = members,
                       .stripe_unit_bytes = 64 * kib,
                       .overhead = std::chrono::microseconds(20),
                       .member = std::make_shared<const sim::DeviceProfile>(profile_of("hdd", small_hdd()))});
}

}  // namespace vhdlab::tests
