// Merges of the largest disks there are, 64 TiB: time and memory follow what was written, not the disk's
// size.
#include <gtest/gtest.h>

#include "engine/chain/chain_open.h"
#include "engine/merge/merge_run.h"
#include "tests/engine/format/image_workbench.h"

namespace vhdlab::tests {
namespace {

struct Shape {
  uint32_t block_mib;
  uint32_t sector_bytes;
};

class MergeOfTheLargestDisk : public testing::TestWithParam<Shape> {};

TEST_P(MergeOfTheLargestDisk, FollowsWhatWasWritten) {
  // Goal: 2^26 blocks cost nothing where nothing is. Method: three layers written at both ends and in the
  // middle, merged; bytes moved, bytes stored in memory, table pages read while planning.
  const auto [block_mib, sector] = GetParam();
  MemoryFileSystem files;
  SeededRandom random(51);
  vhdx::DiskMetadata metadata;
  metadata.disk_size_bytes = vhdx::disk_size_max_bytes;
  metadata.block_size_bytes = static_cast<uint32_t>(block_mib * mib);
  metadata.logical_sector_size_bytes = sector;
  std::vector<std::string> paths = {"/vm/base.vhdx"};
  must(create_disk(files, paths[0], metadata, random));
  const uint64_t last = vhdx::disk_size_max_bytes - sector;
  const uint64_t middle = vhdx::disk_size_max_bytes / 2 - sector;
  for (uint8_t layer = 1; layer <= 3; ++layer) {
    paths.push_back("/vm/" + std::to_string(layer) + ".avhdx");
    must(create_child(files, paths[layer - 1U], paths[layer],
                      {.block_size_bytes = static_cast<uint32_t>(block_mib * mib)}, random));
    auto chain = must(open_chain(files, paths[layer], {.mode = OpenMode::read_write}, random));
    WritePlan plan;
    must(chain.write(uint64_t{layer} * sector, filled(sector, layer), plan));
    must(chain.write(middle, filled(2 * sector, static_cast<uint8_t>(layer + 10)), plan));
    must(chain.write(last, filled(sector, static_cast<uint8_t>(layer + 20)), plan));
    must(chain.close());
  }
  const MergeRange range{.target = 0, .top = 3};
  {
    const auto chain = must(open_chain(files, paths[3], {}, random));
    const MergeEstimate estimate = must(estimate_merge(chain, range));
    EXPECT_EQ(estimate.bytes_to_copy, 6U * sector);
    uint64_t pages = 0;
    for (const auto& layer : chain.layers())
      pages += layer->metadata_pages_loaded();
    EXPECT_LE(pages, 40U);
  }
  const MergeOutcome outcome = must(merge(files, paths[3], range, {}, random));
  EXPECT_EQ(outcome.bytes_copied, 6U * sector);
  const auto disk = must(open_chain(files, paths[0], {}, random));
  ReadPlan plan;
  auto reads = [&](uint64_t offset, uint8_t value) {
    std::vector<std::byte> found(sector);
    must(disk.read(offset, found, plan));
    return found == filled(sector, value);
  };
  for (uint8_t layer = 1; layer <= 3; ++layer)
    EXPECT_TRUE(reads(uint64_t{layer} * sector, layer));
  EXPECT_TRUE(reads(0, 0));
  EXPECT_TRUE(reads(middle, 13));
  EXPECT_TRUE(reads(middle + sector, 13));
  EXPECT_TRUE(reads(last, 23));
  EXPECT_TRUE(reads(last - sector, 0));
  EXPECT_LE(files.used_bytes(), 8 * mib);
}

INSTANTIATE_TEST_SUITE_P(Shapes, MergeOfTheLargestDisk,
                         testing::Values(Shape{1, 512}, Shape{1, 4096}, Shape{32, 512}, Shape{256, 4096}),
                         [](const auto& parameter) {
                           return std::to_string(parameter.param.block_mib) + "MiBBlocks" +
                                  std::to_string(parameter.param.sector_bytes) + "ByteSectors";
                         });

}  // namespace
}  // namespace vhdlab::tests
