// A modelled storage device: takes requests at the present virtual time and tells, through the event queue,
// when each is done. No data moves; a device is what a request costs.
//
//   submit(read 4 KiB at 3 GiB) ─► seek, rotation, flash, network, ... ─► done.on_event(t, token)
//
// Implementations, one file each: server, hdd, ssd, shared_volume, raid, page_cache. All pass
// tests/conformance/device_conformance. profile.h says which one with which numbers.
#pragma once

#include <cstdint>

#include "engine/base/bytes.h"
#include "sim/time/event_queue.h"

namespace vhdlab::sim {

enum class RequestKind : uint8_t { read, write, flush };

// A flush has neither offset nor length; every other request has a length above zero and lies inside the
// device.
struct DeviceRequest {
  RequestKind kind = RequestKind::read;
  uint64_t offset_bytes = 0;
  uint64_t length_bytes = 0;

  [[nodiscard]] uint64_t end_bytes() const { return offset_bytes + length_bytes; }
};

// What no load can exceed for longer than the device's caches last.
struct DeviceLimits {
  double read_bytes_per_s = 0;
  double write_bytes_per_s = 0;
  double operations_per_s = 0;  // of the smallest requests
};

// One thread, one event queue. Requests are asynchronous: done is told once for each, never before submit
// returns, and outlives the request.
class Device {
 public:
  virtual ~Device() = default;

  [[nodiscard]] virtual uint64_t capacity_bytes() const = 0;
  [[nodiscard]] virtual DeviceLimits limits() const = 0;

  // A flush is done when every write submitted before it is on the medium.
  virtual void submit(const DeviceRequest& request, EventHandler& done, uint64_t token) = 0;

  // Takes note of a request that was carried out before the simulation began: it costs nothing and leaves the
  // device as it would be, with space used up and caches filled.
  virtual void remember(const DeviceRequest& /*request*/) {}
};

}  // namespace vhdlab::sim
