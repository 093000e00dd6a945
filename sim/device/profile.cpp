// From numbers to a device, and what numbers cannot be.
#include "sim/device/profile.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/base/random.h"
#include "sim/device/hdd.h"
#include "sim/device/raid.h"
#include "sim/device/server.h"
#include "sim/device/shared_volume.h"
#include "sim/device/ssd.h"

namespace vhdlab::sim {
namespace {

using MaybeFault = std::optional<ProfileFault>;

MaybeFault fault_of(const ServerProfile& profile) {
  if (profile.service.count() == 0)
    return ProfileFault{"service", "a service that takes no time has no rate", "give it a duration"};
  return std::nullopt;
}

MaybeFault fault_of(const HddProfile& profile) {
  uint64_t sectors = 0;
  for (const auto& zone : profile.zones)
    sectors += uint64_t{zone.cylinders} * profile.surfaces * zone.sectors_per_track;
  if (sectors * 512 < profile.capacity_bytes) {
    return ProfileFault{"zones",
                        fmt::format("the zones hold {}, and the capacity is {}", format_size(sectors * 512),
                                    format_size(profile.capacity_bytes)),
                        "give more cylinders, surfaces or sectors per track, or a smaller capacity"};
  }
  if (profile.seeks.empty())
    return ProfileFault{"seek", "no seek times", "give at least [1, TIME], the seek to the next cylinder"};
  for (size_t i = 1; i < profile.seeks.size(); ++i) {
    const auto& before = profile.seeks[i - 1];
    const auto& after = profile.seeks[i];
    if (after.cylinders <= before.cylinders || after.time < before.time) {
      return ProfileFault{
          "seek",
          fmt::format("a seek over {} cylinders follows one over {}", after.cylinders, before.cylinders),
          "distances rise, and no longer seek takes less time"};
    }
  }
  return std::nullopt;
}

MaybeFault fault_of(const SsdProfile& profile) {
  if (profile.over_provisioned_bytes < profile.page_bytes * profile.pages_per_block) {
    return ProfileFault{"over_provisioned",
                        fmt::format("{} beyond the capacity is less than an erase block of {}",
                                    format_size(profile.over_provisioned_bytes),
                                    format_size(profile.page_bytes * profile.pages_per_block)),
                        "a drive needs spare flash to collect into; 7 % is the least in common use"};
  }
  if (profile.write_cache_bytes < profile.page_bytes) {
    return ProfileFault{"write_cache",
                        fmt::format("{} is less than a page of {}", format_size(profile.write_cache_bytes),
                                    format_size(profile.page_bytes)),
                        "a drive gathers at least one page before it programs it"};
  }
  return std::nullopt;
}

MaybeFault fault_of(const SharedVolumeProfile& profile) {
  if (profile.service.count() == 0)
    return ProfileFault{"service", "a service that takes no time has no rate", "give it a duration"};
  return std::nullopt;
}

MaybeFault fault_of(const RaidProfile& profile) {
  const bool mirrors = profile.level == RaidLevel::striped_mirrors;
  const bool fits = mirrors ? profile.members >= 2 && profile.members % 2 == 0 : profile.members >= 3;
  if (!fits) {
    return ProfileFault{"members",
                        fmt::format("{} members make no RAID {}", profile.members, mirrors ? 10 : 5),
                        mirrors ? "RAID 10 needs an even number" : "RAID 5 needs at least three"};
  }
  if (std::holds_alternative<RaidProfile>(profile.member->model))
    return ProfileFault{"member", "a RAID of RAIDs", "name a single device"};
  return profile_fault(*profile.member);
}

std::unique_ptr<Device> make(const ServerProfile& profile, EventQueue& events, uint64_t seed) {
  return std::make_unique<ServerDevice>(profile, events, seed);
}
std::unique_ptr<Device> make(const HddProfile& profile, EventQueue& events, uint64_t) {
  return std::make_unique<Hdd>(profile, events);
}
std::unique_ptr<Device> make(const SsdProfile& profile, EventQueue& events, uint64_t) {
  return std::make_unique<Ssd>(profile, events);
}
std::unique_ptr<Device> make(const SharedVolumeProfile& profile, EventQueue& events, uint64_t) {
  return std::make_unique<SharedVolume>(profile, events);
}
std::unique_ptr<Device> make(const RaidProfile& profile, EventQueue& events, uint64_t seed) {
  std::vector<std::unique_ptr<Device>> members;
  for (uint32_t member = 0; member < profile.members; ++member)
    members.push_back(make_device(*profile.member, events, mix64(seed + member)));
  return std::make_unique<Raid>(profile, std::move(members), events);
}

}  // namespace

std::optional<ProfileFault> profile_fault(const DeviceProfile& profile) {
  return std::visit([](const auto& model) { return fault_of(model); }, profile.model);
}

std::unique_ptr<Device> make_device(const DeviceProfile& profile, EventQueue& events, uint64_t seed) {
  return std::visit([&](const auto& model) { return make(model, events, seed); }, profile.model);
}

}  // namespace vhdlab::sim
