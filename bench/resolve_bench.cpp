// What does it cost to find a block in a chain, by how many layers have to be asked? Tables in memory, no
// data moved: the processor's share of a read and nothing else.
#include <memory>
#include <string>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "engine/chain/chain_open.h"
#include "engine/io/memory_file_system.h"

namespace vhdlab {
namespace {

constexpr uint64_t disk_size_bytes = 1 * gib;

// A base whose blocks are all present, under `depth` empty layers.
Chain empty_layers_over_full_base(MemoryFileSystem& files, RandomSource& random, int64_t depth,
                                  ResolveMode mode) {
  (void)create_disk(
      files, "/base.vhdx",
      {.disk_size_bytes = disk_size_bytes, .block_size_bytes = 2 * mib, .leave_blocks_allocated = true},
      random);
  std::string leaf = "/base.vhdx";
  for (int64_t layer = 1; layer <= depth; ++layer) {
    const std::string child = fmt::format("/layer{}.avhdx", layer);
    (void)create_child(files, leaf, child, {}, random);
    leaf = child;
  }
  return *open_chain(files, leaf, {.resolve = mode}, random);
}

void resolve_through_empty_layers(benchmark::State& state, ResolveMode mode) {
  MemoryFileSystem files;
  SeededRandom random(1);
  const Chain chain = empty_layers_over_full_base(files, random, state.range(0), mode);
  ReadPlan plan;
  uint64_t layers_probed = 0;
  for (auto _ : state) {
    const uint64_t offset = random.next_u64() % (disk_size_bytes / 4096) * 4096;
    if (!chain.resolve({offset, 4096}, plan)) state.SkipWithError("resolve failed");
    layers_probed += plan.layers_probed;
  }
  state.counters["layers_probed"] =
      static_cast<double>(layers_probed) / static_cast<double>(state.iterations());
  state.counters["per_layer"] = benchmark::Counter(static_cast<double>(layers_probed),
                                                   benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK_CAPTURE(resolve_through_empty_layers, walk, ResolveMode::walk)
    ->Arg(0)
    ->Arg(1)
    ->Arg(4)
    ->Arg(16)
    ->Arg(64)
    ->Arg(256)
    ->Arg(1000);
BENCHMARK_CAPTURE(resolve_through_empty_layers, index, ResolveMode::index)
    ->Arg(0)
    ->Arg(1)
    ->Arg(16)
    ->Arg(256)
    ->Arg(1000);

}  // namespace
}  // namespace vhdlab

BENCHMARK_MAIN();
