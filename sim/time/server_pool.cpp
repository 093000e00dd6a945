// First come, first served; see server_pool.h.
#include "sim/time/server_pool.h"

#include <algorithm>
#include <functional>

namespace vhdlab::sim {

VirtualTime ServerPool::serve(VirtualTime arrival, Nanoseconds service) {
  busy_ += service;
  if (free_at_.size() == 1) {
    free_at_[0] = std::max(free_at_[0], arrival) + service;
    return free_at_[0];
  }
  std::ranges::pop_heap(free_at_, std::greater{});
  const VirtualTime end = std::max(free_at_.back(), arrival) + service;
  free_at_.back() = end;
  std::ranges::push_heap(free_at_, std::greater{});
  return end;
}

}  // namespace vhdlab::sim
