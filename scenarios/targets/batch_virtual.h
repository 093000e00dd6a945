// A batch of a merge in virtual time, as engine/merge/merge_move carries it out: tasks are taken in order by
// several threads at once, then the tables are published; a flush of the target's file may go on beside what
// follows.
//
//   planning ─► thread 1: task ─► task ─► ...  ─► publishing ─► the next batch
//           └─► thread 2: task ─► ...        ─┘             └─► early flush
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "engine/merge/merge_batch.h"
#include "scenarios/targets/perform_virtual.h"

namespace vhdlab::scenarios {

struct BatchCost {
  OperationCost planning;
  std::vector<OperationCost> tasks;
  size_t threads = 1;
  OperationCost publishing;  // and the flush of everything, where one is due
  // Of the target's file, where no flush of everything was due; whether it is time for it shows at the end.
  std::optional<sim::FileRequest> early_flush;
  uint64_t bytes_copied = 0;
  uint64_t bytes_zeroed = 0;
  uint64_t virtual_end = 0;  // the disk is in the target up to here

  // Nothing is left to move.
  [[nodiscard]] bool is_last() const { return bytes_copied == 0 && bytes_zeroed == 0; }
};

// One merge, one batch at a time. Outlives the events of its batches.
class BatchesVirtual final : public sim::EventHandler {
 public:
  using Next = std::function<void()>;
  using Fail = std::function<void(Error)>;

  // `fail` is told in place of `next` where a request cannot be carried out.
  BatchesVirtual(const VirtualMachineRoom& room, Fail fail) : room_(room), fail_(std::move(fail)) {}

  // Virtual time passes by the queue's events; `next` is called once the batch is in the target.
  void begin(BatchCost cost, Next next);

  void on_event(sim::VirtualTime now, uint64_t token) override;

  // What is in flight ends, and nothing follows it: `next` is never called.
  void abandon() { has_failed_ = true; }

 private:
  enum class Stage { planning, tasks, publishing };

  // Carries out one cost at a time: processor first, then requests in order.
  struct Thread {
    const OperationCost* cost = nullptr;
    size_t next_request = 0;
    size_t parts_left = 0;
  };

  void start(size_t thread, const OperationCost& cost);
  void go_on(size_t thread);
  void take_task(size_t thread);
  void begin_tasks();
  void publish();
  void flush_early();
  // How many requests of the device this came to; nothing where it failed.
  std::optional<size_t> submit(const sim::FileRequest& request, uint64_t token);

  VirtualMachineRoom room_;
  Fail fail_;
  Next next_;
  BatchCost cost_;
  Stage stage_ = Stage::planning;
  std::vector<Thread> threads_;
  size_t next_task_ = 0;
  size_t threads_busy_ = 0;
  size_t flush_parts_left_ = 0;
  bool has_failed_ = false;
  EarlyFlushCourse early_flushes_;
  std::vector<sim::DeviceRequest> placed_;
};

// Batches with nothing beside them.
class BatchesAlone {
 public:
  explicit BatchesAlone(const VirtualMachineRoom& room)
      : room_(room), batches_(room, [this](Error error) { fail(std::move(error)); }) {}
  // What is still on its way ends.
  ~BatchesAlone();
  BatchesAlone(const BatchesAlone&) = delete;
  BatchesAlone& operator=(const BatchesAlone&) = delete;

  // Virtual time passes until the batch is in the target. Faults: sim-device-full.
  [[nodiscard]] Result<void> carry_out(BatchCost cost);

 private:
  void fail(Error error);

  VirtualMachineRoom room_;
  BatchesVirtual batches_;
  std::optional<Error> error_;
};

}  // namespace vhdlab::scenarios
