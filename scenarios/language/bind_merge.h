// Binds the measured steps that merge layers: `merge` of a chain at rest, `live_merge` while a workload goes
// on.
//
//   - merge: { name: merge, range: { from: 2, to: 5 }, order: one-pass }
//   - live_merge: { name: live, range: leaf, under: { write: { block_size: 64KiB } } }
#pragma once

#include "scenarios/language/scenario.h"
#include "scenarios/language/settings.h"
#include "scenarios/language/step_ground.h"
#include "scenarios/language/step_names.h"

namespace vhdlab::scenarios {

// The layers are those of a chain of ground.chain_depth; more is a finding.
[[nodiscard]] MeasuredMerge bind_merge(const Node& node, const StepGround& ground, Judge& judge,
                                       StepNames& names);
[[nodiscard]] MeasuredLiveMerge bind_live_merge(const Node& node, const StepGround& ground, Judge& judge,
                                                StepNames& names);

}  // namespace vhdlab::scenarios
