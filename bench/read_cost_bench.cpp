// What does one simulated read cost the processor, by the depth of the chain? Layers hold random 64 KiB
// writes, as a guest's; the device answers in no time worth modelling, so what is left is the chain, the
// queue and the events.
#include <benchmark/benchmark.h>

#include "scenarios/targets/sim_target.h"
#include "scenarios/workload/pattern_stream.h"

namespace vhdlab::scenarios {
namespace {

constexpr ByteRange disk{0, 2 * gib};
constexpr uint64_t seed = 7;

std::unique_ptr<OperationStream> stream(uint64_t ordinal, uint64_t block_size_bytes, uint32_t read_percentage,
                                        std::optional<uint64_t> operations) {
  return *make_pattern_stream({.pattern = AccessPattern::random,
                               .range = disk,
                               .block_size_bytes = block_size_bytes,
                               .read_percentage = read_percentage,
                               .each_block_once = read_percentage == 0,
                               .operations = operations},
                              stream_seeds(seed, ordinal));
}

sim::DeviceProfile quick_device() {
  sim::DeviceProfile profile{.name = "server", .summary = ""};
  profile.model =
      sim::ServerProfile{.capacity_bytes = 1 * tib, .servers = 64, .service = std::chrono::microseconds(10)};
  return profile;
}

void read_chain(benchmark::State& state) {
  const auto target = make_sim_target({.device = quick_device()});
  bool is_built = target
                      ->create_base({.size_bytes = disk.length,
                                     .block_size_bytes = 2 * mib,
                                     .logical_sector_size_bytes = 512,
                                     .physical_sector_size_bytes = 4096},
                                    seed)
                      .has_value();
  is_built = is_built && target->write(*stream(1, 1 * mib, 0, 2048), 1, {}, {});
  for (int64_t layer = 0; layer < state.range(0); ++layer) {
    is_built = is_built && target->take_checkpoint() &&
               target->write(*stream(2 + static_cast<uint64_t>(layer), 64 * kib, 0, 655), 1, {}, {});
  }
  constexpr uint64_t batch = 20'000;
  const auto reads = stream(9999, 4 * kib, 100, std::nullopt);
  for (auto _ : state) {
    const auto outcome = target->perform(
        *reads, {.queue_depth = 16, .direct = true, .only_reads = true, .operations_max = batch}, {}, {});
    if (!is_built || !outcome) return state.SkipWithError("the chain could not be simulated");
    state.counters["layers_per_read"] = outcome->layers_probed_per_read;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(batch));
  using benchmark::Counter;
  state.counters["cpu_per_read"] = Counter(batch, Counter::kIsIterationInvariantRate | Counter::kInvert);
}
BENCHMARK(read_chain)->Arg(0)->Arg(1)->Arg(4)->Arg(16)->Arg(50)->Arg(200)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace vhdlab::scenarios

BENCHMARK_MAIN();
