// Counts are results: they must be exact, and found by the path the run knows.
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/io/counted_file_system.h"
#include "engine/io/memory_file_system.h"

namespace vhdlab {
namespace {

TEST(CountedFile, CountsWhatSucceedsAndNothingElse) {
  // One of each that works, one of each that fails.
  MemoryFileSystem files(MemoryFileSystem::page_size_bytes);
  CountedFile file(std::move(*files.create("/a")));
  std::vector<std::byte> bytes(1000);
  ASSERT_TRUE(file.write(0, bytes));
  ASSERT_TRUE(file.write(500, bytes));
  ASSERT_TRUE(file.read(100, bytes));
  ASSERT_TRUE(file.flush());
  ASSERT_FALSE(file.read(5000, bytes));
  ASSERT_FALSE(file.write(mib, bytes));
  EXPECT_EQ(file.counters(),
            (FileCounters{.reads = 1, .writes = 2, .flushes = 1, .read_bytes = 1000, .written_bytes = 2000}));
}

TEST(CountedFile, ASpanOfARunIsTheDifferenceOfTwoSnapshots) {
  // Operations before and after the first snapshot.
  MemoryFileSystem files;
  CountedFile file(std::move(*files.create("/a")));
  std::vector<std::byte> bytes(100);
  ASSERT_TRUE(file.write(0, bytes));
  FileCounters before = file.counters();
  ASSERT_TRUE(file.read(0, bytes));
  ASSERT_TRUE(file.read(0, bytes));
  FileCounters span = file.counters() - before;
  EXPECT_EQ(span,
            (FileCounters{.reads = 2, .writes = 0, .flushes = 0, .read_bytes = 200, .written_bytes = 0}));
  EXPECT_EQ(before + span, file.counters());
}

TEST(CountedFile, LosesNoCountBetweenThreads) {
  // Four threads, a thousand reads each.
  MemoryFileSystem files;
  CountedFile file(std::move(*files.create("/a")));
  ASSERT_TRUE(file.write(0, std::vector<std::byte>(8)));
  {
    std::vector<std::jthread> readers;
    for (int i = 0; i < 4; ++i) {
      readers.emplace_back([&] {
        std::vector<std::byte> into(8);
        for (int round = 0; round < 1000; ++round)
          (void)file.read(0, into);
      });
    }
  }
  EXPECT_EQ(file.counters().reads, 4000u);
  EXPECT_EQ(file.counters().read_bytes, 32000u);
}

TEST(CountedFileSystem, KeepsCountsByPathAcrossOpenings) {
  // Two files; one is closed and opened again by another spelling of its path.
  MemoryFileSystem memory;
  CountedFileSystem files(memory);
  std::vector<std::byte> bytes(10);
  ASSERT_TRUE((*files.create("/vm/base"))->write(0, bytes));
  ASSERT_TRUE((*files.create("/vm/child"))->write(0, bytes));
  ASSERT_TRUE((*files.open("/vm/../vm/base", OpenMode::read_only))->read(0, bytes));
  EXPECT_EQ(files.counters("/vm/base"),
            (FileCounters{.reads = 1, .writes = 1, .flushes = 0, .read_bytes = 10, .written_bytes = 10}));
  EXPECT_EQ(files.counters("/vm/none"), FileCounters{});
  EXPECT_THAT(files.all_counters(), testing::SizeIs(2));
  EXPECT_EQ(files.all_counters().at("/vm/child").writes, 1u);
}

}  // namespace
}  // namespace vhdlab
