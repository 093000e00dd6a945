// The operating system's page cache before a device: pages of 4 KiB, the least recently used one makes room.
// What is in it costs the device nothing; the processor's share is the host's to count.
//
//   read   ─► pages that are missing are read, in runs, and kept
//   write  ─► kept and dirty; done at once while few pages are dirty, else after some were written back
//   flush  ─► every dirty page is written, in order of address, then the device is flushed
#pragma once

#include <deque>
#include <memory>
#include <set>
#include <unordered_map>
#include <vector>

#include "sim/device/device.h"

namespace vhdlab::sim {

class PageCache final : public Device, private EventHandler {
 public:
  // Promised by the caller: size_bytes is at least one page.
  PageCache(uint64_t size_bytes, Device& device, EventQueue& events);

  uint64_t capacity_bytes() const override { return device_.capacity_bytes(); }
  DeviceLimits limits() const override;
  void submit(const DeviceRequest& request, EventHandler& done, uint64_t token) override;
  void remember(const DeviceRequest& request) override;

  [[nodiscard]] uint64_t pages_hit() const { return hits_; }
  [[nodiscard]] uint64_t pages_missed() const { return misses_; }

 private:
  static constexpr uint64_t page_bytes = 4 * kib;
  static constexpr uint32_t none = UINT32_MAX;

  struct Slot {
    uint64_t page = 0;
    uint32_t newer = none;
    uint32_t older = none;
  };
  struct Operation {
    EventHandler* done = nullptr;
    uint64_t token = 0;
    uint32_t parts_left = 0;
    bool then_flush = false;
  };

  void on_event(VirtualTime now, uint64_t token) override;
  [[nodiscard]] bool touch(uint64_t page);  // whether it was there; it is now, as the newest
  void unlink(uint32_t slot);
  void link_as_newest(uint32_t slot);
  [[nodiscard]] uint32_t begin(EventHandler& done, uint64_t token);
  void submit_part(uint32_t operation, const DeviceRequest& request);
  void finish_if_done(uint32_t operation);
  void write_back(uint32_t operation, uint64_t pages_kept);

  uint64_t pages_max_;
  Device& device_;
  EventQueue& events_;
  std::vector<Slot> slots_;
  std::unordered_map<uint64_t, uint32_t> slot_of_;  // looked up, never walked: no order follows from it
  uint32_t newest_ = none;
  uint32_t oldest_ = none;
  std::set<uint64_t> dirty_;
  std::vector<Operation> operations_;
  std::vector<uint32_t> unused_operations_;
  uint32_t evicting_ = none;  // the operation evicted dirty pages belong to
  uint64_t hits_ = 0;
  uint64_t misses_ = 0;
};

}  // namespace vhdlab::sim
