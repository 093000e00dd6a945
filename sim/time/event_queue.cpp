// The heap of events; see event_queue.h.
#include "sim/time/event_queue.h"

#include <algorithm>
#include <cassert>

namespace vhdlab::sim {
namespace {

constexpr size_t children = 4;

}  // namespace

std::string_view reason_of(RunEnd end) {
  switch (end) {
    case RunEnd::drained:
      return "nothing was left to happen";
    case RunEnd::stopped:
      return "it had done what was asked";
    case RunEnd::events_exhausted:
      return "it reached its limit of events";
    case RunEnd::time_exhausted:
      return "it reached its limit of virtual time";
  }
  return {};
}

void EventQueue::schedule(VirtualTime when, EventHandler& handler, uint64_t token) {
  assert(when >= now_);
  heap_.emplace_back();
  sift_up(heap_.size() - 1, {when, next_sequence_++, &handler, token});
}

RunEnd EventQueue::run(const RunBounds& bounds) {
  stop_requested_ = false;
  while (!heap_.empty()) {
    if (handled_ >= bounds.events_max) return RunEnd::events_exhausted;
    const Event next = heap_.front();
    if (next.time > bounds.time_max) return RunEnd::time_exhausted;
    const Event last = heap_.back();
    heap_.pop_back();
    if (!heap_.empty()) sift_down(0, last);
    now_ = next.time;
    ++handled_;
    next.handler->on_event(now_, next.token);
    if (stop_requested_) return RunEnd::stopped;
  }
  return RunEnd::drained;
}

void EventQueue::sift_up(size_t hole, const Event& event) {
  while (hole > 0) {
    const size_t parent = (hole - 1) / children;
    if (!event.before(heap_[parent])) break;
    heap_[hole] = heap_[parent];
    hole = parent;
  }
  heap_[hole] = event;
}

void EventQueue::sift_down(size_t hole, const Event& event) {
  while (true) {
    const size_t first = hole * children + 1;
    if (first >= heap_.size()) break;
    const size_t end = std::min(first + children, heap_.size());
    size_t least = first;
    for (size_t child = first + 1; child < end; ++child) {
      if (heap_[child].before(heap_[least])) least = child;
    }
    if (!heap_[least].before(event)) break;
    heap_[hole] = heap_[least];
    hole = least;
  }
  heap_[hole] = event;
}

}  // namespace vhdlab::sim
