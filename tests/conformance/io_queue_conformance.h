// What every IoQueue must do, written once. An implementation joins by saying how to make a queue and a file
// system for it:
//
//   INSTANTIATE_TEST_SUITE_P(Psync, IoQueueConformance, testing::Values(QueueImplementation{...}));
//
// in one .cpp file of its own program that includes this header. A queue that cannot be had here (no
// io_uring, say) skips its tests and says why.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/random.h"
#include "engine/io/counted_file_system.h"
#include "engine/io/io_queue.h"
#include "engine/io/posix_file_system.h"
#include "tests/support/same_bytes.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {

struct QueueImplementation {
  std::string name;
  std::function<Result<std::unique_ptr<IoQueue>>(uint32_t depth)> make;
  CacheMode cache = CacheMode::buffered;

  friend void PrintTo(const QueueImplementation& implementation, std::ostream* to) {
    *to << implementation.name;
  }
};

class IoQueueConformance : public testing::TestWithParam<QueueImplementation> {
 protected:
  static constexpr uint64_t block = 4096;  // fits direct I/O on any device

  void SetUp() override {
    auto queue = GetParam().make(8);
    if (!queue) GTEST_SKIP() << queue.error().text();
    auto probe = files_.create(folder_.file("probe"), GetParam().cache);
    if (!probe) GTEST_SKIP() << probe.error().text();
    queue_ = std::move(*queue);
  }

  std::string path(const std::string& name) { return folder_.file(name); }
  std::unique_ptr<File> create(const std::string& name) {
    return value(files_.create(path(name), GetParam().cache));
  }
  // A file of `blocks` blocks, block n full of the byte n.
  std::unique_ptr<File> create_numbered(const std::string& name, uint64_t blocks) {
    auto file = create(name);
    AlignedBuffer buffer(block);
    for (uint64_t i = 0; i < blocks; ++i) {
      std::ranges::fill(buffer.bytes(), static_cast<std::byte>(i));
      value(file->write(i * block, buffer.bytes()));
    }
    return file;
  }
  template <typename T>
  static T value(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().text());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
  }
  template <typename T>
  static std::string fault_of(const Result<T>& result) {
    return result ? "none" : result.error().fault;
  }

  // Waits for everything in flight; each tag with its fault. A tag that comes twice is a failure.
  std::map<uint64_t, std::string> finish(size_t at_once = 4) {
    std::map<uint64_t, std::string> faults;
    std::vector<IoCompletion> completions(at_once);
    while (queue_->in_flight() > 0) {
      const size_t count = value(queue_->wait(completions));
      EXPECT_GT(count, 0u);
      for (size_t i = 0; i < count; ++i)
        EXPECT_TRUE(faults.emplace(completions[i].tag, fault_of(completions[i].result)).second);
    }
    return faults;
  }

  TemporaryFolder folder_;
  PosixFileSystem posix_;
  CountedFileSystem files_{posix_};
  std::unique_ptr<IoQueue> queue_;
};

TEST_P(IoQueueConformance, ReadsWhatStandsInTheFile) {
  // Blocks out of order, three times as many as the queue is deep.
  auto file = create_numbered("numbered", 24);
  const QueuedFile queued = queue_->attach(*file);
  AlignedBuffer buffer(24 * block);
  for (uint64_t i = 0; i < 24; ++i) {
    const uint64_t at = i * 7 % 24;
    queue_->submit_read(queued, at * block, buffer.bytes().subspan(at * block, block), at);
  }
  EXPECT_EQ(queue_->in_flight(), 24u);
  const auto faults = finish();
  EXPECT_EQ(faults.size(), 24u);
  for (const auto& [tag, fault] : faults) {
    EXPECT_EQ(fault, "none") << tag;
    EXPECT_EQ(buffer.bytes()[tag * block], static_cast<std::byte>(tag));
    EXPECT_EQ(buffer.bytes()[tag * block + block - 1], static_cast<std::byte>(tag));
  }
}

