// A hard disk: one arm, one request at a time, and a queue from which the drive takes the request its head
// can reach soonest (shortest positioning time first).
//
//   request ─► overhead ─► seek by distance ─► wait for the sector to come round ─► zone's transfer rate
//
// Angles are times: a point of a track is where it passes the head within one rotation, in nanoseconds.
#pragma once

#include <vector>

#include "sim/device/profile.h"

namespace vhdlab::sim {

// The time of a seek over this many cylinders by the profile's points; 0 for none.
[[nodiscard]] Nanoseconds seek_time(const HddProfile& profile, uint64_t cylinders);

class Hdd final : public Device, private EventHandler {
 public:
  Hdd(const HddProfile& profile, EventQueue& events);

  uint64_t capacity_bytes() const override { return profile_.capacity_bytes; }
  DeviceLimits limits() const override;
  void submit(const DeviceRequest& request, EventHandler& done, uint64_t token) override;

 private:
  struct Waiting {
    DeviceRequest request;
    EventHandler* done;
    uint64_t token;
    VirtualTime since;
  };
  struct ZoneStart {
    uint64_t first_sector;
    uint64_t first_track;
    uint64_t first_cylinder;
    uint32_t sectors_per_track;
  };
  struct Position {
    uint64_t cylinder;
    uint64_t track;
    uint64_t sector;  // within the track
    uint32_t sectors_per_track;
  };

  void on_event(VirtualTime now, uint64_t token) override;
  void start_next();
  [[nodiscard]] Position position_of(uint64_t sector) const;
  [[nodiscard]] bool continues_last_read(const DeviceRequest& request) const;
  [[nodiscard]] Nanoseconds positioning(const DeviceRequest& request) const;
  [[nodiscard]] Nanoseconds transfer(const DeviceRequest& request) const;
  [[nodiscard]] size_t choose() const;

  HddProfile profile_;
  EventQueue& events_;
  Nanoseconds rotation_;
  std::vector<ZoneStart> zones_;
  std::vector<Waiting> waiting_;  // in the order of arrival; flushes among them
  std::optional<Waiting> current_;
  uint64_t head_cylinder_ = 0;
  uint64_t last_read_end_ = UINT64_MAX;
  VirtualTime last_read_time_{};
};

}  // namespace vhdlab::sim
