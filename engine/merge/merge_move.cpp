// Batches and the threads that move them; see merge_move.h.
#include "engine/merge/merge_move.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "engine/merge/pace.h"

namespace vhdlab {
namespace {

constexpr uint64_t batch_bytes_max = 64 * mib;     // of data: some 40 ms of copying
constexpr size_t batch_moves_max = 16 * 1024;      // of memory: 40 bytes each
constexpr uint64_t long_move_bytes = 64 * kib;     // from here on from file to file; gathered below it
constexpr uint64_t task_bytes_max = 1 * mib;       // what one thread takes at a time
constexpr uint64_t threads_worth_bytes = 8 * mib;  // starting threads costs 0.1 ms: 100 KiB of copying
constexpr uint64_t early_flush_bytes = 64 * mib;   // keeps the device busy while the next bytes are copied
constexpr size_t changes_per_publish = 64;         // between two questions whether a flush is due
constexpr Nanoseconds sleep_max = std::chrono::milliseconds(50);  // between two questions whether to stop

// One run of bytes from a place in a source's file to a place in the target's.
struct Move {
  File* source = nullptr;
  uint64_t source_offset = 0;
  uint64_t target_offset = 0;
  uint64_t length = 0;

  [[nodiscard]] bool continues(const Move& before) const {
    return source == before.source && before.source_offset + before.length == source_offset &&
           before.target_offset + before.length == target_offset;
  }
};

// Moves that one thread carries out: one long one, or short ones that fit its buffer together.
struct Task {
  size_t first = 0;
  size_t count = 0;
};

struct Batch {
  std::vector<Move> moves;
  std::vector<ByteRange> zero_fill;
  std::vector<BlockChange> changes;
  uint64_t bytes_to_copy = 0;
  uint64_t bytes_to_zero = 0;
  uint64_t virtual_end = 0;  // everything before it is in this batch or an earlier one

