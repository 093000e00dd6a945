// What does it cost to measure a latency: one record on the hot path, and afterwards a merge of every
// worker's histogram and a percentile of the sum? The first is paid within every operation a run times.
#include <vector>

#include <benchmark/benchmark.h>

#include "engine/base/random.h"
#include "reports/statistics/histogram.h"

namespace vhdlab::reports {
namespace {

// Latencies as a run meets them: each decade from 100 ns to 100 ms equally often, so that records spread over
// the buckets and their cache lines as they do there.
std::vector<uint64_t> spread_latencies_ns() {
  SeededRandom random(1);
  std::vector<uint64_t> latencies(4096);
  for (uint64_t& latency : latencies) {
    const uint64_t draw = random.next_u64();
    latency = 100 + draw % 900;
    for (uint64_t decade = draw >> 32; decade % 6 != 0; --decade)
      latency *= 10;
  }
  return latencies;
}

Histogram filled() {
  Histogram histogram;
  for (const uint64_t latency : spread_latencies_ns())
    histogram.record(latency);
  return histogram;
}

void record(benchmark::State& state) {
  const std::vector<uint64_t> latencies = spread_latencies_ns();
  Histogram histogram;
  size_t next = 0;
  for (auto _ : state) {
    histogram.record(latencies[next]);
    next = (next + 1) % latencies.size();
  }
  benchmark::DoNotOptimize(histogram.count());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(record);

void merge(benchmark::State& state) {
  const Histogram worker = filled();
  Histogram sum;
  for (auto _ : state) {
    sum.merge(worker);
    benchmark::ClobberMemory();
  }
  benchmark::DoNotOptimize(sum.count());
}
BENCHMARK(merge);

void percentile(benchmark::State& state) {
  const Histogram histogram = filled();
  const double percent = static_cast<double>(state.range(0)) / 10;
  for (auto _ : state)
    benchmark::DoNotOptimize(histogram.percentile_ns(percent));
}
BENCHMARK(percentile)->ArgName("tenths_of_percent")->Arg(500)->Arg(990)->Arg(999);

}  // namespace
}  // namespace vhdlab::reports

BENCHMARK_MAIN();
