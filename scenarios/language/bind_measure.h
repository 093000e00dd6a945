// Binds `measure`: the list of steps whose numbers are the answer. Each is a word with its settings; this
// file knows the words, the files beside it what belongs to each.
#pragma once

#include <vector>

#include "scenarios/language/scenario.h"
#include "scenarios/language/settings.h"
#include "scenarios/language/step_ground.h"

namespace vhdlab::scenarios {

// Where nothing was reported, the steps of the section one for one, with distinct names.
[[nodiscard]] std::vector<MeasuredStep> bind_measure(const Node& root, const StepGround& ground,
                                                     Judge& judge);

}  // namespace vhdlab::scenarios
