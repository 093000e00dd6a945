// The law of iterated copying; see merge_time.h.
#include "engine/merge/merge_time.h"

namespace vhdlab {

std::optional<double> seconds_to_merge(uint64_t bytes, const MergeRates& rates) {
  if (bytes == 0) return 0.0;
  const double gain_bytes_per_s = rates.copy_bytes_per_s - rates.write_bytes_per_s;
  if (!(gain_bytes_per_s > 0)) return std::nullopt;
  return static_cast<double>(bytes) / gain_bytes_per_s;
}

}  // namespace vhdlab
