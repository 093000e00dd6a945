// Threads of a merge as events; see batch_virtual.h.
#include "scenarios/targets/batch_virtual.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace vhdlab::scenarios {
namespace {

constexpr uint64_t flush_token = std::numeric_limits<uint64_t>::max();  // others are threads

}  // namespace

void BatchesVirtual::begin(BatchCost cost, Next next) {
  cost_ = std::move(cost);
  next_ = std::move(next);
  threads_.assign(std::max<size_t>(cost_.threads, 1), {});
  stage_ = Stage::planning;
  start(0, cost_.planning);
}

void BatchesVirtual::start(size_t thread, const OperationCost& cost) {
  threads_[thread] = {.cost = &cost};
  room_.events.schedule(room_.processors.serve(room_.events.now(), cost.processor), *this, thread);
}

void BatchesVirtual::on_event(sim::VirtualTime, uint64_t token) {
  if (token == flush_token) {
    --flush_parts_left_;
    return;
  }
  if (has_failed_) return;
  Thread& thread = threads_[token];
  if (thread.parts_left > 0 && --thread.parts_left > 0) return;
  if (thread.next_request < thread.cost->requests.size()) {
    const auto parts = submit(thread.cost->requests[thread.next_request++], token);
    if (!parts) return;
    thread.parts_left = *parts;
    if (*parts == 0) room_.events.schedule(room_.events.now(), *this, token);
    return;
  }
  go_on(token);
}

std::optional<size_t> BatchesVirtual::submit(const sim::FileRequest& request, uint64_t token) {
  placed_.clear();
  if (auto placed = room_.volume.place(request, placed_); !placed) {
    has_failed_ = true;
    fail_(std::move(placed).error());
    return std::nullopt;
  }
  for (const sim::DeviceRequest& each : placed_)
    room_.device.submit(each, *this, token);
  return placed_.size();
}

// What a thread was at is done.
void BatchesVirtual::go_on(size_t thread) {
  switch (stage_) {
    case Stage::planning:
      return begin_tasks();
    case Stage::tasks:
      return take_task(thread);
    case Stage::publishing:
      flush_early();
      return std::exchange(next_, {})();
  }
}

void BatchesVirtual::begin_tasks() {
  stage_ = Stage::tasks;
  next_task_ = 0;
  if (cost_.tasks.empty()) return publish();
  threads_busy_ = std::min(threads_.size(), cost_.tasks.size());
  for (size_t thread = 0; thread < threads_busy_; ++thread)
    start(thread, cost_.tasks[next_task_++]);
}

void BatchesVirtual::take_task(size_t thread) {
  if (next_task_ < cost_.tasks.size()) return start(thread, cost_.tasks[next_task_++]);
  if (--threads_busy_ == 0) publish();
}

void BatchesVirtual::publish() {
  stage_ = Stage::publishing;
  start(0, cost_.publishing);
}

void BatchesVirtual::flush_early() {
  if (!cost_.early_flush || !early_flushes_.is_due_after(cost_.bytes_copied, flush_parts_left_ > 0)) return;
  flush_parts_left_ = submit(*cost_.early_flush, flush_token).value_or(0);
}

// ---- Alone ----

BatchesAlone::~BatchesAlone() {
  while (room_.events.run() == sim::RunEnd::stopped) {
  }
}

void BatchesAlone::fail(Error error) {
  if (!error_) error_ = std::move(error);
  room_.events.stop();
}

Result<void> BatchesAlone::carry_out(BatchCost cost) {
  batches_.begin(std::move(cost), [this] { room_.events.stop(); });
  room_.events.run();
  if (error_) return std::unexpected(*error_);
  return {};
}

}  // namespace vhdlab::scenarios
