// Space that comes free: trimmed and zeroed blocks give it back, new blocks take it again, compacting removes
// it, and at no moment does one block show what another one held.
#include <algorithm>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/random.h"
#include "engine/chain/chain_open.h"
#include "engine/chain/compact_disk.h"
#include "engine/chain/resize_disk.h"
#include "engine/io/memory_file_system.h"
#include "engine/io/posix_file_system.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

constexpr uint64_t block_size = 1 * mib;
constexpr uint64_t disk_size = 16 * mib;

vhdx::DiskMetadata dynamic_disk() {
  return {.disk_size_bytes = disk_size, .block_size_bytes = block_size};
}

// A disk in memory or in a folder, and what it should read as.
class ShadowedDisk {
 public:
  ShadowedDisk(FileSystem& files, std::string path, RandomSource& random)
      : files_(files), path_(std::move(path)), random_(random), shadow_(disk_size) {}

  void open() {
    auto chain = open_chain(files_, path_, {.mode = OpenMode::read_write}, random_);
    ASSERT_TRUE(chain) << chain.error().text();
    chain_ = std::make_unique<Chain>(*std::move(chain));
  }
  void close() {
    ASSERT_TRUE(chain_->close());
    chain_.reset();
  }
  void write(uint64_t offset, uint64_t length, uint8_t value) {
    std::vector<std::byte> bytes(length, std::byte{value});
    ASSERT_TRUE(chain_->write(offset, bytes, plan_));
    std::ranges::copy(bytes, shadow_.begin() + static_cast<ptrdiff_t>(offset));
  }
  void zero(ByteRange range) {
    ASSERT_TRUE(chain_->zero(range, plan_));
    std::fill_n(shadow_.begin() + static_cast<ptrdiff_t>(range.offset), range.length, std::byte{0});
  }
  void trim_block(uint64_t block) {
    ASSERT_TRUE(chain_->trim({block * block_size, block_size}, plan_));
    std::fill_n(shadow_.begin() + static_cast<ptrdiff_t>(block * block_size), block_size, std::byte{0});
  }
  void expect_content() {
    auto chain = open_chain(files_, path_, {}, random_);
    ASSERT_TRUE(chain) << chain.error().text();
    std::vector<std::byte> found(disk_size);
    ReadPlan plan;
    ASSERT_TRUE(chain->read(0, found, plan));
    const auto [left, right] = std::ranges::mismatch(found, shadow_);
    EXPECT_EQ(left, found.end()) << "first difference at " << left - found.begin();
  }
  [[nodiscard]] Chain& chain() { return *chain_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] uint64_t file_size() { return *(*files_.open(path_, OpenMode::read_only))->size_bytes(); }
  [[nodiscard]] uint64_t allocated() {
    return *(*files_.open(path_, OpenMode::read_only))->allocated_bytes();
  }

 private:
  FileSystem& files_;
  std::string path_;
  RandomSource& random_;
  std::vector<std::byte> shadow_;
  std::unique_ptr<Chain> chain_;
  WritePlan plan_;
};

// An empty /child.avhdx over a /base.vhdx that holds 0xaa everywhere.
void make_child_over_full_base(FileSystem& files, RandomSource& random) {
  ASSERT_TRUE(create_disk(files, "/base.vhdx", dynamic_disk(), random));
  ShadowedDisk base(files, "/base.vhdx", random);
  base.open();
  base.write(0, disk_size, 0xaa);
  base.close();
  ASSERT_TRUE(create_child(files, "/base.vhdx", "/child.avhdx", {.block_size_bytes = block_size}, random));
}

TEST(Space, OfATrimmedBlockIsTakenAgainWithoutShowingItsOldData) {
  // Goal: the file does not grow, and the reused block's unwritten rest is zeros. Method: trim, reopen, write
  // elsewhere.
  MemoryFileSystem files;
  SeededRandom random(1);
  ASSERT_TRUE(create_disk(files, "/disk.vhdx", dynamic_disk(), random));
  ShadowedDisk disk(files, "/disk.vhdx", random);
  disk.open();
  disk.write(0, block_size, 0xaa);
  disk.write(block_size, block_size, 0xbb);
  disk.trim_block(0);
  disk.close();
  const uint64_t size = disk.file_size();
  disk.open();
  disk.write(5 * block_size + 4096, 4096, 0xcc);
  disk.close();
  EXPECT_EQ(disk.file_size(), size);
  disk.expect_content();
}