TEST_P(IoQueueConformance, NothingInFlightIsNothingToWaitFor) {
  // A wait before anything was submitted, and one after everything was collected.
  std::vector<IoCompletion> completions(1);
  EXPECT_EQ(value(queue_->wait(completions)), 0u);
  auto file = create_numbered("file", 1);
  AlignedBuffer buffer(block);
  queue_->submit_read(queue_->attach(*file), 0, buffer.bytes(), 1);
  finish();
  EXPECT_EQ(value(queue_->wait(completions)), 0u);
}

TEST_P(IoQueueConformance, TakesFarMoreThanItsDepthAtOnce) {
  // A thousand writes into a queue of eight before the first wait, then read back through the file.
  auto file = create("many");
  value(file->resize(1000 * block));
  const QueuedFile queued = queue_->attach(*file);
  AlignedBuffer buffer(1000 * block);
  for (uint64_t i = 0; i < 1000; ++i) {
    const MutableBytes part = buffer.bytes().subspan(i * block, block);
    std::ranges::fill(part, static_cast<std::byte>(i * 31));
    queue_->submit_write(queued, i * block, part, i);
  }
  const auto faults = finish(300);
  EXPECT_EQ(faults.size(), 1000u);
  EXPECT_TRUE(std::ranges::all_of(faults, [](const auto& entry) { return entry.second == "none"; }));
  AlignedBuffer found(1000 * block);
  value(file->read(0, found.bytes()));
  EXPECT_TRUE(same_bytes(found.bytes(), buffer.bytes()));
}

TEST_P(IoQueueConformance, AgreesWithTheFileOverRandomRequests) {
  // Rounds of writes, a flush and reads of any shape, the ranges of one round apart, against a model in
  // memory.
  SeededRandom random(test_seed());
  constexpr uint64_t slots = 32;
  constexpr uint64_t slot_bytes = 3 * block;
  auto file = create("random");
  value(file->resize(slots * slot_bytes));
  const QueuedFile queued = queue_->attach(*file);
  std::vector<std::byte> model(slots * slot_bytes);
  AlignedBuffer buffer(slots * slot_bytes);
  for (int round = 0; round < 20; ++round) {
    const bool aligned = round % 2 == 0;
    const auto shape = [&](uint64_t slot) {
      if (aligned) return ByteRange{slot * slot_bytes + random.next_u64() % 2 * block, block};
      const uint64_t begin = random.next_u64() % (slot_bytes - 1);
      return ByteRange{slot * slot_bytes + begin, 1 + random.next_u64() % (slot_bytes - begin)};
    };
    for (uint64_t slot = 0; slot < slots; ++slot) {
      const ByteRange range = shape(slot);
      const MutableBytes from = buffer.bytes().subspan(range.offset, range.length);
      std::ranges::generate(from, [&] { return static_cast<std::byte>(random.next_u64()); });
      std::ranges::copy(from, model.begin() + static_cast<ptrdiff_t>(range.offset));
      queue_->submit_write(queued, range.offset, from, slot);
    }
    for (const auto& [tag, fault] : finish())
      ASSERT_EQ(fault, "none") << tag;
    queue_->submit_flush(queued, 0);
    std::ranges::fill(buffer.bytes(), std::byte{0xee});
    std::vector<ByteRange> asked;
    for (uint64_t slot = 0; slot < slots; ++slot) {
      asked.push_back(shape(slot));
      queue_->submit_read(queued, asked.back().offset,
                          buffer.bytes().subspan(asked.back().offset, asked.back().length), slot + 1);
    }
    for (const auto& [tag, fault] : finish())
      ASSERT_EQ(fault, "none") << tag;
    for (const ByteRange& range : asked) {
      ASSERT_TRUE(same_bytes(buffer.bytes().subspan(range.offset, range.length),
                             std::span(model).subspan(range.offset, range.length)));
    }
  }
}

