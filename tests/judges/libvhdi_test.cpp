// libvhdi (20210425) judges the differencing chains we write.
//
// What its word is worth, as measured: it composes chains of any depth, block sizes and both logical sector
// sizes rightly, and looks at the bitmap only of partially present blocks. It is wrong in two cases, and the
// disks here are shaped to stay out of them. In a chunk whose bitmap block is not allocated it reads zeros
// where the parent has data, so every child here begins with one sector in each chunk. A block in state ZERO
// it takes for absent and reads the parent instead, so zeros here are written as data; qemu judges such
// blocks after a merge. It also ignores the log: every file is closed cleanly before it is asked.
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "engine/merge/merge_run.h"
#include "tests/judges/judge_support.h"
#include "tests/judges/libvhdi_disk.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

constexpr uint64_t seed = 30;

::testing::AssertionResult libvhdi_reads_as(const std::vector<std::string>& paths,
                                            const std::string& raw_path,
                                            std::optional<ByteRange> range = {}) {
  const auto judge = open_with_libvhdi(paths);
  if (!judge) return ::testing::AssertionFailure() << judge.error().text();
  RawReader raw(raw_path);
  return same_bytes(**judge, raw, range);
}

// A child of which libvhdi's word is good: see above.
void checkpoint_for_libvhdi(TwinnedDisk& disk, const ChildOptions& options) {
  disk.checkpoint(options);
  disk.write_zeros_as_data();
  const uint64_t sector = disk.chain().sector_size_bytes();
  const uint64_t chunk = sector * vhdx::sectors_per_chunk;
  for (uint64_t offset = 5 * sector; offset < disk.chain().disk_size_bytes(); offset += chunk)
    disk.write({offset, sector});
}

struct Shape {
  int depth;
  uint64_t disk_size_bytes;
  uint64_t base_block_size_bytes;
  uint64_t child_block_size_bytes;
  uint32_t sector_size_bytes = 512;
};

std::string describe(const Shape& shape) {
  return fmt::format("{}BytesDepth{}Blocks{}On{}MiBSectorsOf{}", shape.disk_size_bytes, shape.depth,
                     shape.child_block_size_bytes / mib, shape.base_block_size_bytes / mib,
                     shape.sector_size_bytes);
}

void PrintTo(const Shape& shape, std::ostream* out) {
  *out << describe(shape);
}

std::string name_of(const ::testing::TestParamInfo<Shape>& parameter) {
  return describe(parameter.param);
}

class LibvhdiOnOurs : public ::testing::TestWithParam<Shape> {
 protected:
  TemporaryFolder folder_;
};

TEST_P(LibvhdiOnOurs, AgreesOnAChain) {
  // Goal: a chain of partial and whole blocks reads the same there, here, and in a raw twin.
  VHDLAB_NEEDS_LIBVHDI();
  const Shape& shape = GetParam();
  TwinnedDisk disk(folder_, "disk",
                   make_disk(shape.disk_size_bytes, static_cast<uint32_t>(shape.base_block_size_bytes),
                             shape.sector_size_bytes),
                   seed);
  disk.write_awkward_shapes();
  for (int depth = 1; depth <= shape.depth; ++depth) {
    checkpoint_for_libvhdi(disk, {.block_size_bytes = static_cast<uint32_t>(shape.child_block_size_bytes)});
    // Every third child holds only scattered sectors, so that reads go through it in part.
    if (depth % 3 != 0) disk.write_awkward_shapes();
    disk.write_at_random(12, depth % 3 == 0 ? 64 * kib : 3 * mib);
  }
  disk.close();
  EXPECT_TRUE(reads_as(disk.path(), disk.twin_path()));
  EXPECT_TRUE(libvhdi_reads_as(disk.paths(), disk.twin_path()));
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, LibvhdiOnOurs,
    ::testing::Values(Shape{1, 50 * mib, 2 * mib, 2 * mib}, Shape{1, 50 * mib + 512, 2 * mib, 2 * mib},
                      Shape{1, 48 * mib + 4096, 32 * mib, 1 * mib, 4096},
                      Shape{1, 300 * mib + 512, 2 * mib, 256 * mib},
                      Shape{2, 150 * mib - 512, 1 * mib, 32 * mib}, Shape{2, 40 * mib, 32 * mib, 1 * mib},
                      Shape{3, 60 * mib + 8192, 8 * mib, 2 * mib, 4096},
                      Shape{4, 50 * mib + 1024, 2 * mib, 4 * mib}, Shape{5, 64 * mib, 16 * mib, 2 * mib},
                      Shape{6, 100 * mib, 2 * mib, 16 * mib}, Shape{7, 30 * mib + 512, 1 * mib, 1 * mib},
                      Shape{8, 80 * mib + 512, 32 * mib, 2 * mib}),
    name_of);

