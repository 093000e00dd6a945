// Operations of a chain in flight together: the same bytes as one after the other, whatever queue carries
// them.
#include "engine/chain/chain_queue.h"

#include <algorithm>
#include <functional>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/chain/chain_open.h"
#include "engine/io/counted_file_system.h"
#include "engine/io/posix_file_system.h"
#include "engine/io/psync_queue.h"
#include "engine/io/uring_queue.h"
#include "tests/support/same_bytes.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

struct QueueKind {
  std::string name;
  std::function<Result<std::unique_ptr<IoQueue>>(uint32_t depth)> make;
  CacheMode cache = CacheMode::buffered;
  ResolveMode resolve = ResolveMode::index;
  uint32_t sector_size_bytes = 512;

  friend void PrintTo(const QueueKind& kind, std::ostream* to) { *to << kind.name; }
};

Result<std::unique_ptr<IoQueue>> make_none(uint32_t) {
  return nullptr;
}
Result<std::unique_ptr<IoQueue>> make_psync(uint32_t) {
  return std::make_unique<PsyncQueue>();
}
Result<std::unique_ptr<IoQueue>> make_uring(uint32_t depth) {
  return TRY(UringQueue::make(depth));
}

class ChainQueueTest : public testing::TestWithParam<QueueKind> {
 protected:
  static constexpr uint64_t disk_size = 24 * mib;
  static constexpr uint32_t depth = 16;

  void SetUp() override {
    auto probe = GetParam().make(1);
    if (!probe) GTEST_SKIP() << probe.error().text();
    auto direct = files.create(folder.file("probe"), GetParam().cache);
    if (!direct) GTEST_SKIP() << direct.error().text();
    must(create_disk(files, paths.back(),
                     {.disk_size_bytes = disk_size,
                      .block_size_bytes = 1 * mib,
                      .logical_sector_size_bytes = GetParam().sector_size_bytes,
                      .physical_sector_size_bytes = 4096},
                     random));
  }

  void checkpoint() {
    const std::string child = folder.file("layer" + std::to_string(paths.size()));
    must(create_child(files, paths.back(), child, {.block_size_bytes = 2 * mib}, random));
    paths.push_back(child);
  }
  Chain open(OpenMode mode) {
    return must(open_chain(files, paths.back(),
                           {.mode = mode, .cache = GetParam().cache, .resolve = GetParam().resolve}, random));
  }
  template <typename T>
  static T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().text());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
  }

  // Collects until at most `left` are in flight; every fault by its tag.
  static void collect(ChainQueue& queue, size_t left, std::map<uint64_t, std::string>& faults) {
    std::vector<ChainCompletion> completions(3);
    while (queue.in_flight() > left) {
      const size_t count = must(queue.wait(completions));
      for (size_t i = 0; i < count; ++i) {
        const bool is_new = faults
                                .emplace(completions[i].tag,
                                         completions[i].result ? "none" : completions[i].result.error().fault)
                                .second;
        EXPECT_TRUE(is_new) << "a tag twice";
      }
    }
  }

  // A run of whole sectors in the part `slot` of the disk, so that ranges of different slots never overlap.
  ByteRange range_in(uint64_t slot, uint64_t slots) {
    const uint64_t slot_bytes = disk_size / slots;
    const uint64_t unit = random.next_u64() % 3 == 0 ? GetParam().sector_size_bytes : 4096;
    const uint64_t begin = random.next_u64() % (slot_bytes / unit) * unit;
    const uint64_t length = std::min(slot_bytes - begin, (1 + random.next_u64() % 64) * unit);
    return {slot * slot_bytes + begin, length};
  }

  SeededRandom random{test_seed()};
  TemporaryFolder folder;
  PosixFileSystem posix;
  CountedFileSystem files{posix};
  std::vector<std::string> paths{folder.file("base")};
};

