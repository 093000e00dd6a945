// How fast are checksums, by size: 4 KiB is a header or a log sector, 64 KiB a region table, 1 MiB a long log
// entry? The processor's instruction against the tables that stand in for it elsewhere.
#include <vector>

#include <benchmark/benchmark.h>

#include "engine/base/crc32c.h"
#include "engine/base/crc32c_paths.h"
#include "engine/base/random.h"

namespace vhdlab {
namespace {

void checksum(benchmark::State& state, Crc32cFunction way) {
  if (way == nullptr) {
    state.SkipWithError("this processor has no CRC-32C instruction");
    return;
  }
  SeededRandom random(1);
  std::vector<std::byte> data(static_cast<size_t>(state.range(0)));
  for (std::byte& byte : data)
    byte = static_cast<std::byte>(random.next_u64());
  for (auto _ : state)
    benchmark::DoNotOptimize(way(data, 0));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK_CAPTURE(checksum, as_chosen, crc32c)->Arg(64)->Arg(4096)->Arg(64 * kib)->Arg(mib);
BENCHMARK_CAPTURE(checksum, instruction, crc32c_by_instruction())
    ->Arg(64)
    ->Arg(4096)
    ->Arg(64 * kib)
    ->Arg(mib);
BENCHMARK_CAPTURE(checksum, tables, &crc32c_by_tables)->Arg(64)->Arg(4096)->Arg(64 * kib)->Arg(mib);

}  // namespace
}  // namespace vhdlab

BENCHMARK_MAIN();
