// Disks of 64 TiB, the largest there are: opened and written at both ends with memory in proportion to what
// is touched, in sparse files.
#include "engine/io/posix_file_system.h"
#include "tests/engine/format/image_workbench.h"
#include "tests/support/temporary_folder.h"

namespace vhdlab::tests {
namespace {

using namespace vhdx;

struct Shape {
  uint64_t block_mib;
  uint32_t sector;
  bool child;
};

class LargestDisk : public testing::TestWithParam<Shape> {};

TEST_P(LargestDisk, IsWrittenAtBothEndsInBoundedMemory) {
  // Goal: 2^26 blocks do not cost 2^26 of anything. Method: bytes in the memory file system (what was
  // written) and table pages loaded (what was read).
  const auto [block_mib, sector, child] = GetParam();
  DiskMetadata metadata = child ? ImageWorkbench::differencing_disk() : ImageWorkbench::dynamic_disk();
  metadata.disk_size_bytes = disk_size_max_bytes;
  metadata.block_size_bytes = static_cast<uint32_t>(block_mib * mib);
  metadata.logical_sector_size_bytes = sector;
  ImageWorkbench bench;
  bench.create(metadata);
  const uint64_t last = disk_size_max_bytes - sector;
  {
    const auto image = bench.open();
    write_guest(*image, 0, filled(sector, 1));
    write_guest(*image, disk_size_max_bytes / 2 - sector, filled(2 * sector, 2));
    write_guest(*image, last, filled(sector, 3));
    must(image->close());
    EXPECT_LE(image->metadata_pages_loaded(), 24U);
  }
  const auto image = bench.open();
  EXPECT_EQ(read_guest(*image, {0, sector}), filled(sector, 1));
  EXPECT_EQ(read_guest(*image, {disk_size_max_bytes / 2 - sector, 2 * sector}), filled(2 * sector, 2));
  EXPECT_EQ(read_guest(*image, {last, sector}), filled(sector, 3));
  EXPECT_EQ(read_guest(*image, {last - sector, sector}), filled(sector, child ? 0xee : 0));
  EXPECT_LE(bench.files.used_bytes(), 4 * mib);
}

INSTANTIATE_TEST_SUITE_P(Shapes, LargestDisk,
                         testing::Values(Shape{1, 512, false}, Shape{1, 512, true}, Shape{256, 512, false},
                                         Shape{256, 4096, true}, Shape{1, 4096, true}, Shape{32, 512, false}),
                         [](const auto& parameter) {
                           const Shape& shape = parameter.param;
                           return std::to_string(shape.block_mib) + "MiBBlocks" +
                                  std::to_string(shape.sector) + "ByteSectors" +
                                  (shape.child ? "Child" : "Alone");
                         });

TEST(LargestDisk, LivesInASparseFileOfTheHostToo) {
  TemporaryFolder folder;
  PosixFileSystem files;
  SeededRandom random(1);
  const std::string path = folder.file("large.vhdx");
  DiskMetadata metadata = ImageWorkbench::differencing_disk();
  metadata.disk_size_bytes = disk_size_max_bytes;
  {
    const auto file = must(files.create(path));
    must(Image::create(*file, metadata, random));
  }
  {
    const auto image =
        must(Image::open(must(files.open(path, OpenMode::read_write)), OpenMode::read_write, random));
    write_guest(*image, disk_size_max_bytes - 512, filled(512, 3));
    must(image->close());
  }
  const auto image =
      must(Image::open(must(files.open(path, OpenMode::read_only)), OpenMode::read_only, random));
  EXPECT_EQ(read_guest(*image, {disk_size_max_bytes - 512, 512}), filled(512, 3));
  EXPECT_LE(must(image->file().allocated_bytes()), 8 * mib);
}

TEST(HugeFile, OfExbibytesOpensWithoutExbibytesOfMemory) {
  // Goal: a sparse file costs its maker nothing; opening it must not cost us. Method: 2^62 bytes, with a
  // block near the end.
  ImageWorkbench bench;
  bench.create_with_data(ImageWorkbench::dynamic_disk());
  must(bench.file()->resize(uint64_t{1} << 62));
  bench.set_bat_entry(5, BatEntry::make(BlockState::fully_present, (uint64_t{1} << 62) - mib).bits);
  const auto image = bench.open(OpenMode::read_only);
  EXPECT_EQ(read_guest(*image, {5 * mib, 512}), filled(512, 0));
}

}  // namespace
}  // namespace vhdlab::tests
