// A chain read out of one stretch of memory: the same bytes, the same counts and the same faults as from its
// files, whatever changes meanwhile.
#include "engine/chain/chain_window.h"

#include <atomic>
#include <thread>

#include "engine/io/counted_file_system.h"
#include "engine/io/posix_file_system.h"
#include "tests/engine/chain/chain_workbench.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

class ChainWindowTest : public testing::Test {
 protected:
  static constexpr uint64_t disk_size = 12 * mib + 4096;
  static constexpr uint64_t whole_regions = 12 * mib + 512 * kib;  // of 512 KiB, the last one begun

  ChainWindowTest() {
    bench.finding = {.resolve = ResolveMode::index,
                     .metadata_cache_bytes = {},
                     .index_memory_bytes = {},
                     .cache = CacheMode::mapped};
  }

  // A base with data in its first half and `layers` checkpoints, each with random runs of pages.
  void make_chain(int layers) {
    bench.create_base({.disk_size_bytes = disk_size});
    bench.fill({0, 6 * mib}, 0xb0);
    for (int layer = 1; layer <= layers; ++layer) {
      bench.checkpoint();
      for (int i = 0; i < 4; ++i)
        bench.fill(pages(random.next_u64() % 64), static_cast<uint8_t>(16 * layer + i));
      bench.zero(pages(random.next_u64() % 64));
    }
  }

  // Up to `count_max` + 1 whole pages of the disk.
  ByteRange pages(uint64_t count_max) {
    const uint64_t page = random.next_u64() % (disk_size / 4096);
    const uint64_t count = std::min(disk_size / 4096 - page, 1 + count_max);
    return {page * 4096, count * 4096};
  }

  SeededRandom random{test_seed()};
  TemporaryFolder folder;
  PosixFileSystem host;
  CountedFileSystem files{host};
  ChainWorkbench bench{files, folder.path().string(), 7};
};

TEST_F(ChainWindowTest, ShowsAllOfAChainThatIsOnlyRead) {
  make_chain(6);
  bench.open(OpenMode::read_only);
  EXPECT_EQ(bench.chain->mapped_bytes(), 0U);
  EXPECT_EQ(bench.difference(), "");
  EXPECT_EQ(bench.chain->mapped_bytes(), whole_regions);
  EXPECT_EQ(bench.difference(), "");  // now out of the window
  for (int i = 0; i < 200; ++i) {
    const ByteRange range{random.next_u64() % (disk_size - 5000), 1 + random.next_u64() % 5000};
    const auto data = bench.read(range);
    ASSERT_EQ(std::memcmp(data.data(), bench.model.data() + range.offset, range.length), 0) << range.offset;
  }
}

TEST_F(ChainWindowTest, CountsInTheFilesAsTheirReadsWould) {
  // Goal: traffic by file stays true. Method: the same reads of a chain without and with the window.
  make_chain(3);
  std::map<std::string, FileCounters> used[2];
  for (const CacheMode cache : {CacheMode::buffered, CacheMode::mapped}) {
    bench.finding.cache = cache;
    bench.open(OpenMode::read_only);
    (void)bench.difference();  // tables, and the window
    std::map<std::string, FileCounters> before;
    for (const std::string& path : bench.paths)
      before[path] = files.counters(path);
    (void)bench.difference();
    for (int i = 0; i < 50; ++i)
      (void)bench.read({static_cast<uint64_t>(i) * 200 * kib, 64 * kib});
    for (const std::string& path : bench.paths)
      used[cache == CacheMode::mapped][path] = files.counters(path) - before[path];
  }
  EXPECT_EQ(bench.chain->mapped_bytes(), whole_regions);
  EXPECT_TRUE(used[0] == used[1]);
  EXPECT_GT(used[1][bench.paths.front()].read_bytes, 0U);
}

TEST_F(ChainWindowTest, LeavesToTheFilesWhatExceedsItsMappings) {
  make_chain(6);
  bench.finding.mappings_max = 20;
  bench.open(OpenMode::read_only);
  EXPECT_EQ(bench.difference(), "");
  EXPECT_EQ(bench.difference(), "");
  EXPECT_GT(bench.chain->mapped_bytes(), 0U);
  EXPECT_LT(bench.chain->mapped_bytes(), whole_regions);
}

TEST_F(ChainWindowTest, LeavesToTheFilesRegionsWithPartsOfPages) {
  make_chain(1);
  bench.checkpoint();
  bench.fill({3 * mib + 512, 512}, 0x77);
  bench.open(OpenMode::read_only);
  EXPECT_EQ(bench.difference(), "");
  EXPECT_EQ(bench.difference(), "");
  EXPECT_EQ(bench.chain->mapped_bytes(), whole_regions - 512 * kib);
}

