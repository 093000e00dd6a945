// The threads that move batches; see merge_move.h.
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

constexpr Nanoseconds sleep_max = std::chrono::milliseconds(50);  // between two questions whether to stop

// What the threads of one batch share.
class Crew {
 public:
  Crew(const MoveBatch& batch, LayerSpan layers, File& target)
      : batch_(batch), layers_(layers), target_(target) {}

  // Carries out tasks until none is left or one has failed; from as many threads as may help. The thread that
  // leads them asks before each task whether to go on.
  void work(AlignedBuffer& buffer, const std::function<Result<void>()>& stop_or_go_on = {}) {
    while (!failed_.load(std::memory_order_relaxed)) {
      if (stop_or_go_on) {
        if (auto answer = stop_or_go_on(); !answer) return fail(std::move(answer).error());
      }
      const size_t index = next_.fetch_add(1, std::memory_order_relaxed);
      if (index >= batch_.tasks.size()) return;
      auto shared = carry_out_task(batch_, batch_.tasks[index], layers_, target_, buffer);
      if (shared) {
        bytes_shared_ += *shared;
      } else {
        fail(std::move(shared).error());
      }
    }
  }

  [[nodiscard]] Result<uint64_t> bytes_shared() {
    if (first_error_) return std::unexpected(*std::move(first_error_));
    return bytes_shared_.load();
  }

 private:
  void fail(Error error) {
    const std::lock_guard lock(mutex_);
    if (!first_error_) first_error_ = std::move(error);
    failed_ = true;
  }

  const MoveBatch& batch_;
  LayerSpan layers_;
  File& target_;
  std::atomic<size_t> next_ = 0;
  std::atomic<uint64_t> bytes_shared_ = 0;
  std::atomic<bool> failed_ = false;
  std::mutex mutex_;
  std::optional<Error> first_error_;
};

// Makes data durable beside the copying. A failure is met again at the next flush: a file whose flush has
// failed fails for good.
class EarlyFlush {
 public:
  explicit EarlyFlush(File& file) : file_(file) {}

  [[nodiscard]] bool is_running() const { return running_.load(); }

  void begin() {
    running_ = true;
    thread_ = std::jthread([this] {  // the one before has ended
      (void)file_.flush();
      running_ = false;
    });
  }

 private:
  File& file_;
  std::atomic<bool> running_ = false;
  std::jthread thread_;
};

class Mover {
 public:
  Mover(LayerSpan layers, MergeRange range, PlannedSteps planned, Layer& target, const MoveSettings& settings,
        const MoveWatch& watch, Clock& clock)
      : layers_(layers),
        target_(target),
        settings_(settings),
        watch_(watch),
        clock_(clock),
        pace_(settings.rate_limit_bytes_per_s, clock.now()),
        planner_(layers, range, target, std::move(planned),
                 pace_.piece_bytes_max(std::min(batch_bytes_max, settings.bytes_between_flushes))),
        flushes_(settings.bytes_between_flushes),
        buffers_(std::max(settings.requests_in_flight, 1U)),
        early_flush_(target.file()) {}

  Result<MoveTotals> move() {
    while (const MoveBatch* batch = TRY(planner_.next(watch_.stop_or_go_on)))
      TRY(carry_out_batch(*batch));
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
  Result<void> carry_out_batch(const MoveBatch& batch) {
    TRY(keep_to_rate(batch));
    for (const ByteRange& zeros : batch.zero_fill) {
      if (!zeros.empty()) TRY(target_.file().punch_hole(zeros));
    }
    totals_.bytes_shared += TRY(move_data(batch));
    TRY(publish_batch(batch, target_));
    totals_.bytes_copied += batch.bytes_to_copy;
    totals_.bytes_zeroed += batch.bytes_to_zero;
    published_end_ = batch.virtual_end;
    watch_.moved(totals_);
    if (flushes_.is_due_after(batch.bytes_to_move())) return make_durable();
    if (early_flushes_.is_due_after(batch.bytes_to_copy, early_flush_.is_running())) early_flush_.begin();
    return {};
  }

  Result<void> keep_to_rate(const MoveBatch& batch) {
    Nanoseconds left = pace_.wait_before(batch.bytes_to_copy, clock_.now());
    while (left.count() > 0) {
      TRY(watch_.stop_or_go_on());
      const Nanoseconds slice = std::min(left, sleep_max);
      clock_.sleep(slice);
      left -= slice;
    }
    return {};
  }

  Result<uint64_t> move_data(const MoveBatch& batch) {
    Crew crew(batch, layers_, target_.file());
    {
      std::vector<std::jthread> helpers;
      for (size_t i = 1; i < batch.threads(settings_.requests_in_flight); ++i)
        helpers.emplace_back([&crew, &buffer = buffers_[i]] { crew.work(buffer); });
      crew.work(buffers_[0], watch_.stop_or_go_on);
    }
    return crew.bytes_shared();
  }

  LayerSpan layers_;
  Layer& target_;
  const MoveSettings& settings_;
  const MoveWatch& watch_;
  Clock& clock_;
  Pace pace_;
  BatchPlanner planner_;
  FlushCourse flushes_;
  EarlyFlushCourse early_flushes_;
  std::vector<AlignedBuffer> buffers_;  // one for each thread, made when first needed
  EarlyFlush early_flush_;
  MoveTotals totals_;
  uint64_t published_end_ = 0;  // of the disk
  uint64_t durable_bytes_ = 0;
};

}  // namespace

Result<MoveTotals> move_union(LayerSpan layers, MergeRange range, PlannedSteps planned, Layer& target,
                              const MoveSettings& settings, const MoveWatch& watch, Clock& clock) {
  Mover mover(layers, range, std::move(planned), target, settings, watch, clock);
  auto moved = mover.move();
  const bool was_stopped = !moved && moved.error().kind == ErrorKind::interrupted;
  if (was_stopped) TRY(mover.make_durable());
  return moved;
}

}  // namespace vhdlab
