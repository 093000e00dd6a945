// Applies the --set arguments to the tree of a scenario, before anything is judged. What they put in keeps
// its place in the argument, so that a finding in it points there.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "scenarios/language/document.h"

namespace vhdlab::scenarios {

// Names of the sweep variables that were overridden.
[[nodiscard]] std::set<std::string, std::less<>> apply_overrides(Node& root,
                                                                 const std::vector<std::string>& overrides,
                                                                 FindingCollector& findings);

}  // namespace vhdlab::scenarios