TEST(Space, OfATrimmedBlockGoesBackToTheFileSystem) {
  // Goal: a trim frees the host's space at the next flush. Method: allocated bytes of a real file.
  const TemporaryFolder folder;
  PosixFileSystem files;
  SeededRandom random(1);
  const std::string path = folder.file("disk.vhdx");
  ASSERT_TRUE(create_disk(files, path, dynamic_disk(), random));
  ShadowedDisk disk(files, path, random);
  disk.open();
  disk.write(0, 8 * block_size, 0xaa);
  ASSERT_TRUE(disk.chain().flush());
  const uint64_t full = disk.allocated();
  for (uint64_t block = 0; block < 8; ++block)
    disk.trim_block(block);
  ASSERT_TRUE(disk.chain().flush());
  EXPECT_LE(disk.allocated() + 7 * block_size, full);
  disk.close();
  disk.expect_content();
}

TEST(Trim, HidesTheParentOfADifferencingDisk) {
  // Goal: a trimmed block of a child reads as zeros, not as the parent's. Method: a full base, one block
  // trimmed above it.
  MemoryFileSystem files;
  SeededRandom random(1);
  ASSERT_NO_FATAL_FAILURE(make_child_over_full_base(files, random));
  auto child = open_chain(files, "/child.avhdx", {.mode = OpenMode::read_write}, random);
  ASSERT_TRUE(child);
  WritePlan write_plan;
  ASSERT_TRUE(child->trim({block_size, block_size}, write_plan));
  std::vector<std::byte> found(3 * block_size);
  ReadPlan plan;
  ASSERT_TRUE(child->read(0, found, plan));
  EXPECT_EQ(found[block_size - 1], std::byte{0xaa});
  EXPECT_TRUE(all_zero(std::span(found).subspan(block_size, block_size)));
  EXPECT_EQ(found[2 * block_size], std::byte{0xaa});
}

TEST(Trim, LeavesPartsOfBlocksAndFixedDisksAsTheyAre) {
  // Goal: a hint never costs data outside whole blocks. Method: a trim of half a block, and one on a fixed
  // disk.
  MemoryFileSystem files;
  SeededRandom random(1);
  ASSERT_TRUE(create_disk(files, "/dynamic.vhdx", dynamic_disk(), random));
  ShadowedDisk dynamic(files, "/dynamic.vhdx", random);
  dynamic.open();
  dynamic.write(0, block_size, 0xaa);
  WritePlan plan;
  ASSERT_TRUE(dynamic.chain().trim({block_size / 2, block_size}, plan));
  dynamic.close();
  dynamic.expect_content();

  auto fixed_metadata = dynamic_disk();
  fixed_metadata.leave_blocks_allocated = true;
  ASSERT_TRUE(create_disk(files, "/fixed.vhdx", fixed_metadata, random));
  ShadowedDisk fixed(files, "/fixed.vhdx", random);
  fixed.open();
  fixed.write(0, block_size, 0xaa);
  ASSERT_TRUE(fixed.chain().trim({0, disk_size}, plan));
  fixed.close();
  fixed.expect_content();
}

