// Binds the steps of a scenario's tree at one point of its sweep: variables put in, percentages turned into
// bytes and blocks, every value judged.
#pragma once

#include <string>

#include "scenarios/language/document.h"
#include "scenarios/language/scenario.h"
#include "scenarios/language/settings.h"

namespace vhdlab::scenarios {

// Keys of the file's top level, in the order of the documentation.
[[nodiscard]] std::span<const std::string_view> top_level_keys();

// The disk, setup and measured steps of `root` (a mapping). What was reported is left at its default.
// `folder` is what relative trace paths written in the file (source 0) count from.
[[nodiscard]] ScenarioPoint bind_point(const Node& root, Judge& judge, const std::string& folder);

}  // namespace vhdlab::scenarios
