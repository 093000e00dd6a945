// The theory's queue as a device; see server.h.
#include "sim/device/server.h"

#include <algorithm>

namespace vhdlab::sim {

DeviceLimits ServerDevice::limits() const {
  const double operations = profile_.servers / seconds(profile_.service);
  const double bytes = operations * static_cast<double>(profile_.capacity_bytes);
  return {.read_bytes_per_s = bytes, .write_bytes_per_s = bytes, .operations_per_s = operations};
}

void ServerDevice::submit(const DeviceRequest& request, EventHandler& done, uint64_t token) {
  if (request.kind == RequestKind::flush) {
    events_.schedule(std::max(events_.now(), last_write_end_), done, token);
    return;
  }
  const Nanoseconds service = profile_.exponential ? random_.exponential(profile_.service) : profile_.service;
  const VirtualTime end = servers_.serve(events_.now(), service);
  if (request.kind == RequestKind::write) last_write_end_ = std::max(last_write_end_, end);
  events_.schedule(end, done, token);
}

}  // namespace vhdlab::sim
