// The queues' conformance suite, and what only one of them has: a device that fills up, a kernel without
// io_uring.
#include "tests/conformance/io_queue_conformance.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include <sys/resource.h>

#include "engine/io/memory_file_system.h"
#include "engine/io/psync_queue.h"
#include "engine/io/uring_queue.h"
#include "tests/support/small_file_system.h"

namespace vhdlab::tests {
namespace {

Result<std::unique_ptr<IoQueue>> make_psync(uint32_t) {
  return std::make_unique<PsyncQueue>();
}
Result<std::unique_ptr<IoQueue>> make_uring(uint32_t depth) {
  return TRY(UringQueue::make(depth));
}

INSTANTIATE_TEST_SUITE_P(Queues, IoQueueConformance,
                         testing::Values(QueueImplementation{"psync_buffered", make_psync},
                                         QueueImplementation{"psync_direct", make_psync, CacheMode::direct},
                                         QueueImplementation{"uring_buffered", make_uring},
                                         QueueImplementation{"uring_direct", make_uring, CacheMode::direct}),
                         [](const auto& test) { return test.param.name; });

std::vector<std::string> faults_of_writes(IoQueue& queue, File& file, uint64_t count, size_t length) {
  const QueuedFile queued = queue.attach(file);
  const AlignedBuffer buffer(length);
  for (uint64_t i = 0; i < count; ++i)
    queue.submit_write(queued, i * length, buffer.bytes(), i);
  std::vector<std::string> faults;
  std::vector<IoCompletion> completions(8);
  while (queue.in_flight() > 0) {
    const size_t done = queue.wait(completions).value_or(0);
    if (done == 0) break;
    for (size_t i = 0; i < done; ++i)
      faults.push_back(completions[i].result ? "none" : completions[i].result.error().fault);
  }
  return faults;
}

TEST(UringQueue, AFullDeviceIsNamedAndTheQueueGoesOn) {
  // Writes of 256 KiB into a file system of 1 MiB: some fit, the others are refused; a flush and a read after
  // it work.
  TemporaryFolder folder;
  const auto outcome = run_on_small_file_system(folder.path(), 1 * mib, [&] {
    PosixFileSystem files;
    auto file = *files.create(folder.file("full"));
    auto queue = UringQueue::make(4);
    if (!queue) return;
    const auto faults = faults_of_writes(**queue, *file, 8, 256 * kib);
    EXPECT_THAT(faults, testing::SizeIs(8));
    EXPECT_THAT(faults, testing::Contains("none"));
    EXPECT_THAT(faults, testing::Contains("file-no-space"));
    EXPECT_THAT(faults, testing::Each(testing::AnyOf("none", "file-no-space")));
    AlignedBuffer buffer(4096);
    const QueuedFile queued = (*queue)->attach(*file);
    (*queue)->submit_read(queued, 0, buffer.bytes(), 1);
    (*queue)->submit_flush(queued, 2);
    std::vector<IoCompletion> completions(2);
    while ((*queue)->in_flight() > 0) {
      const size_t done = (*queue)->wait(completions).value_or(0);
      for (size_t i = 0; i < done; ++i)
        EXPECT_TRUE(completions[i].result);
    }
  });
  if (outcome == SmallFileSystemOutcome::not_permitted) GTEST_SKIP() << "this user may not mount";
  EXPECT_EQ(outcome, SmallFileSystemOutcome::passed);
}

TEST(UringQueue, APortionOfDirectWritesIsUnderWayBeforeAnyoneWaits) {
  // The bytes are looked for through another descriptor; a queue that hands over only when waited for never
  // writes them.
  TemporaryFolder folder;
  PosixFileSystem files;
  auto file = files.create(folder.file("disk"), CacheMode::direct);
  if (!file && file.error().fault == "file-direct-unsupported") GTEST_SKIP() << file.error().text();
  ASSERT_TRUE(file);
  auto queue = UringQueue::make(2 * UringQueue::direct_portion);
  if (!queue) GTEST_SKIP() << queue.error().text();
  constexpr uint64_t block = 4096;
  AlignedBuffer buffer(block);
  std::ranges::fill(buffer.bytes(), std::byte{7});
  const QueuedFile queued = (*queue)->attach(**file);
  for (uint64_t i = 0; i < UringQueue::direct_portion; ++i)
    (*queue)->submit_write(queued, i * block, buffer.bytes(), i);

  auto seen = *files.open(folder.file("disk"), OpenMode::read_only);
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  std::vector<std::byte> last(block);
  while (last.back() != std::byte{7} && std::chrono::steady_clock::now() < patience) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (!seen->read((UringQueue::direct_portion - 1) * block, last)) last.back() = std::byte{0};
  }
  EXPECT_EQ(last.back(), std::byte{7}) << "nothing was handed over within 30 s";
}

TEST(UringQueue, FilesWithoutADescriptorGoThroughThemselves) {
  // Files in memory, counted: the same bytes, the same counts.
  auto queue = UringQueue::make(4);
  if (!queue) GTEST_SKIP() << queue.error().text();
  MemoryFileSystem memory;
  CountedFileSystem files(memory);
  auto file = *files.create("/a");
  EXPECT_THAT(faults_of_writes(**queue, *file, 6, 1000), testing::Each("none"));
  EXPECT_EQ(files.counters("/a").writes, 6u);
  EXPECT_EQ(*file->size_bytes(), 6000u);
}

TEST(UringQueue, AFileCountedTwiceIsCountedByBoth) {
  // One counting file system on another: the queue must not go past the inner one.
  auto queue = UringQueue::make(4);
  if (!queue) GTEST_SKIP() << queue.error().text();
  TemporaryFolder folder;
  PosixFileSystem posix;
  CountedFileSystem inner(posix);
  CountedFileSystem outer(static_cast<FileSystem&>(inner));
  auto file = *outer.create(folder.file("a"));
  EXPECT_THAT(faults_of_writes(**queue, *file, 6, 4096), testing::Each("none"));
  EXPECT_EQ(inner.counters(folder.file("a")).writes, 6u);
  EXPECT_EQ(outer.counters(folder.file("a")).writes, 6u);
}

TEST(UringQueue, AnImpossibleQueueIsRefusedByName) {
  // With no descriptor left the kernel gives no ring, as where io_uring is forbidden.
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizers look at objects through descriptors of their own, and none is left here";
#endif
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit none{3, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  auto queue = UringQueue::make(4);
  setrlimit(RLIMIT_NOFILE, &before);
  ASSERT_FALSE(queue);
  EXPECT_EQ(queue.error().fault, "io-uring-unsupported");
  EXPECT_THAT(queue.error().text(), testing::HasSubstr("psync"));
}

}  // namespace
}  // namespace vhdlab::tests
