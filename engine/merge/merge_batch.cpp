// Batches and tasks of a merge; see merge_batch.h.
#include "engine/merge/merge_batch.h"

#include <algorithm>
#include <utility>

namespace vhdlab {
namespace {

constexpr size_t batch_moves_max = 16 * kib;       // of memory: 32 bytes each
constexpr uint64_t long_move_bytes = 64 * kib;     // from here on from file to file; gathered below it
constexpr uint64_t long_move_bytes_max = 4 * mib;  // one call; what shares extents takes its time by the call
constexpr uint64_t threads_worth_bytes = 8 * mib;  // starting threads costs 0.1 ms: 100 KiB of copying
constexpr uint64_t early_flush_bytes = 64 * mib;   // keeps the device busy while the next bytes are copied
constexpr size_t changes_per_publish = 64;         // between two questions whether a flush is due

bool continues(const Move& move, const Move& before) {
  return move.source == before.source && before.source_offset + before.length == move.source_offset &&
         before.target_offset + before.length == move.target_offset;
}

// In the order of the target's file, neighbours joined, long runs cut for several threads.
void arrange(std::vector<Move>& moves) {
  std::ranges::sort(moves, {}, &Move::target_offset);
  std::vector<Move> arranged;
  arranged.reserve(moves.size());
  for (const Move& move : moves) {
    if (!arranged.empty() && continues(move, arranged.back()) &&
        arranged.back().length + move.length <= long_move_bytes_max) {
      arranged.back().length += move.length;
      continue;
    }
    for (uint64_t done = 0; done < move.length; done += long_move_bytes_max) {
      arranged.push_back({move.source, move.source_offset + done, move.target_offset + done,
                          std::min(long_move_bytes_max, move.length - done)});
    }
  }
  moves = std::move(arranged);
}

// Reads every short move of the task to its place in the buffer, then writes what lies together in the target
// at once.
Result<void> gather(std::span<const Move> moves, LayerSpan layers, File& target, AlignedBuffer& buffer) {
  if (buffer.size() == 0) buffer = AlignedBuffer(gathered_bytes_max);
  uint64_t filled = 0;
  for (const Move& move : moves) {
    TRY(layers[move.source]->file().read(move.source_offset, buffer.bytes().subspan(filled, move.length)));
    filled += move.length;
  }
  uint64_t written = 0;
  for (size_t i = 0; i < moves.size();) {
    uint64_t length = moves[i].length;
    size_t next = i + 1;
    for (; next < moves.size() && moves[next].target_offset == moves[i].target_offset + length; ++next)
      length += moves[next].length;
    TRY(target.write(moves[i].target_offset, Bytes(buffer.bytes()).subspan(written, length)));
    written += length;
    i = next;
  }
  return {};
}

}  // namespace

size_t MoveBatch::threads(uint32_t requests_in_flight) const {
  if (bytes_to_copy < threads_worth_bytes) return 1;
  return std::max<size_t>(1, std::min<size_t>(requests_in_flight, tasks.size()));
}

void divide_into_tasks(MoveBatch& batch) {
  arrange(batch.moves);
  batch.tasks.clear();
  uint64_t gathered = 0;  // bytes of the last task, where short moves may join it
  for (size_t i = 0; i < batch.moves.size(); ++i) {
    const uint64_t length = batch.moves[i].length;
    const bool is_long = length >= long_move_bytes;
    if (!is_long && gathered > 0 && gathered + length <= gathered_bytes_max) {
      ++batch.tasks.back().count;
      gathered += length;
    } else {
      batch.tasks.push_back({i, 1});
      gathered = is_long ? 0 : length;
    }
  }
}

// ---- Planning ----

BatchPlanner::BatchPlanner(LayerSpan layers, MergeRange range, Layer& target, PlannedSteps planned,
                           uint64_t batch_bytes)
    : layers_(layers),
      range_(range),
      target_(target),
      batch_bytes_(batch_bytes),
      window_end_(planned.end_byte),
      steps_(std::move(planned.steps)) {}

bool BatchPlanner::is_full() const {
  return batch_.bytes_to_copy >= batch_bytes_ || batch_.moves.size() >= batch_moves_max ||
         batch_.changes.size() >= batch_moves_max;
}

Result<const MoveBatch*> BatchPlanner::next(const std::function<Result<void>()>& stop_or_go_on) {
  batch_ = {};
  while (!is_full() && TRY(has_step())) {
    if (stop_or_go_on) TRY(stop_or_go_on());
    TRY(add_piece());
  }
  if (batch_.empty()) return nullptr;
  divide_into_tasks(batch_);
  return &batch_;
}

// Whether a step is left of which something is not planned yet; looks at the next windows for it.
Result<bool> BatchPlanner::has_step() {
  const uint64_t disk_size = layers_[range_.top]->disk_size_bytes();
  while (step_ == steps_.size()) {
    if (window_end_ >= disk_size) return false;
    const auto window = TRY(next_merge_window(layers_, range_, window_end_));
    window_end_ = window ? window->end() : disk_size;
    step_ = done_ = 0;
    steps_.clear();
    if (window) TRY(plan_merge_window(layers_, range_, *window, scratch_, steps_));
  }
  return true;
}

// Cut where every block size up to the limit ends, so that a block the step covers is seen to be covered.
Result<void> BatchPlanner::add_piece() {
  const MergeStep& step = steps_[step_];
  const uint64_t at = step.virtual_range.offset + done_;
  const uint64_t end = step.is_zero
                           ? step.virtual_range.end()
                           : std::min(step.virtual_range.end(), round_down(at, batch_bytes_) + batch_bytes_);
  const ByteRange piece{at, end - at};
  TRY(step.is_zero ? target_.plan_zero(piece, plan_) : target_.plan_write(piece, plan_));
  take_plan(step, piece);
  done_ += piece.length;
  if (done_ < step.virtual_range.length) return {};
  ++step_;
  done_ = 0;
  return {};
}

void BatchPlanner::take_plan(const MergeStep& step, ByteRange piece) {
  if (step.is_zero) {
    batch_.bytes_to_zero += piece.length;
  } else {
    for (const Placement& place : plan_.data) {
      const uint64_t source_offset = step.file_offset + (place.virtual_offset - step.virtual_range.offset);
      batch_.moves.push_back({step.source, source_offset, place.file_offset, place.length});
    }
    batch_.bytes_to_copy += piece.length;
  }
  batch_.zero_fill.insert(batch_.zero_fill.end(), plan_.zero_fill.begin(), plan_.zero_fill.end());
  batch_.changes.insert(batch_.changes.end(), plan_.changes.begin(), plan_.changes.end());
  ++batch_.pieces;
  batch_.virtual_end = piece.end();
}

// ---- Carrying out ----

Result<uint64_t> carry_out_task(const MoveBatch& batch, const MoveTask& task, LayerSpan layers, File& target,
                                AlignedBuffer& buffer) {
  const Move& move = batch.moves[task.first];
  if (move.length < long_move_bytes) {
    TRY(gather(std::span(batch.moves).subspan(task.first, task.count), layers, target, buffer));
    return 0;
  }
  File& source = layers[move.source]->file();
  const CopyWay way = TRY(target.copy_from(source, {move.source_offset, move.length}, move.target_offset));
  return way == CopyWay::shared ? move.length : 0;
}

Result<void> publish_batch(const MoveBatch& batch, Layer& target) {
  WritePlan plan;
  for (size_t first = 0; first < batch.changes.size(); first += changes_per_publish) {
    if (target.flush_is_due()) TRY(target.flush());
    const size_t last = std::min(first + changes_per_publish, batch.changes.size());
    plan.clear();
    plan.changes.assign(batch.changes.begin() + static_cast<ptrdiff_t>(first),
                        batch.changes.begin() + static_cast<ptrdiff_t>(last));
    TRY(target.publish(plan));
  }
  return {};
}

// ---- Flushing ----

bool FlushCourse::is_due_after(uint64_t bytes_moved) {
  waiting_bytes_ += bytes_moved;
  if (waiting_bytes_ < bytes_between_flushes_) return false;
  waiting_bytes_ = 0;
  return true;
}

bool EarlyFlushCourse::is_due_after(uint64_t bytes_copied, bool one_is_running) {
  waiting_bytes_ += bytes_copied;
  if (waiting_bytes_ < early_flush_bytes || one_is_running) return false;
  waiting_bytes_ = 0;
  return true;
}

}  // namespace vhdlab
