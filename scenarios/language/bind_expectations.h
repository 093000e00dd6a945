// Binds `expect`: what a run's numbers are held against. Each expectation names a metric of a measured step,
// the points of the sweep it speaks of, and a limit, which is a value or a share of the value at another
// point.
//
//   - { metric: reads.iops, at: { depth: 16 }, relative_to: { depth: 0 }, at_least: 40% }
#pragma once

#include <functional>
#include <set>
#include <string>

#include "scenarios/language/document.h"
#include "scenarios/language/scenario.h"
#include "scenarios/language/settings.h"

namespace vhdlab::scenarios {

// Sets the scenario's expectations; its sweep and points are bound already. What speaks of a value that --set
// took out of a sweep in `overridden` is left out, with a note.
void bind_expectations(const Node& root, const std::set<std::string, std::less<>>& overridden,
                       Scenario& scenario, Judge& judge);

}  // namespace vhdlab::scenarios