TEST(Trim, OfAWholeBlockWinsOverAWriteThatWasOnItsWay) {
  // Goal: no old byte, no byte of the parent and no given-up space comes back when a write ends after the
  // trim that overlaps it. Method: a write planned before the trim and published after it; the block absent,
  // partial or full beforehand.
  for (uint64_t written_before : {uint64_t{0}, uint64_t{4096}, block_size}) {
    MemoryFileSystem files;
    SeededRandom random(1);
    ASSERT_NO_FATAL_FAILURE(make_child_over_full_base(files, random));
    {
      auto child = open_vhdx(files, "/child.avhdx", OpenMode::read_write, CacheMode::buffered, random);
      ASSERT_TRUE(child);
      Layer& layer = **child;
      WritePlan early;
      const std::vector<std::byte> bytes(block_size, std::byte{0xbb});
      if (written_before > 0) {
        ASSERT_TRUE(layer.plan_write({0, written_before}, early));
        ASSERT_TRUE(carry_out(layer, early, 0, bytes));
      }
      WritePlan write;
      ASSERT_TRUE(layer.plan_write({512, 512}, write));
      WritePlan trim;
      ASSERT_TRUE(layer.plan_trim({0, block_size}, trim));
      ASSERT_TRUE(carry_out(layer, trim, 0, {}));
      ASSERT_TRUE(carry_out(layer, write, 512, std::span(bytes).first(512)));
      ASSERT_TRUE(layer.flush());
      ASSERT_TRUE(layer.close());
    }
    auto chain = open_chain(files, "/child.avhdx", {}, random);
    ASSERT_TRUE(chain) << chain.error().text();
    std::vector<std::byte> found(block_size);
    ReadPlan plan;
    ASSERT_TRUE(chain->read(0, found, plan));
    EXPECT_TRUE(all_zero(found)) << written_before;
  }
}

TEST(CompactDisk, KeepsEveryByteAndTheIdentityAndShortensTheFile) {
  // Goal: compacting changes the file and not the disk. Method: random writes, zeros and trims against a byte
  // array; the identity and a child before and after; qemu's opinion where it is installed.
  const uint64_t seed = test_seed();
  const TemporaryFolder folder;
  PosixFileSystem files;
  SeededRandom random(seed);
  for (int round = 0; round < 5; ++round) {
    const std::string path = folder.file("disk" + std::to_string(round) + ".vhdx");
    ASSERT_TRUE(create_disk(files, path, dynamic_disk(), random));
    ShadowedDisk disk(files, path, random);
    disk.open();
    for (int step = 0; step < 60; ++step) {
      const uint64_t block = random.next_u64() % 16;
      const uint64_t offset = random.next_u64() % (disk_size / 4096) * 4096;
      switch (random.next_u64() % 4) {
        case 0:
          disk.trim_block(block);
          break;
        case 1:
          disk.zero({block * block_size, block_size});
          break;
        case 2:
          disk.write(block * block_size, block_size, 0);
          break;  // zeros that were written as data
        default:
          disk.write(offset, 4096, static_cast<uint8_t>(step + 1));
      }
    }
    disk.close();
    const Guid identity = (*open_vhdx(files, path, OpenMode::read_only, CacheMode::buffered, random))
                              ->image()
                              .header()
                              .data_write_guid;
    const std::string child = path + ".child";
    ASSERT_TRUE(create_child(files, path, child, {}, random));

    const auto outcome = compact_disk(files, path, random, {}, {});
    ASSERT_TRUE(outcome) << outcome.error().text();
    EXPECT_LE(outcome->file_size_after_bytes, outcome->file_size_before_bytes);
    const auto after = open_vhdx(files, path, OpenMode::read_only, CacheMode::buffered, random);
    ASSERT_TRUE(after) << after.error().text();
    EXPECT_EQ((*after)->image().header().data_write_guid, identity);
    EXPECT_EQ((*after)->image().unclaimed_bytes(), 0U);
    EXPECT_TRUE(open_chain(files, child, {}, random));
    disk.expect_content();
    if (has_program("qemu-img")) {
      EXPECT_EQ(run_program({"qemu-img", "check", path})->exit_code, 0);
    }
  }
}

TEST(CompactDisk, CanBeStoppedAnywhere) {
  // Goal: an interrupted compaction leaves the disk as it reads. Method: stop at the first, second, ...
  // question, then finish.
  for (int stop_at = 0; stop_at < 24; ++stop_at) {
    MemoryFileSystem files;
    SeededRandom random(static_cast<uint64_t>(stop_at));
    ASSERT_TRUE(create_disk(files, "/disk.vhdx", dynamic_disk(), random));
    ShadowedDisk disk(files, "/disk.vhdx", random);
    disk.open();
    for (uint64_t block = 0; block < 12; ++block)
      disk.write(block * block_size, block_size, static_cast<uint8_t>(block % 3));
    disk.close();
    int asked = 0;
    (void)compact_disk(files, "/disk.vhdx", random, {}, [&] { return asked++ == stop_at; });
    disk.expect_content();
    const auto finished = compact_disk(files, "/disk.vhdx", random, {}, {});
    ASSERT_TRUE(finished) << finished.error().text();
    EXPECT_EQ(finished->file_size_after_bytes, 4 * mib + 8 * block_size);
    disk.expect_content();
  }
}

