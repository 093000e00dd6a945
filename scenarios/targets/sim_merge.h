// Moves the union of a merge's sources into its target, where files hold no bytes: what each piece of it is
// asked for is priced, and virtual time passes.
#pragma once

#include "scenarios/targets/sim_chain.h"
#include "scenarios/targets/sim_host.h"
#include "scenarios/targets/target.h"

namespace vhdlab::scenarios {

inline constexpr uint64_t move_piece_bytes = 4 * mib;  // as the engine's merge moves

// The layers stay: all above the target are the caller's to drop. Adds to bytes moved and zeroed, and raises
// the peak of free space. Faults: merge-interrupted, sim-device-full.
[[nodiscard]] Result<void> move_layers(SimChain& chain, SimHost& host, MergeRange range,
                                       reports::MergeTotals& totals, const StepProgress& progress,
                                       const StopRequested& stop);

}  // namespace vhdlab::scenarios
