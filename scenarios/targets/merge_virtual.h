// A live merge in virtual time: the course of engine/merge/live_merge.h, each step of it priced and competing
// with the workload's operations for the host's processors and the device.
//
//   pass    batch ─► pace ─► its tasks, several at once (batch_virtual.h) ─► next batch
//   pause   nothing of the workload in flight ─► the chain is changed, priced ─► the workload goes on
#pragma once

#include <functional>
#include <vector>

#include "engine/merge/live_merge.h"
#include "engine/merge/pace.h"
#include "scenarios/targets/batch_virtual.h"

namespace vhdlab::scenarios {

// The target's side: changes layers and says what that costs. Calls that change the chain come while the
// workload stands still, and between close_chain and open_chain.
class LiveMergeSide {
 public:
  virtual Result<void> close_chain(OperationCost& cost) = 0;
  virtual Result<void> open_chain(OperationCost& cost) = 0;
  // Puts an empty disk on the leaf.
  virtual Result<void> put_on_top(OperationCost& cost) = 0;
  // What the next pass has to merge, in batches of about so many bytes; its sources and its target are open.
  virtual Result<uint64_t> begin_pass(uint64_t batch_bytes, OperationCost& cost) = 0;
  // After the last one the target is closed and durable.
  virtual Result<BatchCost> next_batch() = 0;
  // What stood on the merged layers stands on the target, and those are gone. What the next pass would merge:
  // what the leaf holds, where it is to be merged.
  virtual Result<uint64_t> end_pass(OperationCost& cost) = 0;
  // What the workload has written so far, rewrites included.
  [[nodiscard]] virtual uint64_t bytes_written() const = 0;

 protected:
  ~LiveMergeSide() = default;
};

struct LiveMergePlan {
  bool takes_leaf = false;
  uint64_t rate_limit_bytes_per_s = 0;
  LiveLimits limits;
};

class LiveMergeVirtual final : public BesideLoad, public sim::EventHandler {
 public:
  // All arguments outlive this.
  LiveMergeVirtual(const VirtualMachineRoom& room, LiveMergeSide& side, const LiveMergePlan& plan,
                   const StepProgress& progress, const StopRequested& stop);

  void begin(VirtualLoad& load) override;
  void abandon() override;
  void on_event(sim::VirtualTime now, uint64_t token) override;

  // Whole once the run is over; not finished, and without an explanation, where a bound ended the run.
  [[nodiscard]] const LiveMergeOutcome& outcome() const { return outcome_; }

 private:
  using Next = std::function<void()>;

  void pay(Next next);
  void pause(Next next);
  void resume(Next next);
  void begin_pass();
  void next_batch();
  void end_pass(uint64_t bytes_merged);
  void merge_rest();
  void next_rest_batch();
  void end_rest();
  void end();
  void note_pass(double pause_s);
  void tell(uint64_t bytes_merged);
  [[nodiscard]] double seconds_since(sim::VirtualTime begin) const;

  // False, and the run ends, where the side failed.
  [[nodiscard]] bool is_good(Result<void> result);
  void count(const BatchCost& batch);

  VirtualMachineRoom room_;
  LiveMergeSide& side_;
  const LiveMergePlan& plan_;
  const StepProgress& progress_;
  const StopRequested& stop_;
  VirtualLoad* load_ = nullptr;
  bool is_abandoned_ = false;
  LiveCourse course_;
  Pace pace_;
  LiveMergeOutcome outcome_;
  BatchesVirtual batches_;

  OperationCost cost_;  // being paid
  size_t next_request_ = 0;
  size_t parts_left_ = 0;
  std::vector<sim::DeviceRequest> placed_;
  Next next_;  // after what is waited for

  sim::VirtualTime begin_{};
  sim::VirtualTime pass_begin_{};
  sim::VirtualTime moving_begin_{};
  sim::VirtualTime pause_begin_{};
  double first_pause_s_ = 0;
  bool has_estimated_ = false;
  LivePass pass_;
  uint64_t bytes_to_merge_ = 0;
  uint64_t written_before_ = 0;
};

}  // namespace vhdlab::scenarios
