// From the engine's words to the record's; see record_parts.h.
#include "scenarios/targets/record_parts.h"

#include <filesystem>

namespace vhdlab::scenarios {
namespace {

reports::LiveMergeTotals live_totals_of(const LiveMergeOutcome& outcome) {
  reports::LiveMergeTotals totals{.finished = outcome.finished,
                                  .explanation = outcome.explanation,
                                  .estimated_s = outcome.estimated_s,
                                  .passes = {}};
  for (const LivePass& pass : outcome.passes)
    totals.passes.push_back({pass.bytes_merged, pass.duration_s, pass.pause_s, pass.bytes_written});
  return totals;
}

}  // namespace

reports::FileTraffic traffic_of(const std::string& path, const FileCounters& counters) {
  return {.file = std::filesystem::path(path).filename().string(),
          .read_operations = counters.reads,
          .write_operations = counters.writes,
          .bytes_read = counters.read_bytes,
          .bytes_written = counters.written_bytes,
          .flushes = counters.flushes};
}

std::vector<reports::BlockStateCount> block_states_of(const vhdx::BlockCensus& census) {
  return {{"fully present", census.fully_present},
          {"partially present", census.partially_present},
          {"zero", census.zeroed},
          {"not present", census.not_present}};
}

void add_traffic(MergeMeasurement& measured) {
  for (const reports::FileTraffic& file : measured.files) {
    measured.totals.bytes_read += file.bytes_read;
    measured.totals.bytes_written += file.bytes_written;
  }
}

void note_outcome(const LiveMergeOutcome& outcome, LiveMergeMeasurement& measured) {
  measured.merge.duration_s = outcome.duration_s;
  measured.merge.totals.bytes_moved = outcome.totals.bytes_copied;
  measured.merge.totals.bytes_zeroed = outcome.totals.bytes_zeroed;
  measured.live = live_totals_of(outcome);
}

}  // namespace vhdlab::scenarios