TEST_P(IoQueueConformance, ReadsPastTheEndFailOneByOne) {
  // Across the end, behind it, far behind any file, and a good one among them.
  auto file = create_numbered("short", 2);
  value(file->resize(block + 100));
  const QueuedFile queued = queue_->attach(*file);
  AlignedBuffer buffer(4 * block);
  queue_->submit_read(queued, block, buffer.bytes().first(block), 1);
  queue_->submit_read(queued, 16 * block, buffer.bytes().subspan(block, block), 2);
  queue_->submit_read(queued, UINT64_MAX - block + 1, buffer.bytes().subspan(2 * block, block), 3);
  queue_->submit_read(queued, 0, buffer.bytes().subspan(3 * block, block), 4);
  const auto faults = finish();
  EXPECT_THAT(faults,
              testing::ElementsAre(testing::Pair(1, "file-too-short"), testing::Pair(2, "file-too-short"),
                                   testing::Pair(3, "file-too-short"), testing::Pair(4, "none")));
}

TEST_P(IoQueueConformance, AReadUpToTheOddEndOfAFileIsWhole) {
  // The last 100 bytes, whatever the device's block is.
  auto file = create_numbered("odd", 2);
  value(file->resize(block + 100));
  AlignedBuffer buffer(block);
  queue_->submit_read(queue_->attach(*file), block, buffer.bytes().first(100), 1);
  EXPECT_THAT(finish(), testing::ElementsAre(testing::Pair(1, "none")));
  EXPECT_EQ(buffer.bytes()[99], std::byte{1});
}

TEST_P(IoQueueConformance, AWriteToAReadOnlyFileIsRefusedByName) {
  // A good read beside it goes on.
  create_numbered("file", 1);
  auto file = value(files_.open(path("file"), OpenMode::read_only, GetParam().cache));
  const QueuedFile queued = queue_->attach(*file);
  AlignedBuffer buffer(2 * block);
  queue_->submit_write(queued, 0, buffer.bytes().first(block), 1);
  queue_->submit_read(queued, 0, buffer.bytes().subspan(block), 2);
  queue_->submit_flush(queued, 3);
  EXPECT_THAT(finish(), testing::ElementsAre(testing::Pair(1, "file-read-only"), testing::Pair(2, "none"),
                                             testing::Pair(3, "none")));
}

TEST_P(IoQueueConformance, EmptyRequestsAreDoneAtOnce) {
  // A read and a write of nothing.
  auto file = create("empty");
  const QueuedFile queued = queue_->attach(*file);
  queue_->submit_read(queued, 0, {}, 1);
  queue_->submit_write(queued, 0, {}, 2);
  EXPECT_THAT(finish(), testing::ElementsAre(testing::Pair(1, "none"), testing::Pair(2, "none")));
}

TEST_P(IoQueueConformance, CountsLikeTheCallsItStandsFor) {
  // Two writes, a flush, three reads, one of which fails: exactly what a CountedFile would have counted.
  auto file = create("counted");
  value(file->resize(4 * block));
  const QueuedFile queued = queue_->attach(*file);
  const FileCounters before = files_.counters(path("counted"));
  AlignedBuffer buffer(3 * block);
  queue_->submit_write(queued, 0, buffer.bytes().first(block), 1);
  queue_->submit_write(queued, block, buffer.bytes().first(2 * block), 2);
  finish();
  queue_->submit_flush(queued, 3);
  queue_->submit_read(queued, 0, buffer.bytes().first(block), 4);
  queue_->submit_read(queued, block, buffer.bytes().subspan(block, block), 5);
  queue_->submit_read(queued, 9 * block, buffer.bytes().subspan(2 * block, block), 6);
  finish();
  EXPECT_EQ(files_.counters(path("counted")) - before,
            (FileCounters{
                .reads = 2, .writes = 2, .flushes = 1, .read_bytes = 2 * block, .written_bytes = 3 * block}));
}

