// Pricing batches; see sim_merge.h.
#include "scenarios/targets/sim_merge.h"

#include <algorithm>
#include <utility>

namespace vhdlab::scenarios {

SimMerge::SimMerge(SimChain& files, SimHost& host, MergeRange range, uint64_t batch_bytes)
    : files_(files),
      host_(host),
      chain_(files.open(OpenMode::read_only, memory_)),
      target_(files.open_layer(*files.files()[range.target], OpenMode::read_write, memory_)),
      target_number_(files.files()[range.target]->number),
      planner_(chain_.layers(), range, *target_, {}, batch_bytes) {
  files_.recorder().gather_in(buffer_.bytes());
}

SimMerge::~SimMerge() {
  files_.recorder().gather_in({});
}

// What `act` asks of files and processors, but for looks at layers.
template <typename Do>
Result<OperationCost> SimMerge::priced(const Do& act) {
  OperationCost cost;
  RequestRecorder& recorder = files_.recorder();
  auto* const before = std::exchange(recorder.collected, &cost.requests);
  auto done = act();
  recorder.collected = before;
  if (!done) return std::unexpected(std::move(done).error());
  const uint64_t shared = std::exchange(recorder.extents_shared, 0);
  cost.processor = host_.processor_time(0, 0, cost.requests) + host_.sharing_time(shared);
  return cost;
}

Result<BatchCost> SimMerge::next() {
  BatchCost cost;
  const MoveBatch* batch = nullptr;
  cost.planning = TRY(priced([&]() -> Result<void> {
    batch = TRY(planner_.next());
    return {};
  }));
  if (batch == nullptr) {
    cost.publishing = TRY(priced([&]() -> Result<void> {
      TRY(target_->flush());
      return target_->close();
    }));
    cost.virtual_end = files_.disk_size_bytes();
    return cost;
  }
  cost.planning.processor += host_.probe_time(batch->pieces);  // each looks for its place in the target
  for (const ByteRange& zeros : batch->zero_fill) {
    if (!zeros.empty()) TRY(target_->file().punch_hole(zeros));
  }
  cost.threads = batch->threads(usual_requests_in_flight);
  files_.recorder().shares_extents = host_.can_share();
  for (const MoveTask& task : batch->tasks) {
    cost.tasks.push_back(
        TRY(priced([&] { return carry_out_task(*batch, task, chain_.layers(), target_->file(), buffer_); })));
  }
  cost.bytes_copied = batch->bytes_to_copy;
  cost.bytes_zeroed = batch->bytes_to_zero;
  cost.virtual_end = batch->virtual_end;
  const bool flush_is_due = flushes_.is_due_after(batch->bytes_to_move());
  cost.publishing = TRY(publish(*batch, flush_is_due));
  if (!flush_is_due) cost.early_flush = {.kind = sim::RequestKind::flush, .file = target_number_};
  return cost;
}

Result<OperationCost> SimMerge::publish(const MoveBatch& batch, bool with_flush) {
  return priced([&]() -> Result<void> {
    TRY(publish_batch(batch, *target_));
    return with_flush ? target_->flush() : Result<void>{};
  });
}

Result<void> move_layers(SimChain& files, SimHost& host, MergeRange range, reports::MergeTotals& totals,
                         const StepProgress& progress, const StopRequested& stop) {
  const ExtentTables& target = *files.files()[range.target]->tables;
  const uint64_t size_before = target.file_size_bytes();
  files.recorder().collected = nullptr;
  SimMerge merge(files, host, range, batch_bytes_max);
  BatchesAlone batches(host.room(false));
  uint64_t done = 0;
  for (bool is_last = false; !is_last;) {
    if (stop && stop())
      return failure(ErrorKind::interrupted, "merge-interrupted", "merge stopped on request");
    if (progress) progress(done, files.disk_size_bytes());
    BatchCost cost = TRY(merge.next());
    totals.bytes_moved += cost.bytes_copied;
    totals.bytes_zeroed += cost.bytes_zeroed;
    done = cost.virtual_end;
    is_last = cost.is_last();
    TRY(batches.carry_out(std::move(cost)));
  }
  totals.free_space_peak_bytes =
      std::max(totals.free_space_peak_bytes, target.file_size_bytes() - size_before);
  return {};
}

}  // namespace vhdlab::scenarios
