// Runs of a ledger; see content_snapshot.h.
#include "scenarios/workload/content_snapshot.h"

namespace vhdlab::scenarios {

ContentSnapshot ContentSnapshot::of(const ContentLedger& ledger) {
  ContentSnapshot snapshot;
  snapshot.disk_size_bytes_ = ledger.disk_size_bytes();
  std::vector<Run>& runs = snapshot.runs_;
  ledger.for_each_written_sector([&](uint64_t offset, uint32_t generation) {
    if (!runs.empty() && runs.back().range.end() == offset && runs.back().generation == generation) {
      runs.back().range.length += content_sector_bytes;
    } else {
      runs.push_back({{offset, content_sector_bytes}, generation});
    }
  });
  return snapshot;
}

std::unique_ptr<ContentLedger> ContentSnapshot::ledger() const {
  auto ledger = std::make_unique<ContentLedger>(disk_size_bytes_);
  for (const Run& run : runs_)
    ledger->record(run.range, run.generation);
  return ledger;
}

}  // namespace vhdlab::scenarios
