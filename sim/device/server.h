// A queue with servers behind it, the device queueing theory speaks of: requests cost the same wherever they
// go and whatever their length. What the simulator's arithmetic is held against.
#pragma once

#include "sim/device/profile.h"
#include "sim/time/random_stream.h"
#include "sim/time/server_pool.h"

namespace vhdlab::sim {

class ServerDevice final : public Device {
 public:
  ServerDevice(const ServerProfile& profile, EventQueue& events, uint64_t seed)
      : profile_(profile), events_(events), random_(seed, "service"), servers_(profile.servers) {}

  uint64_t capacity_bytes() const override { return profile_.capacity_bytes; }
  DeviceLimits limits() const override;
  void submit(const DeviceRequest& request, EventHandler& done, uint64_t token) override;

 private:
  ServerProfile profile_;
  EventQueue& events_;
  RandomStream random_;
  ServerPool servers_;
  VirtualTime last_write_end_{};
};

}  // namespace vhdlab::sim
