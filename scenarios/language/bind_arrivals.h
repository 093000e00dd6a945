// `arrivals` of a read, write or mixed step: how often operations come from outside.
//
//   - read: { name: reads, arrivals: { rate: 500/s }, queue_depth: 64, operations: 100000 }
#pragma once

#include <optional>
#include <string_view>

#include "scenarios/language/scenario.h"
#include "scenarios/language/settings.h"

namespace vhdlab::scenarios {

// "500/s" and "0.5/s" as 500 and 0.5; nothing for any other text.
[[nodiscard]] std::optional<double> rate_per_s_in(std::string_view text);

// The step's arrivals, or nothing where it has none or they are a finding.
[[nodiscard]] std::optional<Arrivals> bind_arrivals(Settings& step);

}  // namespace vhdlab::scenarios