TEST(CompactDisk, SaysWhereverItWasStopped) {
  // Goal: half a compaction is never reported as a whole one. Method: a stop that lasts, from the first,
  // second, ... question on, until one run comes to its end.
  bool was_stopped = true;
  for (int stop_at = 0; was_stopped; ++stop_at) {
    ASSERT_LT(stop_at, 1000);
    MemoryFileSystem files;
    SeededRandom random(1);
    ASSERT_TRUE(create_disk(files, "/disk.vhdx", dynamic_disk(), random));
    ShadowedDisk disk(files, "/disk.vhdx", random);
    disk.open();
    for (uint64_t block = 0; block < 12; ++block)
      disk.write(block * block_size, block_size, static_cast<uint8_t>(block % 3));
    disk.close();
    int asked = 0;
    const auto outcome = compact_disk(files, "/disk.vhdx", random, {}, [&] { return asked++ >= stop_at; });
    was_stopped = asked > stop_at;
    EXPECT_EQ(outcome.has_value(), !was_stopped);
    EXPECT_TRUE(outcome || outcome.error().fault == "compact-interrupted") << outcome.error().text();
    disk.expect_content();
  }
}

TEST(CompactDisk, RefusesAFixedDisk) {
  // Goal: a fixed disk keeps its space, and the refusal has a name.
  MemoryFileSystem files;
  SeededRandom random(1);
  auto metadata = dynamic_disk();
  metadata.leave_blocks_allocated = true;
  ASSERT_TRUE(create_disk(files, "/disk.vhdx", metadata, random));
  const auto outcome = compact_disk(files, "/disk.vhdx", random, {}, {});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().fault, "compact-fixed");
}

TEST(ResizeDisk, GrowsWithZerosAndShrinksOnlyAnEmptyTail) {
  // Goal: no byte is lost without a word. Method: grow, write at the new end, refuse to shrink, clear the
  // tail, shrink.
  MemoryFileSystem files;
  SeededRandom random(1);
  ASSERT_TRUE(create_disk(files, "/disk.vhdx", dynamic_disk(), random));
  ShadowedDisk disk(files, "/disk.vhdx", random);
  disk.open();
  disk.write(0, block_size, 0xaa);
  disk.close();
  ASSERT_TRUE(resize_disk(files, "/disk.vhdx", 2 * disk_size, {}, random));
  {
    auto grown = open_chain(files, "/disk.vhdx", {.mode = OpenMode::read_write}, random);
    ASSERT_TRUE(grown);
    ASSERT_EQ(grown->disk_size_bytes(), 2 * disk_size);
    WritePlan plan;
    const std::vector<std::byte> sector(512, std::byte{0xbb});
    ASSERT_TRUE(grown->write(2 * disk_size - 512, sector, plan));
    ASSERT_TRUE(grown->close());
  }
  const auto refused = resize_disk(files, "/disk.vhdx", disk_size, {}, random);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, "disk-tail-in-use");
  {
    auto chain = open_chain(files, "/disk.vhdx", {.mode = OpenMode::read_write}, random);
    WritePlan plan;
    ASSERT_TRUE(chain->zero({disk_size, disk_size}, plan));
    ASSERT_TRUE(chain->close());
  }
  ASSERT_TRUE(resize_disk(files, "/disk.vhdx", disk_size, {}, random));
  disk.expect_content();
}

TEST(ResizeDisk, RefusesADiskThatOthersStandOn) {
  // Goal: children are never broken without a word. Method: a child beside it.
  MemoryFileSystem files;
  SeededRandom random(1);
  ASSERT_TRUE(create_disk(files, "/disk.vhdx", dynamic_disk(), random));
  ASSERT_TRUE(create_child(files, "/disk.vhdx", "/child.avhdx", {}, random));
  const auto refused = resize_disk(files, "/disk.vhdx", 2 * disk_size, {}, random);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, "disk-has-children");
  EXPECT_TRUE(open_chain(files, "/child.avhdx", {}, random));
}

}  // namespace
}  // namespace vhdlab::tests
