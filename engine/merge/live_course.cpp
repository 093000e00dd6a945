// Deciding between passes; see live_course.h.
#include "engine/merge/live_course.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/base/units.h"

namespace vhdlab {
namespace {

// A rate of 3 % less would need more than a hundred passes to make the rest a hundred times smaller.
bool has_stalled(uint64_t bytes_given, uint64_t bytes_left) {
  return bytes_left >= bytes_given - bytes_given / 32;
}

}  // namespace

LiveStep LiveCourse::after_pass(uint64_t bytes_merged, uint64_t bytes_left) {
  ++passes_;
  stalled_passes_ = has_stalled(bytes_merged, bytes_left) ? stalled_passes_ + 1 : 0;
  if (bytes_left <= limits_.pause_bytes_max) return LiveStep::end_in_pause;
  const bool goes_on = passes_ < limits_.passes_max && stalled_passes_ < limits_.stalled_passes_max;
  return goes_on ? LiveStep::another_pass : LiveStep::give_up;
}

std::string LiveCourse::why_not(const LivePass& last_pass) {
  const MergeRates rates = rates_of(last_pass.bytes_merged, last_pass.bytes_written, last_pass.duration_s);
  return fmt::format("cannot finish: the guest writes {}/s, the merge copies {}/s",
                     format_size(static_cast<uint64_t>(rates.write_bytes_per_s)),
                     format_size(static_cast<uint64_t>(rates.copy_bytes_per_s)));
}

MergeRates rates_of(uint64_t bytes_merged, uint64_t bytes_written, double seconds) {
  if (!(seconds > 0)) return {};
  return {.copy_bytes_per_s = static_cast<double>(bytes_merged) / seconds,
          .write_bytes_per_s = static_cast<double>(bytes_written) / seconds};
}

LiveForecast forecast(uint64_t bytes_merged, uint64_t bytes_to_merge, uint64_t bytes_written, double seconds,
                      uint64_t rate_limit_bytes_per_s) {
  LiveForecast expected{.rates = rates_of(bytes_merged, bytes_written, seconds), .seconds_left = {}};
  if (rate_limit_bytes_per_s > 0)
    expected.rates.copy_bytes_per_s =
        std::min(expected.rates.copy_bytes_per_s, static_cast<double>(rate_limit_bytes_per_s));
  const uint64_t left = bytes_to_merge - std::min(bytes_to_merge, bytes_merged) + bytes_written;
  expected.seconds_left = seconds_to_merge(left, expected.rates);
  return expected;
}

}  // namespace vhdlab
