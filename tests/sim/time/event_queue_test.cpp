// Events happen in the order of (time, sequence), whatever was scheduled when, and a run always ends.
#include "sim/time/event_queue.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/random.h"
#include "tests/support/test_seed.h"

namespace vhdlab::sim {
namespace {

VirtualTime at(int64_t nanoseconds) {
  return VirtualTime(Nanoseconds(nanoseconds));
}

class Recorder final : public EventHandler {
 public:
  void on_event(VirtualTime now, uint64_t token) override { seen.emplace_back(now, token); }
  std::vector<std::pair<VirtualTime, uint64_t>> seen;
};

// Schedules itself again and again, as a model that never comes to an end.
class Endless final : public EventHandler {
 public:
  Endless(EventQueue& events, Nanoseconds step) : events_(events), step_(step) {}
  void on_event(VirtualTime now, uint64_t) override { events_.schedule(now + step_, *this); }

 private:
  EventQueue& events_;
  Nanoseconds step_;
};

TEST(EventQueue, HandlesEventsByTimeAndThenInTheOrderScheduled) {
  // Goal: a total order. Method: many events at few instants, against a stable sort by time.
  SeededRandom random(tests::test_seed());
  EventQueue events;
  Recorder recorder;
  std::vector<std::pair<VirtualTime, uint64_t>> expected;
  for (uint64_t i = 0; i < 5000; ++i) {
    const VirtualTime when = at(static_cast<int64_t>(random.next_u64() % 40));
    events.schedule(when, recorder, i);
    expected.emplace_back(when, i);
  }
  std::ranges::stable_sort(expected, {}, [](const auto& event) { return event.first; });
  EXPECT_EQ(events.run(), RunEnd::drained);
  EXPECT_EQ(recorder.seen, expected);
  EXPECT_EQ(events.events_handled(), 5000U);
}

TEST(EventQueue, TakesEventsScheduledByEventsInTheirPlace) {
  // Goal: what an event schedules for now comes after what already waits for now, and before later times.
  struct Chain final : EventHandler {
    EventQueue* events = nullptr;
    Recorder* recorder = nullptr;
    void on_event(VirtualTime now, uint64_t) override { events->schedule(now, *recorder, 3); }
  } chain;
  EventQueue events;
  Recorder recorder;
  chain.events = &events;
  chain.recorder = &recorder;
  events.schedule(at(5), chain);
  events.schedule(at(5), recorder, 2);
  events.schedule(at(6), recorder, 4);
  events.schedule(at(1), recorder, 1);
  events.run();
  std::vector<uint64_t> order;
  for (const auto& [when, token] : recorder.seen)
    order.push_back(token);
  EXPECT_EQ(order, (std::vector<uint64_t>{1, 2, 3, 4}));
}

TEST(EventQueue, EndsAnEndlessModelByEventsAndByTime) {
  // Goal: never a hang. Method: a model that goes on for ever, first standing still in time, then moving.
  EventQueue still;
  Endless still_model(still, Nanoseconds(0));
  still.schedule(at(0), still_model);
  EXPECT_EQ(still.run({.events_max = 1000}), RunEnd::events_exhausted);
  EXPECT_EQ(still.events_handled(), 1000U);

  EventQueue moving;
  Endless moving_model(moving, Nanoseconds(10));
  moving.schedule(at(0), moving_model);
  EXPECT_EQ(moving.run({.time_max = at(1000)}), RunEnd::time_exhausted);
  EXPECT_EQ(moving.now(), at(1000));
  EXPECT_FALSE(reason_of(RunEnd::time_exhausted).empty());
}

TEST(EventQueue, StopsAfterTheEventThatAsksAndGoesOnLater) {
  struct Stopper final : EventHandler {
    EventQueue* events = nullptr;
    void on_event(VirtualTime, uint64_t) override { events->stop(); }
  } stopper;
  EventQueue events;
  Recorder recorder;
  stopper.events = &events;
  events.schedule(at(1), stopper);
  events.schedule(at(2), recorder, 7);
  EXPECT_EQ(events.run(), RunEnd::stopped);
  EXPECT_TRUE(recorder.seen.empty());
  EXPECT_EQ(events.run(), RunEnd::drained);
  EXPECT_EQ(recorder.seen.size(), 1U);
}

TEST(VirtualTime, TakesNoLessTimeThanARateAllows) {
  EXPECT_EQ(time_for(0, 100), Nanoseconds(0));
  EXPECT_EQ(time_for(1, 1'000'000'000), Nanoseconds(1));
  EXPECT_EQ(time_for(1, 3'000'000'000), Nanoseconds(1));
  EXPECT_EQ(time_for(uint64_t{1} << 50, uint64_t{1} << 30), Nanoseconds((int64_t{1} << 20) * 1'000'000'000));
}

}  // namespace
}  // namespace vhdlab::sim