TEST_P(IoQueueConformance, ServesAThousandFilesAtOnce) {
  // One block of each, in one go: a chain may be that deep.
  std::vector<std::unique_ptr<File>> opened;
  std::vector<QueuedFile> queued;
  AlignedBuffer buffer(1000 * block);
  for (uint64_t i = 0; i < 1000; ++i) {
    opened.push_back(create(std::to_string(i)));
    std::ranges::fill(buffer.bytes().first(block), static_cast<std::byte>(i * 17));
    value(opened.back()->write(0, buffer.bytes().first(block)));
    queued.push_back(queue_->attach(*opened.back()));
  }
  for (uint64_t i = 0; i < 1000; ++i)
    queue_->submit_read(queued[i], 0, buffer.bytes().subspan(i * block, block), i);
  const auto faults = finish(64);
  EXPECT_EQ(faults.size(), 1000u);
  for (const auto& [tag, fault] : faults) {
    ASSERT_EQ(fault, "none") << tag;
    ASSERT_EQ(buffer.bytes()[tag * block + 9], static_cast<std::byte>(tag * 17));
  }
}

TEST_P(IoQueueConformance, ADetachedFileMakesRoomForAnother) {
  // Attach, read, detach, close, over and over: what the next file says is its own.
  AlignedBuffer buffer(block);
  std::set<QueuedFile> numbers;
  for (uint64_t i = 0; i < 20; ++i) {
    auto file = create_numbered("file" + std::to_string(i), i + 1);
    const QueuedFile queued = queue_->attach(*file);
    numbers.insert(queued);
    queue_->submit_read(queued, i * block, buffer.bytes(), i);
    EXPECT_THAT(finish(), testing::ElementsAre(testing::Pair(i, "none")));
    EXPECT_EQ(buffer.bytes()[0], static_cast<std::byte>(i));
    queue_->detach(queued);
  }
  EXPECT_EQ(numbers.size(), 1u);
}

TEST_P(IoQueueConformance, RegisteredMemoryHoldsTheSameBytes) {
  // Reads and writes inside the registered memory, across its end into memory that is not, and outside.
  auto file = create_numbered("file", 8);
  const QueuedFile queued = queue_->attach(*file);
  AlignedBuffer buffer(8 * block);
  (void)queue_->register_memory(buffer.bytes().first(4 * block));  // a refusal costs speed only
  queue_->submit_read(queued, 0, buffer.bytes().first(2 * block), 1);
  queue_->submit_read(queued, 3 * block, buffer.bytes().subspan(3 * block, 2 * block), 2);
  queue_->submit_read(queued, 7 * block, buffer.bytes().subspan(7 * block, block), 3);
  EXPECT_THAT(finish(), testing::ElementsAre(testing::Pair(1, "none"), testing::Pair(2, "none"),
                                             testing::Pair(3, "none")));
  for (const uint64_t i : {0, 1, 3, 4, 7})
    EXPECT_EQ(buffer.bytes()[i * block + 5], static_cast<std::byte>(i));
  queue_->submit_write(queued, 2 * block, buffer.bytes().first(block), 4);
  EXPECT_THAT(finish(), testing::ElementsAre(testing::Pair(4, "none")));
  value(file->read(2 * block, buffer.bytes().subspan(5 * block, block)));
  EXPECT_EQ(buffer.bytes()[5 * block], std::byte{0});
}

TEST_P(IoQueueConformance, ClosingWaitsForWhatIsInFlight) {
  // Queues destroyed with requests never collected; the memory may go afterwards, the file stays usable.
  auto file = create_numbered("file", 64);
  for (int round = 0; round < 10; ++round) {
    auto queue = value(GetParam().make(8));
    const QueuedFile queued = queue->attach(*file);
    AlignedBuffer buffer(64 * block);
    for (uint64_t i = 0; i < 64; ++i)
      queue->submit_read(queued, i * block, buffer.bytes().subspan(i * block, block), i);
    std::vector<IoCompletion> one(1);
    EXPECT_EQ(value(queue->wait(one)), 1u);
    queue.reset();
  }
  AlignedBuffer buffer(block);
  EXPECT_TRUE(file->read(0, buffer.bytes()));
}

}  // namespace vhdlab::tests
