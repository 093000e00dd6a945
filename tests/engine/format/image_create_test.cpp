// New images: their size and layout as Windows makes them, and what is refused.
#include <map>

#include <gmock/gmock.h>

#include "tests/engine/format/image_workbench.h"

namespace vhdlab::tests {
namespace {

using namespace vhdx;

uint64_t created_size(const DiskMetadata& metadata) {
  ImageWorkbench bench;
  bench.create(metadata);
  return must(must(bench.files.open(ImageWorkbench::path, OpenMode::read_only))->size_bytes());
}

TEST(CreateImage, FreshFilesHaveTheSizeWindowsGivesThem) {
  // Goal: 4,194,304 bytes for a dynamic disk with 32 MiB blocks and for a differencing one with 2 MiB blocks.
  DiskMetadata dynamic = ImageWorkbench::dynamic_disk();
  dynamic.block_size_bytes = default_dynamic_block_size_bytes;
  dynamic.disk_size_bytes = 127 * gib;
  EXPECT_EQ(default_dynamic_block_size_bytes, 32 * mib);
  EXPECT_EQ(created_size(dynamic), 4'194'304U);
  DiskMetadata differencing = ImageWorkbench::differencing_disk();
  differencing.block_size_bytes = default_differencing_block_size_bytes;
  differencing.disk_size_bytes = 127 * gib;
  EXPECT_EQ(default_differencing_block_size_bytes, 2 * mib);
  EXPECT_EQ(created_size(differencing), 4'194'304U);
}

TEST(CreateImage, FixedDiskHasEveryBlockInPlace) {
  DiskMetadata metadata = ImageWorkbench::dynamic_disk();
  metadata.leave_blocks_allocated = true;
  metadata.block_size_bytes = 2 * mib;
  metadata.disk_size_bytes = 9 * mib;
  ImageWorkbench bench;
  bench.create(metadata);
  EXPECT_EQ(created_size(metadata), 4 * mib + 10 * mib);
  const auto image = bench.open();
  EXPECT_TRUE(image->metadata().leave_blocks_allocated);
  EXPECT_EQ(must(image->census()).fully_present, 5U);
  std::vector<Extent> extents;
  must(image->resolve({0, 9 * mib}, extents));
  EXPECT_THAT(extents, testing::ElementsAre(Extent{ExtentKind::data, 0, 9 * mib, 4 * mib}));
  zero_guest(*image, {0, 9 * mib});
  EXPECT_EQ(must(image->census()).fully_present, 5U) << "a fixed disk keeps its blocks";
}

TEST(CreateImage, EverySizeAndSectorReadsBackAsAsked) {
  // Goal: what is asked for is what is opened. Method: all block sizes, sector sizes, kinds.
  for (uint64_t block_mib = 1; block_mib <= 256; block_mib *= 2) {
    for (uint32_t sector : {512U, 4096U}) {
      for (bool child : {false, true}) {
        DiskMetadata metadata = child ? ImageWorkbench::differencing_disk() : ImageWorkbench::dynamic_disk();
        metadata.block_size_bytes = static_cast<uint32_t>(block_mib * mib);
        metadata.logical_sector_size_bytes = sector;
        metadata.physical_sector_size_bytes = 4096;
        metadata.disk_size_bytes = 5 * gib + sector;
        metadata.virtual_disk_id = Guid::literal("77777777-1111-4222-8333-444444444444");
        ImageWorkbench bench;
        bench.create(metadata);
        const auto image = bench.open(OpenMode::read_only);
        const DiskMetadata& found = image->metadata();
        EXPECT_EQ(found.block_size_bytes, metadata.block_size_bytes);
        EXPECT_EQ(found.logical_sector_size_bytes, sector);
        EXPECT_EQ(found.physical_sector_size_bytes, 4096U);
        EXPECT_EQ(found.disk_size_bytes, metadata.disk_size_bytes);
        EXPECT_EQ(found.virtual_disk_id, metadata.virtual_disk_id);
        EXPECT_EQ(found.parent, metadata.parent);
        const auto last = read_guest(*image, {metadata.disk_size_bytes - sector, sector});
        EXPECT_EQ(last, std::vector<std::byte>(sector, child ? absent_byte : std::byte{0}));
      }
    }
  }
}

TEST(CreateImage, MetadataFlagsAreThoseOfWindows) {
  // Goal: 6 (disk, required) on size, identity and sector sizes, 4 (required) on parameters and locator.
  ImageWorkbench bench;
  bench.create(ImageWorkbench::differencing_disk());
  std::map<Guid, uint32_t> flags;
  bench.edit_metadata_table([&](MetadataTableHeader& header, MetadataTableEntry* entries) {
    for (uint16_t i = 0; i < header.entry_count; ++i)
      flags[entries[i].item_id] = entries[i].flags;
  });
  EXPECT_EQ(flags, (std::map<Guid, uint32_t>{{file_parameters_id, 4},
                                             {virtual_disk_size_id, 6},
                                             {virtual_disk_id_id, 6},
                                             {logical_sector_size_id, 6},
                                             {physical_sector_size_id, 6},
                                             {parent_locator_id, 4}}));
}

TEST(CreateImage, SameSeedGivesTheSameBytes) {
  // Goal: identities come from the given source alone.
  ImageWorkbench first;
  ImageWorkbench second;
  first.create(ImageWorkbench::differencing_disk());
  second.create(ImageWorkbench::differencing_disk());
  EXPECT_TRUE(first.all_bytes() == second.all_bytes());
}

TEST(CreateImage, RefusesWhatNoDiskCanBe) {
  const auto fault_with = [](const std::function<void(DiskMetadata&)>& change) {
    DiskMetadata metadata = ImageWorkbench::dynamic_disk();
    change(metadata);
    ImageWorkbench bench;
    const auto file = must(bench.files.create(ImageWorkbench::path));
    const std::string fault = fault_of(Image::create(*file, metadata, bench.random));
    EXPECT_EQ(must(file->size_bytes()), 0U) << "something was written before the request was checked";
    return fault;
  };
  EXPECT_EQ(fault_with([](DiskMetadata& m) { m.block_size_bytes = 3 * mib; }), "vhdx-block-size");
  EXPECT_EQ(fault_with([](DiskMetadata& m) { m.block_size_bytes = 512 * kib; }), "vhdx-block-size");
  EXPECT_EQ(fault_with([](DiskMetadata& m) { m.block_size_bytes = 512 * mib; }), "vhdx-block-size");
  EXPECT_EQ(fault_with([](DiskMetadata& m) { m.block_size_bytes = 0; }), "vhdx-block-size");
  EXPECT_EQ(fault_with([](DiskMetadata& m) { m.disk_size_bytes = 0; }), "vhdx-disk-size");
  EXPECT_EQ(fault_with([](DiskMetadata& m) { m.disk_size_bytes = 3 * mib - 512; }), "vhdx-disk-size");
  EXPECT_EQ(fault_with([](DiskMetadata& m) { m.disk_size_bytes = 64 * tib + 512; }), "vhdx-disk-size");
  EXPECT_EQ(fault_with([](DiskMetadata& m) { m.disk_size_bytes = 4 * mib + 1; }), "vhdx-disk-size");
  EXPECT_EQ(fault_with([](DiskMetadata& m) {
              m.logical_sector_size_bytes = 4096;
              m.disk_size_bytes = 4 * mib + 512;
            }),
            "vhdx-disk-size");
  EXPECT_EQ(fault_with([](DiskMetadata& m) { m.logical_sector_size_bytes = 520; }), "vhdx-sector-size");
  EXPECT_EQ(fault_with([](DiskMetadata& m) { m.physical_sector_size_bytes = 8192; }), "vhdx-sector-size");
}

TEST(CreateImage, RefusesAFixedDiskWithAParent) {
  DiskMetadata metadata = ImageWorkbench::differencing_disk();
  metadata.leave_blocks_allocated = true;
  ImageWorkbench bench;
  const auto file = must(bench.files.create(ImageWorkbench::path));
  EXPECT_EQ(fault_of(Image::create(*file, metadata, bench.random)), "disk-fixed-with-parent");
}

TEST(CreateImage, FullDeviceIsAnErrorThatSaysSo) {
  MemoryFileSystem files(128 * kib);
  SeededRandom random(1);
  const auto file = must(files.create("/disk.vhdx"));
  EXPECT_EQ(fault_of(Image::create(*file, ImageWorkbench::dynamic_disk(), random)), "file-no-space");
}

}  // namespace
}  // namespace vhdlab::tests