  void clear() { *this = Batch{}; }
  [[nodiscard]] bool empty() const { return bytes_to_copy == 0 && bytes_to_zero == 0; }
};

// In the order of the target's file, neighbours joined, long runs cut for several threads.
void arrange(std::vector<Move>& moves) {
  std::ranges::sort(moves, {}, &Move::target_offset);
  std::vector<Move> arranged;
  arranged.reserve(moves.size());
  for (const Move& move : moves) {
    if (!arranged.empty() && move.continues(arranged.back()) &&
        arranged.back().length + move.length <= task_bytes_max) {
      arranged.back().length += move.length;
      continue;
    }
    for (uint64_t done = 0; done < move.length; done += task_bytes_max) {
      arranged.push_back({move.source, move.source_offset + done, move.target_offset + done,
                          std::min(task_bytes_max, move.length - done)});
    }
  }
  moves = std::move(arranged);
}

std::vector<Task> divide(const std::vector<Move>& moves) {
  std::vector<Task> tasks;
  uint64_t gathered = 0;  // bytes of the last task, where short moves may join it
  for (size_t i = 0; i < moves.size(); ++i) {
    const bool is_long = moves[i].length >= long_move_bytes;
    if (!is_long && gathered > 0 && gathered + moves[i].length <= task_bytes_max) {
      ++tasks.back().count;
      gathered += moves[i].length;
    } else {
      tasks.push_back({i, 1});
      gathered = is_long ? 0 : moves[i].length;
    }
  }
  return tasks;
}

// Reads every short move of the task to its place in the buffer, then writes what lies together in the target
// at once.
Result<void> gather(std::span<const Move> moves, File& target, AlignedBuffer& buffer) {
  if (buffer.size() == 0) buffer = AlignedBuffer(task_bytes_max);
  uint64_t filled = 0;
  for (const Move& move : moves) {
    TRY(move.source->read(move.source_offset, buffer.bytes().subspan(filled, move.length)));
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

// What the threads of one batch share.
class Crew {
 public:
  Crew(std::span<const Move> moves, std::span<const Task> tasks, File& target)
      : moves_(moves), tasks_(tasks), target_(target) {}

  // Carries out tasks until none is left or one has failed; from as many threads as may help. The thread that
  // leads them asks before each task whether to go on.
  void work(AlignedBuffer& buffer, const std::function<Result<void>()>& stop_or_go_on = {}) {
    while (!failed_.load(std::memory_order_relaxed)) {
      if (stop_or_go_on) {
        if (auto answer = stop_or_go_on(); !answer) return fail(std::move(answer).error());
      }
      const size_t index = next_.fetch_add(1, std::memory_order_relaxed);
      if (index >= tasks_.size()) return;
      if (auto done = carry_out(tasks_[index], buffer); !done) fail(std::move(done).error());
    }
  }

  [[nodiscard]] Result<uint64_t> bytes_shared() {
    if (first_error_) return std::unexpected(*std::move(first_error_));
    return bytes_shared_.load();
  }

 private:
  Result<void> carry_out(const Task& task, AlignedBuffer& buffer) {
    const Move& move = moves_[task.first];
    if (move.length < long_move_bytes) return gather(moves_.subspan(task.first, task.count), target_, buffer);
    const CopyWay way =
        TRY(target_.copy_from(*move.source, {move.source_offset, move.length}, move.target_offset));
    if (way == CopyWay::shared) bytes_shared_ += move.length;
    return {};
  }

  void fail(Error error) {
    const std::lock_guard lock(mutex_);
    if (!first_error_) first_error_ = std::move(error);
    failed_ = true;
  }

  std::span<const Move> moves_;
  std::span<const Task> tasks_;
  File& target_;
  std::atomic<size_t> next_ = 0;
  std::atomic<uint64_t> bytes_shared_ = 0;
  std::atomic<bool> failed_ = false;
  std::mutex mutex_;
  std::optional<Error> first_error_;
};

// Makes data durable beside the copying, so that little is left to wait for at the next flush. A failure is
// met again there: a file whose flush has failed fails for good.
class EarlyFlush {
 public:
  explicit EarlyFlush(File& file) : file_(file) {}

  void written(uint64_t bytes) {
    waiting_bytes_ += bytes;
    if (waiting_bytes_ < early_flush_bytes || running_.load()) return;
    waiting_bytes_ = 0;
    running_ = true;
    thread_ = std::jthread([this] {  // the one before has ended
      (void)file_.flush();
      running_ = false;
    });
  }

 private:
  File& file_;
  uint64_t waiting_bytes_ = 0;
  std::atomic<bool> running_ = false;
  std::jthread thread_;
};

class Mover {
 public:
  Mover(LayerSpan layers, MergeRange range, Layer& target, const MoveSettings& settings,
        const MoveWatch& watch, Clock& clock)
      : layers_(layers),
        range_(range),
        target_(target),
        settings_(settings),
        watch_(watch),
        clock_(clock),
        pace_(settings.rate_limit_bytes_per_s, clock.now()),
        batch_bytes_(pace_.piece_bytes_max(std::min(batch_bytes_max, settings.bytes_between_flushes))),
        buffers_(std::max(settings.requests_in_flight, 1U)),
        early_flush_(target.file()) {}

  Result<MoveTotals> move(uint64_t first_byte) {
    const uint64_t disk_size = layers_[range_.top]->disk_size_bytes();
    ReadPlan scratch;
    std::vector<MergeStep> steps;
    for (uint64_t at = first_byte; at < disk_size;) {
      const auto window = TRY(next_merge_window(layers_, range_, at));
      if (!window) break;
      TRY(plan_merge_window(layers_, range_, *window, scratch, steps));
      for (const MergeStep& step : steps)
        TRY(add(step));
      at = window->end();
    }
    TRY(carry_out_batch());
    TRY(target_.flush());
    return totals_;
  }

  // What was moved so far need not be moved again.
  Result<void> make_durable() {
    TRY(target_.flush());
    if (totals_.bytes_moved() == durable_bytes_) return {};
    durable_bytes_ = totals_.bytes_moved();
    return watch_.durable(published_end_, totals_);
  }

 private:
  // Cut where every block size up to the limit ends, so that a block the step covers is seen to be covered.
  Result<void> add(const MergeStep& step) {
    for (uint64_t at = step.virtual_range.offset; at < step.virtual_range.end();) {
      TRY(watch_.stop_or_go_on());
      const uint64_t whole =
          step.is_zero ? step.virtual_range.end()
                       : std::min(step.virtual_range.end(), round_down(at, batch_bytes_) + batch_bytes_);
      const ByteRange piece{at, whole - at};
      TRY(step.is_zero
              ? add_zeros(piece)
              : add_data(*layers_[step.source], step.file_offset + (at - step.virtual_range.offset), piece));
      at = whole;
      batch_.virtual_end = whole;
      if (batch_.bytes_to_copy >= batch_bytes_ || batch_.moves.size() >= batch_moves_max ||
          batch_.changes.size() >= batch_moves_max) {
        TRY(carry_out_batch());
      }
    }
    return {};
  }

  Result<void> add_data(Layer& source, uint64_t source_offset, ByteRange piece) {
    TRY(target_.plan_write(piece, plan_));
    for (const Placement& place : plan_.data) {
      batch_.moves.push_back({&source.file(), source_offset + (place.virtual_offset - piece.offset),
                              place.file_offset, place.length});
    }
    batch_.bytes_to_copy += piece.length;
    take_rest_of_plan();
    return {};
  }

  Result<void> add_zeros(ByteRange piece) {
    TRY(target_.plan_zero(piece, plan_));
    batch_.bytes_to_zero += piece.length;
    take_rest_of_plan();
    return {};
  }

  void take_rest_of_plan() {
    batch_.zero_fill.insert(batch_.zero_fill.end(), plan_.zero_fill.begin(), plan_.zero_fill.end());
    batch_.changes.insert(batch_.changes.end(), plan_.changes.begin(), plan_.changes.end());
  }

  Result<void> carry_out_batch() {
    if (batch_.empty()) return {};
    TRY(keep_to_rate());
    for (const ByteRange& zeros : batch_.zero_fill) {
      if (!zeros.empty()) TRY(target_.file().punch_hole(zeros));
    }
    totals_.bytes_shared += TRY(move_data());
    TRY(publish());
    totals_.bytes_copied += batch_.bytes_to_copy;
    totals_.bytes_zeroed += batch_.bytes_to_zero;
    published_end_ = batch_.virtual_end;
    const uint64_t written = batch_.bytes_to_copy;
    batch_.clear();
    watch_.moved(totals_);
    if (totals_.bytes_moved() - durable_bytes_ < settings_.bytes_between_flushes) {
      early_flush_.written(written);
      return {};
    }
    return make_durable();
  }

  Result<void> keep_to_rate() {
    Nanoseconds left = pace_.wait_before(batch_.bytes_to_copy, clock_.now());
    while (left.count() > 0) {
      TRY(watch_.stop_or_go_on());
      const Nanoseconds slice = std::min(left, sleep_max);
      clock_.sleep(slice);
      left -= slice;
    }
    return {};
  }

  Result<uint64_t> move_data() {
    arrange(batch_.moves);
    const std::vector<Task> tasks = divide(batch_.moves);
    Crew crew(batch_.moves, tasks, target_.file());
    {
      std::vector<std::jthread> helpers;
      if (batch_.bytes_to_copy >= threads_worth_bytes) {
        for (size_t i = 1; i < std::min(buffers_.size(), tasks.size()); ++i)
          helpers.emplace_back([&crew, &buffer = buffers_[i]] { crew.work(buffer); });
      }
      crew.work(buffers_[0], watch_.stop_or_go_on);
    }
    return crew.bytes_shared();
  }

  // The data is in place by now, so a flush between two publications is as good as one after them.
  Result<void> publish() {
    for (size_t first = 0; first < batch_.changes.size(); first += changes_per_publish) {
      if (target_.flush_is_due()) TRY(target_.flush());
      plan_.clear();
      const size_t last = std::min(first + changes_per_publish, batch_.changes.size());
      plan_.changes.assign(batch_.changes.begin() + static_cast<ptrdiff_t>(first),
                           batch_.changes.begin() + static_cast<ptrdiff_t>(last));
      TRY(target_.publish(plan_));
    }
    return {};
  }

  LayerSpan layers_;
  MergeRange range_;
  Layer& target_;
  const MoveSettings& settings_;
  const MoveWatch& watch_;
  Clock& clock_;
  Pace pace_;
  uint64_t batch_bytes_;
  std::vector<AlignedBuffer> buffers_;  // one for each thread, made when first needed
  EarlyFlush early_flush_;
  WritePlan plan_;
  Batch batch_;
  MoveTotals totals_;
  uint64_t published_end_ = 0;  // of the disk
  uint64_t durable_bytes_ = 0;
};

}  // namespace

Result<MoveTotals> move_union(LayerSpan layers, MergeRange range, uint64_t first_byte, Layer& target,
                              const MoveSettings& settings, const MoveWatch& watch, Clock& clock) {
  Mover mover(layers, range, target, settings, watch, clock);
  auto moved = mover.move(first_byte);
  const bool was_stopped = !moved && moved.error().kind == ErrorKind::interrupted;
  if (was_stopped) TRY(mover.make_durable());
  return moved;
}

}  // namespace vhdlab
