// Servers that take work in the order it arrives: one for a link or a bus, several for the processors of a
// host. Because the order is first come, first served, a piece of work's end is known the moment it arrives,
// and no event is needed for its beginning.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/time/virtual_time.h"

namespace vhdlab::sim {

class ServerPool {
 public:
  // Promised by the caller: servers > 0.
  explicit ServerPool(uint32_t servers = 1) : free_at_(servers) {}

  // When work that arrives at `arrival` and takes `service` ends. Promised by the caller: calls come in the
  // order of arrival.
  [[nodiscard]] VirtualTime serve(VirtualTime arrival, Nanoseconds service);

  // Time all servers together have worked, of the work taken so far.
  [[nodiscard]] Nanoseconds busy() const { return busy_; }

 private:
  std::vector<VirtualTime> free_at_;  // a heap, the earliest first
  Nanoseconds busy_{0};
};

}  // namespace vhdlab::sim
