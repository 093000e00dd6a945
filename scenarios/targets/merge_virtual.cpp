// Events of a merge; see merge_virtual.h.
#include "scenarios/targets/merge_virtual.h"

#include <utility>

namespace vhdlab::scenarios {
namespace {

using sim::VirtualTime;

enum Token : uint64_t {
  go_on,   // time has passed: what is next
  worked,  // the processor's part is done, or a part of a request
};

}  // namespace

LiveMergeVirtual::LiveMergeVirtual(const VirtualMachineRoom& room, LiveMergeSide& side,
                                   const LiveMergePlan& plan, const StepProgress& progress,
                                   const StopRequested& stop)
    : room_(room),
      side_(side),
      plan_(plan),
      progress_(progress),
      stop_(stop),
      course_(plan.limits),
      pace_(plan.rate_limit_bytes_per_s, room.events.now().time_since_epoch()),
      batches_(room, [this](Error error) { load_->fail(std::move(error)); }) {}

double LiveMergeVirtual::seconds_since(VirtualTime begin) const {
  return sim::seconds(room_.events.now() - begin);
}

bool LiveMergeVirtual::is_good(Result<void> result) {
  if (!result) load_->fail(std::move(result).error());
  return result.has_value();
}

// ---- Waiting ----

void LiveMergeVirtual::abandon() {
  is_abandoned_ = true;
  batches_.abandon();
}

void LiveMergeVirtual::on_event(VirtualTime, uint64_t token) {
  if (is_abandoned_) return;
  if (token == go_on) return std::exchange(next_, {})();
  if (parts_left_ > 0 && --parts_left_ > 0) return;
  if (next_request_ == cost_.requests.size()) {
    cost_ = {};
    return std::exchange(next_, {})();
  }
  placed_.clear();
  if (!is_good(room_.volume.place(cost_.requests[next_request_++], placed_))) return;
  parts_left_ = placed_.size();
  if (parts_left_ == 0) room_.events.schedule(room_.events.now(), *this, worked);
  for (const sim::DeviceRequest& request : placed_)
    room_.device.submit(request, *this, worked);
}

// Lets time pass for cost_: processor first, then requests in order.
void LiveMergeVirtual::pay(Next next) {
  next_ = std::move(next);
  next_request_ = 0;
  parts_left_ = 0;
  room_.events.schedule(room_.processors.serve(room_.events.now(), cost_.processor), *this, worked);
}

// The workload stands still and the chain is closed when `next` is called; the closing is to be paid with
// what follows.
void LiveMergeVirtual::pause(Next next) {
  pause_begin_ = room_.events.now();
  next_ = [this, next = std::move(next)] {
    if (is_good(side_.close_chain(cost_))) next();
  };
  load_->pause(*this, go_on);
}

void LiveMergeVirtual::resume(Next next) {
  if (!is_good(side_.open_chain(cost_))) return;
  pay([this, next = std::move(next)] {
    load_->resume();
    next();
  });
}

// ---- The course ----

void LiveMergeVirtual::begin(VirtualLoad& load) {
  load_ = &load;
  begin_ = pass_begin_ = room_.events.now();
  if (!plan_.takes_leaf) return begin_pass();
  pause([this] {
    if (!is_good(side_.put_on_top(cost_))) return;
    resume([this] {
      first_pause_s_ = seconds_since(pause_begin_);
      begin_pass();
    });
  });
}

void LiveMergeVirtual::begin_pass() {
  pass_ = {};
  written_before_ = side_.bytes_written();
  auto bytes = side_.begin_pass(pace_.piece_bytes_max(batch_bytes_max), cost_);
  if (!bytes) return load_->fail(std::move(bytes).error());
  bytes_to_merge_ = *bytes;
  moving_begin_ = room_.events.now();
  pay([this] { next_batch(); });
}

void LiveMergeVirtual::next_batch() {
  if (stop_ && stop_())
    return load_->fail({ErrorKind::interrupted, "merge-interrupted", "merge stopped on request", {}});
  tell(pass_.bytes_merged);
  auto batch = side_.next_batch();
  if (!batch) return load_->fail(std::move(batch).error());
  count(*batch);
  pass_.bytes_merged += batch->bytes_copied + batch->bytes_zeroed;
  if (batch->is_last())
    return batches_.begin(*std::move(batch), [this] { pause([this] { end_pass(pass_.bytes_merged); }); });
  const Nanoseconds wait = pace_.wait_before(batch->bytes_copied, room_.events.now().time_since_epoch());
  next_ = [this, batch = *std::move(batch)]() mutable {
    batches_.begin(std::move(batch), [this] { next_batch(); });
  };
  room_.events.schedule(room_.events.now() + wait, *this, go_on);
}

void LiveMergeVirtual::count(const BatchCost& batch) {
  outcome_.totals.bytes_copied += batch.bytes_copied;
  outcome_.totals.bytes_zeroed += batch.bytes_zeroed;
}

// In the pause. The workload goes on with what this decides.
void LiveMergeVirtual::end_pass(uint64_t bytes_merged) {
  const auto left = side_.end_pass(cost_);
  if (!left) return load_->fail(left.error());
  if (!plan_.takes_leaf) {
    return resume([this] {
      note_pass(seconds_since(pause_begin_));
      outcome_.finished = true;
      end();
    });
  }
  pass_.bytes_written = *left;
  switch (course_.after_pass(bytes_merged, *left)) {
    case LiveStep::another_pass:
      if (!is_good(side_.put_on_top(cost_))) return;
      return resume([this] {
        note_pass(seconds_since(pause_begin_));
        pass_begin_ = room_.events.now();
        begin_pass();
      });
    case LiveStep::give_up:
      return resume([this] {
        note_pass(seconds_since(pause_begin_));
        outcome_.explanation = LiveCourse::why_not(outcome_.passes.back());
        end();
      });
    case LiveStep::end_in_pause:
      return merge_rest();
  }
}

// What is left, while the workload waits; no rate limit holds.
void LiveMergeVirtual::merge_rest() {
  auto bytes = side_.begin_pass(batch_bytes_max, cost_);
  if (!bytes) return load_->fail(std::move(bytes).error());
  pay([this] { next_rest_batch(); });
}

void LiveMergeVirtual::next_rest_batch() {
  auto batch = side_.next_batch();
  if (!batch) return load_->fail(std::move(batch).error());
  count(*batch);
  const bool is_last = batch->is_last();
  batches_.begin(*std::move(batch), [this, is_last] { is_last ? end_rest() : next_rest_batch(); });
}

void LiveMergeVirtual::end_rest() {
  auto left = side_.end_pass(cost_);
  if (!left) return load_->fail(std::move(left).error());
  resume([this] {
    note_pass(seconds_since(pause_begin_));
    outcome_.passes.push_back({.bytes_merged = outcome_.passes.back().bytes_written});
    outcome_.finished = true;
    end();
  });
}

void LiveMergeVirtual::end() {
  outcome_.duration_s = seconds_since(begin_);
  load_->end();
}

void LiveMergeVirtual::note_pass(double pause_s) {
  pass_.pause_s = pause_s + std::exchange(first_pause_s_, 0);
  pass_.duration_s = seconds_since(pass_begin_);
  outcome_.passes.push_back(pass_);
}

void LiveMergeVirtual::tell(uint64_t bytes_merged) {
  if (progress_) progress_(bytes_merged, bytes_to_merge_);
  if (has_estimated_ || bytes_merged == 0 || bytes_merged < bytes_to_merge_ / 10) return;
  has_estimated_ = true;
  const uint64_t written = plan_.takes_leaf ? side_.bytes_written() - written_before_ : 0;
  const LiveForecast expected = forecast(bytes_merged, bytes_to_merge_, written, seconds_since(moving_begin_),
                                         plan_.rate_limit_bytes_per_s);
  if (expected.seconds_left) outcome_.estimated_s = seconds_since(begin_) + *expected.seconds_left;
}

}  // namespace vhdlab::scenarios
