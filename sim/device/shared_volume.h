// A volume of an array at the other end of a network, limited as storage quality of service limits it.
//
//   request ─► wait for tokens ─► network ─► one of the array's servers ─► network ─► done
#pragma once

#include "sim/device/profile.h"
#include "sim/time/server_pool.h"

namespace vhdlab::sim {

class SharedVolume final : public Device {
 public:
  SharedVolume(const SharedVolumeProfile& profile, EventQueue& events)
      : profile_(profile), events_(events), array_(profile.servers) {}

  uint64_t capacity_bytes() const override { return profile_.capacity_bytes; }
  DeviceLimits limits() const override;
  void submit(const DeviceRequest& request, EventHandler& done, uint64_t token) override;

 private:
  [[nodiscard]] VirtualTime take_tokens(uint64_t operations);

  SharedVolumeProfile profile_;
  EventQueue& events_;
  ServerPool to_array_;
  ServerPool array_;
  ServerPool from_array_;
  VirtualTime bucket_full_at_{};  // when the bucket would be full if nothing more were asked
  VirtualTime last_write_end_{};
};

}  // namespace vhdlab::sim
