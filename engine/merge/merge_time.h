// How long a merge takes, and whether it ends at all. Pure arithmetic over rates.
//
// A merge under a running machine copies a delta D at rate C while new writes pile up at rate W. What piled
// up meanwhile is the next delta, so the times add up to D/C + (D/C)(W/C) + ... = D / (C - W): for W >= C it
// never ends.
#pragma once

#include <cstdint>
#include <optional>

namespace vhdlab {

struct MergeRates {
  double copy_bytes_per_s = 0;
  double write_bytes_per_s = 0;  // that must be copied in their turn; 0 where the machine is off
};

// Seconds until `bytes` are merged and everything written meanwhile as well; nothing where that never
// happens, or cannot be told because nothing has been copied yet.
[[nodiscard]] std::optional<double> seconds_to_merge(uint64_t bytes, const MergeRates& rates);

}  // namespace vhdlab
