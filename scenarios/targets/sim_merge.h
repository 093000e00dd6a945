// What the batches of a merge cost where files hold no bytes. Batches, tasks and flushes are the engine's
// (engine/merge/merge_batch.h); here the requests they send are taken down, task by task.
#pragma once

#include <optional>
#include <vector>

#include "engine/merge/merge_batch.h"
#include "scenarios/targets/batch_virtual.h"
#include "scenarios/targets/sim_chain.h"
#include "scenarios/targets/sim_host.h"
#include "scenarios/targets/target.h"

namespace vhdlab::scenarios {

// The sources and the target of one merge, open, and what moving the ones into the other costs, batch by
// batch. Everything is in the target when next() returns; only its time is still to pass. Requests that
// others of the chain make meanwhile are theirs.
class SimMerge {
 public:
  // Opens the files; what is read of them on the way is the caller's. Without a rate limit `batch_bytes` is
  // batch_bytes_max.
  SimMerge(SimChain& files, SimHost& host, MergeRange range, uint64_t batch_bytes);
  ~SimMerge();
  SimMerge(const SimMerge&) = delete;
  SimMerge& operator=(const SimMerge&) = delete;

  [[nodiscard]] LayerSpan layers() { return chain_.layers(); }
  [[nodiscard]] const Chain& chain() const { return chain_; }

  // The last one moves nothing: its planning is the flush and the closing of the target.
  Result<BatchCost> next();

 private:
  template <typename Do>
  Result<OperationCost> priced(const Do& act);
  Result<OperationCost> publish(const MoveBatch& batch, bool with_flush);

  SimChain& files_;
  SimHost& host_;
  TableMemory memory_;
  Chain chain_;
  std::unique_ptr<ExtentLayer> target_;
  uint32_t target_number_;
  BatchPlanner planner_;
  FlushCourse flushes_{usual_bytes_between_flushes};
  AlignedBuffer buffer_{gathered_bytes_max};
};

// A merge at rest; virtual time passes. The layers stay: all above the target are the caller's to drop. Adds
// to bytes moved and zeroed, and raises the peak of free space. Faults: merge-interrupted, sim-device-full.
[[nodiscard]] Result<void> move_layers(SimChain& files, SimHost& host, MergeRange range,
                                       reports::MergeTotals& totals, const StepProgress& progress,
                                       const StopRequested& stop);

}  // namespace vhdlab::scenarios
