// What a live merge does to layers without data, and the requests this takes: the simulator's side of
// merge_virtual.h. The chain the workload goes through is opened here, too, since a pause closes it.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "scenarios/targets/merge_virtual.h"
#include "scenarios/targets/sim_merge.h"

namespace vhdlab::scenarios {

class SimLiveSide final : public LiveMergeSide {
 public:
  // All arguments outlive this; `workload_bytes_written` is counted up by the workload.
  SimLiveSide(SimChain& files, SimHost& host, MergeRange range, const LookupSettings& lookup,
              const uint64_t& workload_bytes_written);

  [[nodiscard]] bool takes_leaf() const { return takes_leaf_; }
  // The workload's; nothing while it is closed.
  [[nodiscard]] Chain* chain() { return chain_ ? &*chain_ : nullptr; }
  // Of files that are gone.
  [[nodiscard]] std::vector<reports::FileTraffic>& dropped() { return dropped_; }

  Result<void> open_chain(OperationCost& cost) override;
  Result<void> close_chain(OperationCost& cost) override;
  Result<void> put_on_top(OperationCost& cost) override;
  Result<uint64_t> begin_pass(uint64_t batch_bytes, OperationCost& cost) override;
  Result<BatchCost> next_batch() override { return merge_->next(); }
  Result<uint64_t> end_pass(OperationCost& cost) override;
  uint64_t bytes_written() const override { return workload_bytes_written_; }

  // What it holds of the chain, when the merge is over.
  void let_go();

 private:
  class Noting;

  Result<void> read_head(Layer& layer);

  SimChain& files_;
  SimHost& host_;
  MergeRange range_;
  LookupSettings lookup_;
  const uint64_t& workload_bytes_written_;
  bool takes_leaf_;
  std::optional<TableMemory> memory_;
  std::optional<Chain> chain_;     // the workload's
  std::optional<SimMerge> merge_;  // of a pass
  AlignedBuffer small_{64 * kib};
  std::vector<reports::FileTraffic> dropped_;
};

}  // namespace vhdlab::scenarios
