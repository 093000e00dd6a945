// The simulated machine under a chain: processors, page cache, one device and the volume on it, in virtual
// time. What a request costs is decided here; what is asked for, above.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "scenarios/targets/perform_virtual.h"
#include "sim/device/page_cache.h"
#include "sim/device/profile.h"

namespace vhdlab::scenarios {

// One thread, as everything in virtual time.
class SimHost {
 public:
  explicit SimHost(const sim::DeviceProfile& profile) { plug_in(profile, 0); }

  // A new device in a world of its own, so that equal calls cost the same whatever was done before; only
  // now() goes on.
  void plug_in(const sim::DeviceProfile& profile, uint64_t seed);

  [[nodiscard]] Nanoseconds now() const { return earlier_ + events_->now().time_since_epoch(); }
  [[nodiscard]] sim::VirtualTime virtual_now() const { return events_->now(); }
  [[nodiscard]] sim::Volume& volume() { return *volume_; }

  // What runs on it sees this; `direct` goes past the page cache.
  [[nodiscard]] VirtualMachineRoom room(bool direct);

  // Processor time of an operation that looked at this many layers, took in these table pages and sent these
  // requests, those for the pages among them.
  [[nodiscard]] Nanoseconds processor_time(uint64_t probes, uint64_t table_pages,
                                           const std::vector<sim::FileRequest>& requests) const;

  [[nodiscard]] Nanoseconds probe_time(uint64_t probes) const {
    return static_cast<int64_t>(probes) * host_.layer_probe;
  }

  // Whether its file system lets files share extents, and the processor time for so many.
  [[nodiscard]] bool can_share() const { return host_.share.has_value(); }
  [[nodiscard]] Nanoseconds sharing_time(uint64_t extents) const {
    return static_cast<int64_t>(extents) * host_.share.value_or(Nanoseconds(0));
  }

  // A request of the setup: takes no time, but device and page cache know of it. Faults: sim-device-full.
  Result<void> remember(const sim::FileRequest& request);
  // Has the page cache hold what was remembered last.
  void warm_cache();

  // Lets virtual time pass for these requests, one after the other, through the page cache.
  Result<void> pay(std::vector<sim::FileRequest> requests);

  // What was remembered for the page cache is of a disk that is gone.
  void forget_setup();

 private:
  sim::HostProfile host_;
  Nanoseconds earlier_{0};
  std::unique_ptr<sim::EventQueue> events_;
  std::unique_ptr<sim::Device> device_;
  std::unique_ptr<sim::PageCache> cache_;
  std::unique_ptr<sim::Volume> volume_;
  sim::ServerPool processors_;
  std::deque<sim::DeviceRequest> recent_;  // what setup wrote last, as much as the page cache holds
  uint64_t recent_bytes_ = 0;
};

}  // namespace vhdlab::scenarios
