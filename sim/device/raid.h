// Several devices as one.
//
//   RAID 10   units alternate over mirrored pairs; a read goes to the mirror with less to do, a write to both
//   RAID 5    one unit of each stripe is parity, on another member each time; a write of less than a stripe
//             reads the old data and the old parity before it writes both: four requests for one
#pragma once

#include <memory>
#include <vector>

#include "sim/device/profile.h"

namespace vhdlab::sim {

class Raid final : public Device, private EventHandler {
 public:
  // `members` are equal.
  Raid(const RaidProfile& profile, std::vector<std::unique_ptr<Device>> members, EventQueue& events);

  uint64_t capacity_bytes() const override;
  DeviceLimits limits() const override;
  void submit(const DeviceRequest& request, EventHandler& done, uint64_t token) override;
  void remember(const DeviceRequest& request) override;

 private:
  struct Part {
    uint32_t member;
    DeviceRequest request;
  };
  struct Operation {
    EventHandler* done = nullptr;
    uint64_t token = 0;
    uint32_t parts_left = 0;
    std::vector<Part> then;  // what follows when all parts are done
  };

  void on_event(VirtualTime now, uint64_t token) override;
  void submit_parts(uint32_t operation, const std::vector<Part>& parts);
  void split(const DeviceRequest& request, std::vector<Part>& first, std::vector<Part>& then) const;
  void split_mirrors(const DeviceRequest& unit, uint64_t index, std::vector<Part>& first) const;
  void split_parity(const DeviceRequest& unit, uint64_t index, bool whole_stripe, std::vector<Part>& first,
                    std::vector<Part>& then) const;
  [[nodiscard]] uint64_t data_members() const;

  RaidProfile profile_;
  std::vector<std::unique_ptr<Device>> members_;
  EventQueue& events_;
  std::vector<Operation> operations_;
  std::vector<uint32_t> unused_operations_;
  std::vector<uint32_t> outstanding_;  // by member
};

}  // namespace vhdlab::sim
