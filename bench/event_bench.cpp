// How many events a second does the simulator handle on one core, by how many wait at once?
#include <benchmark/benchmark.h>

#include "engine/base/random.h"
#include "sim/time/event_queue.h"

namespace vhdlab::sim {
namespace {

// A model that always has one event waiting: it schedules its next one some time ahead.
class Ticking final : public EventHandler {
 public:
  Ticking(EventQueue& events, uint64_t seed) : events_(events), random_(seed) {}
  void on_event(VirtualTime now, uint64_t token) override {
    events_.schedule(now + Nanoseconds(1 + static_cast<int64_t>(random_.next_u64() % 100'000)), *this, token);
  }

 private:
  EventQueue& events_;
  SeededRandom random_;
};

void handle_events(benchmark::State& state) {
  EventQueue events;
  Ticking ticking(events, 1);
  for (int64_t waiting = 0; waiting < state.range(0); ++waiting)
    ticking.on_event(events.now(), static_cast<uint64_t>(waiting));
  constexpr uint64_t batch = 100'000;
  for (auto _ : state)
    events.run({.events_max = events.events_handled() + batch});
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(batch));
}
BENCHMARK(handle_events)->Arg(1)->Arg(32)->Arg(1024)->Arg(32768);

}  // namespace
}  // namespace vhdlab::sim

BENCHMARK_MAIN();
