// Keeps a copy to a rate, so that others on the same device are served meanwhile. Pure: it is told the time
// and answers how long to wait.
#pragma once

#include <cstdint>

#include "engine/base/units.h"

namespace vhdlab {

class Pace {
 public:
  // 0 means as fast as possible. `start` is the present moment of the clock the caller goes by.
  Pace(uint64_t bytes_per_s, Nanoseconds start) : bytes_per_s_(bytes_per_s), free_at_(start) {}

  // How long to wait at `now` before `bytes` more may go; counts them as gone. Time in which nothing went is
  // not saved up.
  [[nodiscard]] Nanoseconds wait_before(uint64_t bytes, Nanoseconds now);

  // How much may go in one piece so that waits stay short: a tenth of a second's worth, as a power of
  // two, at least 64 KiB.
  [[nodiscard]] uint64_t piece_bytes_max(uint64_t unlimited) const;

 private:
  uint64_t bytes_per_s_;
  Nanoseconds free_at_;  // when what went so far is paid for
};

}  // namespace vhdlab
