// Pacing; see pace.h.
#include "engine/merge/pace.h"

#include <algorithm>
#include <bit>

#include "engine/base/bytes.h"

namespace vhdlab {

Nanoseconds Pace::wait_before(uint64_t bytes, Nanoseconds now) {
  if (bytes_per_s_ == 0) return Nanoseconds{0};
  const Nanoseconds begin = std::max(now, free_at_);
  const double cost_ns = static_cast<double>(bytes) * 1e9 / static_cast<double>(bytes_per_s_);
  free_at_ = begin + Nanoseconds(static_cast<int64_t>(cost_ns));
  return begin - now;
}

uint64_t Pace::piece_bytes_max(uint64_t unlimited) const {
  if (bytes_per_s_ == 0) return unlimited;
  return std::clamp(std::bit_floor(bytes_per_s_ / 10), 64 * kib, unlimited);
}

}  // namespace vhdlab
