// What does it cost to find a block in a chain, by how many layers have to be asked? Tables in memory, no
// data moved: the processor's share of a read and nothing else. Chains lie in memory or in files of the host
// (TMPDIR), and are opened as users open them; their layers are empty, or hold 16 random 64 KiB each over a
// full base of 1 GiB.
//
// per_layer is the time for one layer asked, memory_mib what the process has grown by since before opening,
// open_ms how long opening took. With two threads times are each thread's own.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include "engine/chain/chain_open.h"
#include "engine/io/memory_file_system.h"
#include "engine/io/posix_file_system.h"

namespace vhdlab {
namespace {

constexpr uint64_t disk_size_bytes = 1 * gib;
constexpr int fragments_per_layer = 16;
constexpr uint64_t fragment_bytes = 64 * kib;

enum class Place { memory, files };
enum class Layers { empty, fragmented };

uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  uint64_t size = 0;
  uint64_t resident = 0;
  file >> size >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

// The chains of one place and kind: one grows from the other, so that a depth costs only the layers it adds.
class GrowingChain {
 public:
  GrowingChain(Place place, Layers layers) : layers_(layers) {
    if (place == Place::memory) {
      files_ = std::make_unique<MemoryFileSystem>();
      folder_ = "/";
    } else {
      files_ = std::make_unique<PosixFileSystem>();
      folder_ = std::filesystem::temp_directory_path() /
                fmt::format("vhdlab-resolve-bench-{}-{}", getpid(), static_cast<int>(layers));
      std::filesystem::create_directory(folder_);
    }
    (void)create_disk(
        *files_, path(0),
        {.disk_size_bytes = disk_size_bytes, .block_size_bytes = 2 * mib, .leave_blocks_allocated = true},
        random_);
  }
  ~GrowingChain() {
    if (folder_ != "/") std::filesystem::remove_all(folder_);
  }
  GrowingChain(const GrowingChain&) = delete;
  GrowingChain& operator=(const GrowingChain&) = delete;

  Chain open(int64_t depth, ResolveMode mode) {
    while (depth_ < depth)
      add_layer();
    return *open_chain(*files_, path(depth), {.resolve = mode}, random_);
  }

 private:
  [[nodiscard]] std::string path(int64_t layer) const { return folder_ / fmt::format("layer{}.vhdx", layer); }

  void add_layer() {
    (void)create_child(*files_, path(depth_), path(depth_ + 1), {}, random_);
    ++depth_;
    if (layers_ == Layers::empty) return;
    // Only the tables matter here: each fragment is planned and published, and its bytes stay a hole.
    auto layer = *open_vhdx(*files_, path(depth_), OpenMode::read_write, CacheMode::buffered, random_);
    WritePlan plan;
    for (int i = 0; i < fragments_per_layer; ++i) {
      const uint64_t offset = random_.next_u64() % (disk_size_bytes / fragment_bytes) * fragment_bytes;
      (void)layer->plan_write({offset, fragment_bytes}, plan);
      if (plan.needs_publish()) (void)layer->publish(plan);
    }
    (void)layer->close();
  }

  Layers layers_;
  std::unique_ptr<FileSystem> files_;
  std::filesystem::path folder_;
  SeededRandom random_{1};
  int64_t depth_ = 0;
};

std::map<std::tuple<Place, Layers>, GrowingChain>& chains() {
  static std::map<std::tuple<Place, Layers>, GrowingChain> all;
  return all;
}

// The one that the threads of a run share.
struct Opened {
  std::optional<Chain> chain;
  uint64_t resident_before = 0;
  double open_ms = 0;
};
Opened opened;

void resolve(benchmark::State& state, Place place, Layers layers, ResolveMode mode) {
  if (state.thread_index() == 0) {
    auto& growing = chains().try_emplace({place, layers}, place, layers).first->second;
    opened.chain.reset();
    (void)growing.open(state.range(0), mode);  // makes the files, and their pages are in the cache
    malloc_trim(0);
    opened.resident_before = resident_bytes();
    const auto begin = std::chrono::steady_clock::now();
    opened.chain.emplace(growing.open(state.range(0), mode));
    opened.open_ms =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
    ReadPlan plan;  // brings every table page and every region into memory
    for (uint64_t offset = 0; offset < disk_size_bytes; offset += fragment_bytes)
      (void)opened.chain->resolve({offset, 4096}, plan);
  }
  SeededRandom random(static_cast<uint64_t>(state.thread_index()) + 1);
  ReadPlan plan;
  uint64_t layers_probed = 0;
  for (auto _ : state) {
    const uint64_t offset = random.next_u64() % (disk_size_bytes / 4096) * 4096;
    if (!opened.chain->resolve({offset, 4096}, plan)) state.SkipWithError("resolve failed");
    layers_probed += plan.layers_probed;
  }
  state.counters["layers_probed"] =
      benchmark::Counter(static_cast<double>(layers_probed) / static_cast<double>(state.iterations()),
                         benchmark::Counter::kAvgThreads);
  state.counters["per_layer"] = benchmark::Counter(static_cast<double>(layers_probed),
                                                   benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  if (state.thread_index() == 0) {
    state.counters["open_ms"] = opened.open_ms;
    state.counters["memory_mib"] = static_cast<double>(resident_bytes() - opened.resident_before) / mib;
    state.counters["index_kib"] = static_cast<double>(opened.chain->index_memory_bytes()) / kib;
  }
}

#define VHDLAB_DEPTHS ->Arg(0)->Arg(1)->Arg(16)->Arg(128)->Arg(1000)->ThreadRange(1, 2)->UseRealTime()
BENCHMARK_CAPTURE(resolve, memory_empty_walk, Place::memory, Layers::empty, ResolveMode::walk) VHDLAB_DEPTHS;
BENCHMARK_CAPTURE(resolve, files_empty_walk, Place::files, Layers::empty, ResolveMode::walk) VHDLAB_DEPTHS;
BENCHMARK_CAPTURE(resolve, files_fragmented_walk, Place::files, Layers::fragmented, ResolveMode::walk)
VHDLAB_DEPTHS;
BENCHMARK_CAPTURE(resolve, files_fragmented_index, Place::files, Layers::fragmented, ResolveMode::index)
VHDLAB_DEPTHS;

}  // namespace
}  // namespace vhdlab

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  vhdlab::opened.chain.reset();
  vhdlab::chains().clear();  // and their files
  return 0;
}
