// Several threads on one chain. Each owns its sectors, interleaved with the others' in the same blocks, the
// same bitmap pages and the same table pages; what it wrote last must be what is read. Meant for the thread
// sanitizer as well.
#include <atomic>
#include <thread>

#include "engine/io/posix_file_system.h"
#include "tests/engine/chain/chain_workbench.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

struct Shape {
  const char* name;
  bool child;
  uint32_t sector_size_bytes;
  ChainWorkbench::Finding finding = {};
};

class ChainThreads : public testing::TestWithParam<Shape> {};

TEST_P(ChainThreads, DisjointWritersReadersAndFlushesDoNotDisturbOneAnother) {
  // Goal: the promise of Chain. Method: thread t owns every sector s with s mod threads == t, remembers the
  // last value of each, and checks while others write beside it; a further thread flushes; at the end every
  // sector is read, then again after a power cut that followed a flush.
  constexpr uint64_t thread_count = 4;
  const Shape shape = GetParam();
  const uint64_t seed = test_seed();
  MemoryFileSystem memory;
  PosixFileSystem host;
  const TemporaryFolder folder;
  const bool in_memory = shape.finding.cache != CacheMode::mapped;
  ChainWorkbench bench(in_memory ? static_cast<FileSystem&>(memory) : host,
                       in_memory ? "/vm" : folder.path().string(), 5);
  bench.finding = shape.finding;
  bench.create_base({.disk_size_bytes = 24 * mib, .sector_size_bytes = shape.sector_size_bytes});
  bench.fill({0, 12 * mib}, 0xb0);
  if (shape.child) bench.checkpoint();

  const uint64_t sector_size = shape.sector_size_bytes;
  const uint64_t sectors = bench.model.size() / sector_size;
  std::atomic<uint64_t> wrong = 0;
  std::atomic<bool> done = false;
  const auto work = [&](uint64_t mine) {
    SeededRandom random(mix64(seed ^ mine));
    WritePlan write_plan;
    ReadPlan read_plan;
    std::vector<std::byte> buffer(sector_size);
    for (int step = 0; step < 1500; ++step) {
      // Mostly near the front of each block, so that all threads meet in blocks that are just being made.
      const uint64_t block = random.next_u64() % 24;
      const uint64_t in_block = random.next_u64() % (mib / sector_size);
      const uint64_t sector =
          std::min((block * mib / sector_size + in_block) / thread_count * thread_count + mine,
                   sectors - thread_count + mine);
      const ByteRange range{sector * sector_size, sector_size};
      std::byte* model = bench.model.data() + range.offset;
      switch (random.next_u64() % 4) {
        case 0:
          must(bench.chain->read(range.offset, buffer, read_plan));
          if (std::memcmp(buffer.data(), model, sector_size) != 0) ++wrong;
          break;
        case 1:
          must(bench.chain->zero(range, write_plan));
          std::memset(model, 0, sector_size);
          break;
        default: {
          const auto value = static_cast<uint8_t>(1 + random.next_u64() % 255);
          std::memset(buffer.data(), value, sector_size);
          must(bench.chain->write(range.offset, buffer, write_plan));
          std::memset(model, value, sector_size);
        }
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (uint64_t mine = 0; mine < thread_count; ++mine)
      threads.emplace_back(work, mine);
    std::jthread flusher([&] {
      while (!done) {
        must(bench.chain->flush());
        (void)bench.chain->leaf().metadata_pages_loaded();
        std::this_thread::yield();
      }
    });
    threads.clear();  // joins the writers
    done = true;
  }
  EXPECT_EQ(wrong, 0U) << "seed " << seed;
  EXPECT_EQ(bench.difference(), "") << "seed " << seed;
  bench.flush_and_cut_power();
  EXPECT_EQ(bench.difference(), "") << "after a power cut, seed " << seed;
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, ChainThreads,
    testing::Values(
        Shape{"Base", false, 512}, Shape{"Child", true, 512}, Shape{"ChildOf4KiBSectors", true, 4096},
        Shape{"ChildWithIndex", true, 512, {ResolveMode::index, {}, {}}},
        Shape{"ChildWithTwoTablePagesInMemory", true, 512, {ResolveMode::walk, 2 * table_page_length, {}}},
        Shape{"ChildWithIndexAndTwoTablePages",
              true,
              512,
              {ResolveMode::index, 2 * table_page_length, 1 * kib}},
        Shape{"MappedChildOf4KiBSectors", true, 4096, {ResolveMode::index, {}, {}, CacheMode::mapped}}),
    [](const auto& parameter) { return parameter.param.name; });

}  // namespace
}  // namespace vhdlab::tests
