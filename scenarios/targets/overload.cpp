// Telling a growing queue from a busy one; see overload.h.
#include "scenarios/targets/overload.h"

#include <algorithm>

#include <fmt/format.h>

namespace vhdlab::scenarios {
namespace {

// One server at 95 % load has 19 operations in it on average, and rarely 100 (M/M/1: 0.6 % of the time).
constexpr uint64_t behind_min = 100;
// Arrivals at 102 % of what is answered leave two in a hundred behind, however long it goes on.
constexpr double behind_share_min = 0.02;

double in_seconds(Nanoseconds time) {
  return static_cast<double>(time.count()) * 1e-9;
}

}  // namespace

uint64_t operations_behind(const ArrivalsSeen& seen) {
  double behind = 0;
  if (seen.deadline && seen.next_due && *seen.next_due < *seen.deadline)
    behind += in_seconds(*seen.deadline - *seen.next_due) * seen.per_second;
  const Nanoseconds arrivals_end = seen.deadline.value_or(seen.last_due);
  if (seen.last_done > arrivals_end) {
    behind += static_cast<double>(seen.done) * in_seconds(seen.last_done - arrivals_end) /
              in_seconds(seen.last_done);
  }
  return static_cast<uint64_t>(behind);
}

std::optional<reports::Note> overload_note(const PerformOutcome& outcome, const PerformSettings& settings) {
  if (!settings.arrivals_per_s || outcome.operations_behind < behind_min) return std::nullopt;
  const uint64_t done = std::max<uint64_t>(outcome.all.operations, 1);
  if (static_cast<double>(outcome.operations_behind) < behind_share_min * static_cast<double>(done))
    return std::nullopt;
  const double answered = static_cast<double>(done) / std::max(outcome.duration_s, 1e-9);
  return reports::Note{
      reports::Note::Severity::warning, "overload",
      fmt::format(
          "operations arrive at {:.6g}/s and {:.6g}/s are answered: about {} were waiting when the last "
          "one arrived, so latencies grow with the length of the step and say nothing else",
          *settings.arrivals_per_s, answered, outcome.operations_behind)};
}

}  // namespace vhdlab::scenarios
