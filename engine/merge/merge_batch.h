// Divides what a merge moves into batches, and a batch into tasks that several threads may carry out at once.
// Decides and touches no data of the disk, so that the engine moves and the simulator prices the same plan.
//
//   steps of the merge ──► places in the target, until a batch is full
//   moves, sorted by place in the target, neighbours joined, long runs cut
//   tasks: one long move each, from file to file; or short ones gathered in memory
//
// The steps of a merge never overlap, so within a batch any order is right.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/error.h"
#include "engine/merge/merge_plan.h"

namespace vhdlab {

inline constexpr uint64_t batch_bytes_max = 64 * mib;    // of data: some 40 ms of copying
inline constexpr uint64_t gathered_bytes_max = 1 * mib;  // of short moves in one task
inline constexpr uint32_t usual_requests_in_flight = 4;  // threads that move data
// A merge that was cut moves no more than this again.
inline constexpr uint64_t usual_bytes_between_flushes = 512 * mib;

// One run of bytes from a place in a source's file to a place in the target's.
struct Move {
  LayerIndex source = 0;
  uint64_t source_offset = 0;
  uint64_t target_offset = 0;
  uint64_t length = 0;
  friend bool operator==(const Move&, const Move&) = default;
};

// Moves that one thread carries out: one long one, or short ones that fit its buffer together.
struct MoveTask {
  size_t first = 0;
  size_t count = 0;
  friend bool operator==(const MoveTask&, const MoveTask&) = default;
};

// In the order of their fields: holes first, then the moves, then the tables.
struct MoveBatch {
  std::vector<ByteRange> zero_fill;  // of the target's file
  std::vector<Move> moves;           // in the order of the target's file
  std::vector<MoveTask> tasks;       // over the moves, each in one
  std::vector<BlockChange> changes;  // of the target's tables
  uint64_t bytes_to_copy = 0;
  uint64_t bytes_to_zero = 0;
  uint64_t pieces = 0;       // of steps, each planned for itself
  uint64_t virtual_end = 0;  // everything before it is in this batch or an earlier one

  [[nodiscard]] uint64_t bytes_to_move() const { return bytes_to_copy + bytes_to_zero; }
  [[nodiscard]] bool empty() const { return bytes_to_move() == 0; }
  // How many threads are worth their start, of those that are allowed.
  [[nodiscard]] size_t threads(uint32_t requests_in_flight) const;
};

// Arranges the moves and divides them into tasks, as next() does.
void divide_into_tasks(MoveBatch& batch);

// Plans a merge of `range` of `layers` (base first) batch by batch: first the steps that are `planned`, then
// what follows them on the disk. What it plans is reserved in `target`, which is the layer range.target
// opened for writing. `batch_bytes` is a power of two.
class BatchPlanner {
 public:
  BatchPlanner(LayerSpan layers, MergeRange range, Layer& target, PlannedSteps planned, uint64_t batch_bytes);

  // The next batch, valid until the next call; nothing once all is planned. Asks `stop_or_go_on`, where it is
  // set, before each piece and fails as that does. What an earlier batch changes is published before. Faults:
  // those of reading tables.
  [[nodiscard]] Result<const MoveBatch*> next(const std::function<Result<void>()>& stop_or_go_on = {});

 private:
  Result<bool> has_step();
  Result<void> add_piece();
  void take_plan(const MergeStep& step, ByteRange piece);
  [[nodiscard]] bool is_full() const;

  LayerSpan layers_;
  MergeRange range_;
  Layer& target_;
  uint64_t batch_bytes_;
  uint64_t window_end_;           // the disk is planned up to here
  std::vector<MergeStep> steps_;  // of the window
  size_t step_ = 0;
  uint64_t done_ = 0;  // of the step
  ReadPlan scratch_;
  WritePlan plan_;
  MoveBatch batch_;
};

// Carries out one task. Short moves go through `buffer`, which has gathered_bytes_max, or is empty and made
// so; what lies together in the target is written at once. How many bytes the file system shares between the
// files.
[[nodiscard]] Result<uint64_t> carry_out_task(const MoveBatch& batch, const MoveTask& task, LayerSpan layers,
                                              File& target, AlignedBuffer& buffer);

// Puts the batch into the target's tables, and flushes them where that is due; the data is in place by then,
// so a flush between two publications is as good as one after them.
[[nodiscard]] Result<void> publish_batch(const MoveBatch& batch, Layer& target);

// What was moved becomes durable after so many bytes, and at the end.
class FlushCourse {
 public:
  explicit FlushCourse(uint64_t bytes_between_flushes) : bytes_between_flushes_(bytes_between_flushes) {}

  // To be asked after each batch, with what it moved: whether everything is to be flushed now.
  [[nodiscard]] bool is_due_after(uint64_t bytes_moved);

 private:
  uint64_t bytes_between_flushes_;
  uint64_t waiting_bytes_ = 0;
};

// Before that, the target's file is flushed beside the copying, so that the device is kept busy and little is
// left to wait for. Never two of these at once.
class EarlyFlushCourse {
 public:
  // To be asked after each batch that no flush of everything follows, with what it copied: whether to begin
  // one.
  [[nodiscard]] bool is_due_after(uint64_t bytes_copied, bool one_is_running);

 private:
  uint64_t waiting_bytes_ = 0;
};

}  // namespace vhdlab
