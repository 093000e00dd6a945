// What happens next: events in the order of (time, sequence), so that two at the same instant happen in the
// order they were scheduled in and every run of a simulation is the same run. No clock, no thread and no
// address decides anything.
//
//   schedule(t=7, A) ─┐                        ┌─► t=3 C
//   schedule(t=7, B) ─┼─► heap by (time, seq) ─┼─► t=7 A ─► may schedule more, at t >= 7
//   schedule(t=3, C) ─┘                        └─► t=7 B
//
// A run is bounded in events and in virtual time: whatever a model does, run() returns and says why.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "sim/time/virtual_time.h"

namespace vhdlab::sim {

// Whoever waits for events. The token is the handler's own: an index, a stage, nothing.
class EventHandler {
 public:
  virtual void on_event(VirtualTime now, uint64_t token) = 0;

 protected:
  ~EventHandler() = default;
};

struct RunBounds {
  uint64_t events_max = 20'000'000'000;  // hours of work for one core
  VirtualTime time_max = VirtualTime::max();
};

enum class RunEnd {
  drained,           // nothing is left to happen
  stopped,           // somebody called stop()
  events_exhausted,  // events_max were handled and more wait
  time_exhausted,    // the next event lies beyond time_max
};

// "nothing was left to happen": the rest of a sentence that begins "the run ended because".
[[nodiscard]] std::string_view reason_of(RunEnd end);

// One thread. Handlers outlive the events scheduled for them.
class EventQueue {
 public:
  [[nodiscard]] VirtualTime now() const { return now_; }
  [[nodiscard]] uint64_t events_handled() const { return handled_; }
  [[nodiscard]] bool empty() const { return heap_.empty(); }

  // Promised by the caller: when >= now().
  void schedule(VirtualTime when, EventHandler& handler, uint64_t token = 0);

  // Handles events until one of the ends. Bounds count from the queue's beginning. May be called again to go
  // on; a handler must not call it.
  RunEnd run(const RunBounds& bounds = {});

  // Ends run() after the event being handled.
  void stop() { stop_requested_ = true; }

 private:
  struct Event {
    VirtualTime time;
    uint64_t sequence;
    EventHandler* handler;
    uint64_t token;

    [[nodiscard]] bool before(const Event& other) const {
      return time != other.time ? time < other.time : sequence < other.sequence;
    }
  };

  void sift_up(size_t hole, const Event& event);
  void sift_down(size_t hole, const Event& event);

  std::vector<Event> heap_;  // four children each: half the levels of two, and siblings share a cache line
  VirtualTime now_{};
  uint64_t next_sequence_ = 0;
  uint64_t handled_ = 0;
  bool stop_requested_ = false;
};

}  // namespace vhdlab::sim
