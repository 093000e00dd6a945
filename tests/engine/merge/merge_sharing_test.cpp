// Merges on file systems that share space between files: long runs are not copied, what the disk reads as and
// what a kill can do stay the same. XFS and btrfs are made for the test; without root or their tools it is
// skipped.
#include <csignal>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/io/posix_file_system.h"
#include "engine/merge/merge_run.h"
#include "tests/engine/chain/chain_workbench.h"
#include "tests/support/mounted_file_system.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

// Bytes of the file that the file system keeps for another file too.
uint64_t shared_bytes(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY);
  ::fsync(descriptor);
  constexpr uint32_t extents_max = 512;
  std::vector<uint64_t> memory((sizeof(fiemap) + extents_max * sizeof(fiemap_extent)) / sizeof(uint64_t) + 1);
  uint64_t shared = 0;
  for (uint64_t at = 0;;) {
    auto* map = reinterpret_cast<fiemap*>(memory.data());
    *map = fiemap{};
    map->fm_start = at;
    map->fm_length = ~uint64_t{0} - at;
    map->fm_extent_count = extents_max;
    if (::ioctl(descriptor, FS_IOC_FIEMAP, map) != 0 || map->fm_mapped_extents == 0) break;
    const fiemap_extent* extents = map->fm_extents;
    bool last = false;
    for (uint32_t i = 0; i < map->fm_mapped_extents; ++i) {
      if ((extents[i].fe_flags & FIEMAP_EXTENT_SHARED) != 0) shared += extents[i].fe_length;
      last = (extents[i].fe_flags & FIEMAP_EXTENT_LAST) != 0;
      at = extents[i].fe_logical + extents[i].fe_length;
    }
    if (last) break;
  }
  ::close(descriptor);
  return shared;
}

class MergeOnSharingFileSystem : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    auto made = MountedFileSystem::make(GetParam(), 512 * mib);
    if (!made) GTEST_SKIP() << made.error().text();
    mounted_ = *std::move(made);
  }

  // A full base of 32 MiB, two layers with MiBs of random bytes, sectors and zeros between.
  void make_chain(ChainWorkbench& bench) {
    bench.create_base({.disk_size_bytes = 32 * mib, .block_size_bytes = 2 * mib});
    bench.fill({0, 32 * mib}, 1);
    for (int layer = 1; layer <= 2; ++layer) {
      bench.checkpoint({.block_size_bytes = 2 * mib});
      for (uint64_t at = 0; at < 24 * mib; at += 4 * mib) {
        std::vector<std::byte> data(mib);
        for (std::byte& byte : data)
          byte = static_cast<std::byte>(bench.random.next_u64());
        bench.write(at + static_cast<uint64_t>(layer) * mib, data);
        bench.write(at + 3 * mib + static_cast<uint64_t>(layer) * 512, Bytes(data).first(1536));
      }
      bench.zero({28 * mib, 1 * mib});
    }
    bench.close();
  }

  std::unique_ptr<MountedFileSystem> mounted_;
  PosixFileSystem files_;
};

TEST_P(MergeOnSharingFileSystem, SharesLongRunsInsteadOfCopyingThem) {
  // Goal: no byte of the twelve MiB runs is copied. Method: keep the sources; count by the merge's own word
  // and by the file system's map of extents.
  ChainWorkbench bench(files_, mounted_->folder(), 41);
  make_chain(bench);
  const std::string base = bench.paths[0];
  const MergeOutcome outcome = must(bench.merge({0, 2}, {.keep_sources = true}));
  EXPECT_EQ(bench.difference(), "");
  EXPECT_GE(outcome.bytes_shared, 12 * mib);
  EXPECT_LT(outcome.bytes_shared, outcome.bytes_copied);
  EXPECT_GE(shared_bytes(base), 12 * mib);
}

TEST_P(MergeOnSharingFileSystem, LaterWritesReachOnlyOneOfTheFiles) {
  // Goal: shared bytes part when one file changes. Method: keep the source, write into the merged disk, open
  // the source's own chain as far as it goes and compare its file.
  ChainWorkbench bench(files_, mounted_->folder(), 42);
  make_chain(bench);
  const std::string source = bench.paths[2];
  auto content = [&] {
    const auto file = must(files_.open(source, OpenMode::read_only));
    std::vector<std::byte> bytes(must(file->size_bytes()));
    must(file->read(0, bytes));
    return bytes;
  };
  must(bench.merge({1, 2}, {.keep_sources = true}));
  const auto before = content();  // the merge itself announces the target's next identity in it
  bench.fill({2 * mib, 8 * mib}, 0x77);
  bench.close();
  bench.open(OpenMode::read_only);
  EXPECT_EQ(bench.difference(), "");
  EXPECT_TRUE(content() == before);
}

TEST_P(MergeOnSharingFileSystem, SurvivesKillsAndGoesOn) {
  // Goal: sharing changes nothing about kill -9. Method: kill a merge in a process of its own again and
  // again, each time a little later, compare after each, then finish.
  ChainWorkbench bench(files_, mounted_->folder(), 43);
  make_chain(bench);
  bool done = false;
  for (int kills = 0; kills < 12 && !done; ++kills) {
    const pid_t child = ::fork();
    if (child == 0) {
      SeededRandom random(static_cast<uint64_t>(kills));
      const MergeOptions options{.bytes_between_records = 1 * mib};
      ::_exit(merge(files_, bench.paths.back(), {0, 2}, options, random) ? 0 : 1);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2 + 4 * kills));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    done = !files_.exists(bench.paths[2]);
    if (done) break;
    bench.open(OpenMode::read_only);
    ASSERT_EQ(bench.difference(), "") << kills;
    bench.close();
  }
  if (done) {
    must(finish_interrupted_merge(files_, bench.paths.back(), bench.random));
    bench.forget({0, 2});
    bench.open();
  } else {
    must(bench.merge({0, 2}));
  }
  EXPECT_EQ(bench.difference(), "");
}

INSTANTIATE_TEST_SUITE_P(Kinds, MergeOnSharingFileSystem, testing::Values("xfs", "btrfs"),
                         [](const auto& parameter) { return parameter.param; });

}  // namespace
}  // namespace vhdlab::tests
