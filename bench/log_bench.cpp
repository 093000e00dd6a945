// What does a log entry cost the processor, by the pages it carries? The file is in memory and its flush is
// free: what remains is building descriptors and data sectors, their checksum, and one copy. "written" is how
// many bytes the entry takes, which is what a device pays for besides its one flush.
#include <memory>
#include <vector>

#include <benchmark/benchmark.h>

#include "engine/base/random.h"
#include "engine/format/vhdx/log.h"
#include "engine/io/counted_file.h"
#include "engine/io/memory_file_system.h"

namespace vhdlab::vhdx {
namespace {

constexpr ByteRange ring{mib, 4 * mib};

void append(benchmark::State& state) {
  MemoryFileSystem files;
  auto created = files.create("/log");
  if (!created || !(*created)->resize(8 * mib)) {
    state.SkipWithError("no file to log to");
    return;
  }
  CountedFile file(*std::move(created));
  LogWriter writer(file, ring, Guid::literal("10600000-0000-4000-8000-000000000001"), 1);

  SeededRandom random(1);
  std::vector<PageWrite> pages(static_cast<size_t>(state.range(0)));
  for (size_t i = 0; i < pages.size(); ++i) {
    pages[i].file_offset = 6 * mib + i * log_sector_length;
    for (std::byte& byte : pages[i].page)
      byte = static_cast<std::byte>(random.next_u64());
  }
  for (auto _ : state) {
    if (!writer.append(pages, 8 * mib)) state.SkipWithError("append failed");
  }
  const FileCounters counters = file.counters();
  const auto entries = static_cast<double>(state.iterations());
  state.counters["written"] = static_cast<double>(counters.written_bytes) / entries;
  state.counters["flushes"] = static_cast<double>(counters.flushes) / entries;
  state.SetBytesProcessed(static_cast<int64_t>(counters.written_bytes));
}
BENCHMARK(append)->ArgName("pages")->Arg(0)->Arg(1)->Arg(4)->Arg(16)->Arg(64)->Arg(256);

}  // namespace
}  // namespace vhdlab::vhdx

BENCHMARK_MAIN();
