// What is a live merge's own among its settings: how fast it may copy, and when it stops trying.
//
//   - live_merge: { name: merge, range: all, rate_limit: 50MiB/s, pause_below: 16MiB, passes: 10,
//                   under: { write: { arrivals: { rate: 800/s } } } }
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/merge/live_course.h"
#include "scenarios/language/settings.h"

namespace vhdlab::scenarios {

// "50MiB/s" in bytes; nothing for any other text.
[[nodiscard]] std::optional<uint64_t> bytes_per_s_in(std::string_view text);

// `rate_limit`; 0 where it is absent, "unlimited" or a finding.
[[nodiscard]] uint64_t bind_rate_limit(Settings& step);

// `pause_below` and `passes`.
[[nodiscard]] LiveLimits bind_live_limits(Settings& step);

}  // namespace vhdlab::scenarios