TEST(LibvhdiOnOneOfOurs, AgreesOnBothSidesOfAChunkEnd) {
  // Goal: the second bitmap block of a child stands where others look for it. A chunk spans 4 GiB.
  VHDLAB_NEEDS_LIBVHDI();
  TemporaryFolder folder;
  for (const uint32_t block_size_bytes : {1 * mib, 2 * mib, 32 * mib}) {
    TwinnedDisk disk(folder, fmt::format("blocks-of-{}", block_size_bytes),
                     make_disk(4 * gib + 70 * mib + 512, 32 * mib), seed);
    const ByteRange around{4 * gib - 40 * mib, 110 * mib + 512};
    disk.write({around.offset + 10 * mib, 80 * mib});
    for (int depth = 1; depth <= 2; ++depth) {
      checkpoint_for_libvhdi(disk, {.block_size_bytes = block_size_bytes});
      disk.write({4 * gib - 512, 1024});
      for (uint64_t i = 0; i < 12; ++i) {
        disk.write({around.offset + disk.random().next_u64() % (100 * mib / 512) * 512, uint64_t{512} << i});
      }
    }
    disk.close();
    EXPECT_TRUE(libvhdi_reads_as(disk.paths(), disk.twin_path(), around)) << block_size_bytes;
    EXPECT_TRUE(libvhdi_reads_as(disk.paths(), disk.twin_path(), ByteRange{0, 8 * mib})) << block_size_bytes;
    EXPECT_TRUE(reads_as(disk.path(), disk.twin_path())) << block_size_bytes;
  }
}

TEST(LibvhdiOnOneOfOurs, AgreesAfterMergesOfEveryRange) {
  // Goal: what stays of a chain after merging layers (target, top] into target reads as before, for every
  // range.
  VHDLAB_NEEDS_LIBVHDI();
  constexpr LayerIndex depth = 4;
  for (LayerIndex target = 0; target < depth; ++target) {
    for (LayerIndex top = target + 1; top <= depth; ++top) {
      SCOPED_TRACE(fmt::format("layers {} to {} into {}", target + 1, top, target));
      TemporaryFolder folder;
      TwinnedDisk disk(folder, "disk", make_disk(40 * mib + 512, 8 * mib), seed);
      disk.write_awkward_shapes();
      for (LayerIndex i = 1; i <= depth; ++i) {
        checkpoint_for_libvhdi(disk,
                               {.block_size_bytes = static_cast<uint32_t>(i % 2 == 0 ? 2 * mib : 1 * mib)});
        disk.write_at_random(10, i % 2 == 0 ? 3 * mib : 128 * kib);
      }
      disk.close();
      must(merge(disk.files(), disk.path(), {.target = target, .top = top}, {}, disk.random()));
      std::vector<std::string> left = disk.paths();
      left.erase(left.begin() + target + 1, left.begin() + top + 1);
      EXPECT_TRUE(reads_as(left.back(), disk.twin_path()));
      EXPECT_TRUE(libvhdi_reads_as(left, disk.twin_path()));
    }
  }
}

TEST(LibvhdiOnOneOfOurs, AgreesOnRandomChains) {
  // Goal: shapes nobody thought of. Method: random sizes, sectors, depths and writes from a printed seed.
  VHDLAB_NEEDS_LIBVHDI();
  SeededRandom choices(test_seed());
  auto choose = [&](uint64_t count) { return choices.next_u64() % count; };
  for (int round = 0; round < 10; ++round) {
    TemporaryFolder folder;
    const uint32_t sector = choose(3) == 0 ? 4096 : 512;
    const uint64_t size = 3 * mib + choose(60 * mib / sector) * sector;
    auto any_block_size = [&] { return static_cast<uint32_t>(mib << choose(7)); };
    TwinnedDisk disk(folder, "disk", make_disk(size, any_block_size(), sector), choices.next_u64());
    disk.write_at_random(static_cast<int>(choose(20)), 4 * mib);
    const uint64_t depth = 1 + choose(8);
    for (uint64_t i = 0; i < depth; ++i) {
      checkpoint_for_libvhdi(disk, {.block_size_bytes = any_block_size()});
      disk.write_at_random(static_cast<int>(choose(15)), sector << choose(12));
    }
    disk.close();
    EXPECT_TRUE(reads_as(disk.path(), disk.twin_path())) << "round " << round;
    EXPECT_TRUE(libvhdi_reads_as(disk.paths(), disk.twin_path())) << "round " << round;
  }
}

}  // namespace
}  // namespace vhdlab::tests
