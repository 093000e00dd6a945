// From the engine's words to the record's; see live_totals.h.
#include "scenarios/targets/live_totals.h"

namespace vhdlab::scenarios {

reports::LiveMergeTotals live_totals_of(const LiveMergeOutcome& outcome) {
  reports::LiveMergeTotals totals{.finished = outcome.finished,
                                  .explanation = outcome.explanation,
                                  .estimated_s = outcome.estimated_s,
                                  .passes = {}};
  for (const LivePass& pass : outcome.passes)
    totals.passes.push_back({pass.bytes_merged, pass.duration_s, pass.pause_s, pass.bytes_written});
  return totals;
}

}  // namespace vhdlab::scenarios