TEST_F(ChainWindowTest, ShowsAChangeToTheNextReadAndTheRegionAgainWhenItHasSettled) {
  make_chain(2);
  bench.checkpoint();
  bench.open(OpenMode::read_write);
  EXPECT_EQ(bench.difference(), "");
  ASSERT_EQ(bench.chain->mapped_bytes(), whole_regions);
  bench.fill({9 * mib, 8192}, 0x99);
  EXPECT_EQ(bench.read({9 * mib, 8192}), filled(8192, 0x99));
  EXPECT_LT(bench.chain->mapped_bytes(), whole_regions);
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(bench.difference(), "");
  EXPECT_EQ(bench.chain->mapped_bytes(), whole_regions);
  bench.fill({9 * mib, 8192}, 0x9a);  // in place: nothing moves, and the mapping shows it
  EXPECT_EQ(bench.chain->mapped_bytes(), whole_regions);
  EXPECT_EQ(bench.difference(), "");
}

TEST_F(ChainWindowTest, FollowsWritesZerosTrimsAndCheckpoints) {
  // Goal: no change of the leaf is missed. Method: random changes with reads of the changed region, often
  // enough for it to be shown, between them; against the array.
  make_chain(2);
  bench.open(OpenMode::read_write);
  WritePlan plan;
  for (int step = 0; step < 150; ++step) {
    const ByteRange range = pages(random.next_u64() % 4 == 0 ? 400 : 8);
    switch (random.next_u64() % 8) {
      case 0:
        bench.zero(range);
        break;
      case 1: {
        const ByteRange blocks{round_down(range.offset, mib), mib};
        if (blocks.end() > disk_size) break;
        must(bench.chain->trim(blocks, plan));
        std::memset(bench.model.data() + blocks.offset, 0, blocks.length);
        break;
      }
      case 2:
        if (step % 5 == 0) bench.checkpoint();
        break;
      default:
        bench.fill(range, static_cast<uint8_t>(step));
    }
    for (uint64_t i = 0, reads = random.next_u64() % 24; i < reads; ++i)
      (void)bench.read(range);
    ASSERT_EQ(bench.difference(), "") << "step " << step;
  }
  EXPECT_GT(bench.chain->mapped_bytes(), 0U);
}

TEST_F(ChainWindowTest, TakesNoMemoryForThePartsOfTheLargestDiskThatNobodyReads) {
  // Goal: regions are bounded by what is read, not by the disk. Method: 64 TiB, read at both ends.
  const std::string path = folder.file("largest.vhdx");
  must(create_disk(files, path, {.disk_size_bytes = 64 * tib, .block_size_bytes = 256 * mib}, random));
  const Chain chain =
      must(open_chain(files, path, {.cache = CacheMode::mapped, .resolve = ResolveMode::index}, random));
  ReadPlan plan;
  std::vector<std::byte> data(4096, std::byte{1});
  for (const uint64_t offset : {uint64_t{0}, 64 * tib - 4096, uint64_t{0}, 64 * tib - 4096}) {
    must(chain.read(offset, data, plan));
    EXPECT_TRUE(all_zero(data));
  }
  EXPECT_EQ(chain.mapped_bytes(), 2 * 512 * kib);
  EXPECT_LE(chain.index_memory_bytes(), 4 * mib);
}

TEST_F(ChainWindowTest, TellsThatAFileWasCutShortAsTheFileWould) {
  make_chain(1);
  bench.open(OpenMode::read_only);
  EXPECT_EQ(bench.difference(), "");
  std::filesystem::resize_file(bench.paths.front(), 4 * mib);
  ReadPlan plan;
  std::vector<std::byte> data(disk_size);
  EXPECT_EQ(fault_of(bench.chain->read(0, data, plan)), "file-too-short");
}

TEST_F(ChainWindowTest, ReadersSeeWholeWritesOfOthersWhileRegionsComeAndGo) {
  // Goal: mapping a region anew disturbs no reader of its other pages. Method: one thread changes pages of a
  // region so that it is shown and hidden all the time; others read pages of the same region that stay.
  make_chain(3);
  bench.open(OpenMode::read_write);
  constexpr uint64_t begin = 8 * mib;  // absent in all layers but by chance
  bench.fill({begin, 256 * kib}, 0x31);
  std::atomic<bool> done = false;
  std::atomic<uint64_t> wrong = 0;
  {
    std::vector<std::jthread> readers;
    for (int thread = 0; thread < 3; ++thread) {
      readers.emplace_back([&, thread] {
        ReadPlan plan;
        std::vector<std::byte> data(8192);
        for (uint64_t i = 0; !done; ++i) {
          const uint64_t at = begin + (i * 7 + static_cast<uint64_t>(thread)) % 31 * 8192;
          const bool read = bench.chain->read(at, data, plan).has_value();
          if (!read || data.front() != std::byte{0x31} || data.back() != std::byte{0x31}) ++wrong;
        }
      });
    }
    for (int change = 0; change < 200; ++change) {
      const ByteRange changed{begin + 256 * kib + static_cast<uint64_t>(change % 32) * 8192, 8192};
      bench.fill(changed, static_cast<uint8_t>(change));
      for (int i = 0; i < 20; ++i)
        ASSERT_EQ(bench.read(changed), filled(8192, static_cast<uint8_t>(change)));
      if (change % 32 == 31) bench.zero({begin + 256 * kib, 256 * kib});
    }
    done = true;
  }
  EXPECT_EQ(wrong, 0U);
}

}  // namespace
}  // namespace vhdlab::tests