TEST_P(ChainQueueTest, ReadsAsAPlainArrayWhateverIsInFlightTogether) {
  // Goal: no number of operations in flight, in any order of completion, changes a byte. Method: layers of
  // random writes with flushes between them, sixteen in flight, against an array; then reads across layers.
  std::vector<std::byte> model(disk_size);
  constexpr uint64_t slots = 48;
  AlignedBuffer buffer(disk_size);
  for (int layer = 0; layer < 3; ++layer) {
    if (layer > 0) checkpoint();
    Chain chain = open(OpenMode::read_write);
    {
      ChainQueue queue(chain, must(GetParam().make(depth)), depth);
      for (int round = 0; round < 2; ++round) {
        std::map<uint64_t, std::string> faults;
        for (uint64_t slot = 0; slot < slots; ++slot) {
          const ByteRange range = range_in(slot, slots);
          const MutableBytes from = buffer.bytes().subspan(range.offset, range.length);
          std::ranges::fill(from, static_cast<std::byte>(random.next_u64() | 1));
          std::ranges::copy(from, model.begin() + static_cast<ptrdiff_t>(range.offset));
          collect(queue, depth - 1, faults);
          queue.submit_write(range.offset, from, slot);
        }
        collect(queue, depth - 1, faults);
        queue.submit_flush(slots);
        collect(queue, 0, faults);
        ASSERT_EQ(faults.size(), slots + 1);
        for (const auto& [tag, fault] : faults)
          ASSERT_EQ(fault, "none") << tag;
      }
      for (int round = 0; round < 2; ++round) {
        std::map<uint64_t, std::string> faults;
        std::vector<ByteRange> asked;
        std::ranges::fill(buffer.bytes(), std::byte{0xee});
        for (uint64_t slot = 0; slot < slots; ++slot) {
          asked.push_back(range_in(slot, slots));
          collect(queue, depth - 1, faults);
          queue.submit_read(asked.back().offset,
                            buffer.bytes().subspan(asked.back().offset, asked.back().length), slot);
        }
        collect(queue, 0, faults);
        for (const auto& [tag, fault] : faults)
          ASSERT_EQ(fault, "none") << tag;
        for (const ByteRange& range : asked) {
          ASSERT_TRUE(same_bytes(buffer.bytes().subspan(range.offset, range.length),
                                 std::span(model).subspan(range.offset, range.length)));
        }
      }
    }
    must(chain.close());
  }
  Chain chain = open(OpenMode::read_only);
  ReadPlan plan;
  must(chain.read(0, buffer.bytes(), plan));
  EXPECT_TRUE(same_bytes(buffer.bytes(), model));
}

TEST_P(ChainQueueTest, NamesTheFaultOfOneOperationAndFinishesTheOthers) {
  // Past the end of the disk, not whole sectors, and good ones among them.
  Chain chain = open(OpenMode::read_write);
  ChainQueue queue(chain, must(GetParam().make(depth)), depth);
  AlignedBuffer buffer(5 * 4096);
  std::map<uint64_t, std::string> faults;
  queue.submit_write(0, buffer.bytes().first(4096), 1);
  queue.submit_write(disk_size, buffer.bytes().subspan(4096, 4096), 2);
  queue.submit_write(100, buffer.bytes().subspan(2 * 4096, 4096), 3);
  queue.submit_read(disk_size - 100, buffer.bytes().subspan(3 * 4096, 4096), 4);
  queue.submit_read(8192, buffer.bytes().subspan(4 * 4096, 4096), 5);
  collect(queue, 0, faults);
  EXPECT_THAT(faults, testing::ElementsAre(testing::Pair(1, "none"), testing::Pair(2, "disk-range"),
                                           testing::Pair(3, "disk-alignment"), testing::Pair(4, "disk-range"),
                                           testing::Pair(5, "none")));
}

TEST_P(ChainQueueTest, AsksTheFileOnceForWhatLiesTogetherInIt) {
  // Two neighbouring blocks, neighbours in the file as well, on both sides of a region of the index: one read
  // of both, not two.
  AlignedBuffer buffer(4 * mib);
  {
    Chain chain = open(OpenMode::read_write);
    WritePlan plan;
    must(chain.write(0, buffer.bytes(), plan));
    must(chain.close());
  }
  Chain chain = open(OpenMode::read_only);
  ChainQueue queue(chain, must(GetParam().make(depth)), depth);
  ReadPlan plan;
  must(chain.resolve({0, 4 * mib}, plan));  // the tables are in memory from here on
  const FileCounters before = files.counters(paths.back());
  std::map<uint64_t, std::string> faults;
  queue.submit_read(2 * mib - 4096, buffer.bytes().first(8192), 1);
  collect(queue, 0, faults);
  EXPECT_EQ((files.counters(paths.back()) - before).reads, 1U);
}

INSTANTIATE_TEST_SUITE_P(
    Queues, ChainQueueTest,
    testing::Values(QueueKind{"none", make_none}, QueueKind{"psync", make_psync},
                    QueueKind{"uring", make_uring},
                    QueueKind{"uring_walk", make_uring, CacheMode::buffered, ResolveMode::walk},
                    QueueKind{"uring_direct", make_uring, CacheMode::direct},
                    QueueKind{"uring_direct_4k", make_uring, CacheMode::direct, ResolveMode::index, 4096},
                    QueueKind{"mapped", make_none, CacheMode::mapped}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace vhdlab::tests
