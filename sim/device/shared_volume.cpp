// Tokens, network and array; see shared_volume.h.
#include "sim/device/shared_volume.h"

#include <algorithm>

namespace vhdlab::sim {

DeviceLimits SharedVolume::limits() const {
  const double array = profile_.servers / seconds(profile_.service);
  const double granted =
      profile_.operations_per_s_max ? static_cast<double>(*profile_.operations_per_s_max) : array;
  const double operations = std::min(array, granted);
  double bytes = static_cast<double>(profile_.bytes_per_s);
  if (profile_.operations_per_s_max)
    bytes = std::min(bytes, granted * static_cast<double>(profile_.normalized_bytes));
  return {.read_bytes_per_s = bytes, .write_bytes_per_s = bytes, .operations_per_s = operations};
}

// The bucket as a time (the generic cell rate algorithm): exact in whole nanoseconds at any rate.
VirtualTime SharedVolume::take_tokens(uint64_t operations) {
  if (!profile_.operations_per_s_max) return events_.now();
  const uint64_t rate = *profile_.operations_per_s_max;
  const Nanoseconds saved = time_for(std::max(profile_.burst_operations, operations), rate);
  bucket_full_at_ = std::max(bucket_full_at_, events_.now()) + time_for(operations, rate);
  return std::max(events_.now(), bucket_full_at_ - saved);
}

void SharedVolume::submit(const DeviceRequest& request, EventHandler& done, uint64_t token) {
  if (request.kind == RequestKind::flush) {
    events_.schedule(std::max(events_.now() + profile_.round_trip, last_write_end_), done, token);
    return;
  }
  const VirtualTime granted = take_tokens(divide_up(request.length_bytes, profile_.normalized_bytes));
  const Nanoseconds carrying = time_for(request.length_bytes, profile_.bytes_per_s);
  const bool is_write = request.kind == RequestKind::write;
  const VirtualTime sent = to_array_.serve(granted, is_write ? carrying : Nanoseconds(0));
  const VirtualTime served = array_.serve(sent + profile_.round_trip / 2, profile_.service);
  const VirtualTime received = from_array_.serve(served, is_write ? Nanoseconds(0) : carrying);
  const VirtualTime end = received + profile_.round_trip / 2;
  if (is_write) last_write_end_ = std::max(last_write_end_, end);
  events_.schedule(end, done, token);
}

}  // namespace vhdlab::sim
