// Changes of shape: the last block, growing, shrinking, another parent.
#include "engine/format/vhdx/check.h"
#include "engine/format/vhdx/faults.h"
#include "tests/engine/format/image_workbench.h"

namespace vhdlab::tests {
namespace {

using namespace vhdx;

TEST(LastBlock, MayBePartialAndTheFileStillHoldsAllOfIt) {
  // Goal: a 5 MiB disk in one 32 MiB block. Method: write its last sector, look at the file.
  DiskMetadata metadata = ImageWorkbench::dynamic_disk();
  metadata.block_size_bytes = 32 * mib;
  metadata.disk_size_bytes = 5 * mib;
  ImageWorkbench bench;
  bench.create(metadata);
  const auto image = bench.open();
  write_guest(*image, 5 * mib - 512, filled(512, 8));
  must(image->close());
  EXPECT_EQ(must(image->file().size_bytes()), 4 * mib + 32 * mib);
  EXPECT_EQ(read_guest(*bench.open(OpenMode::read_only), {5 * mib - 1024, 1024})[512], std::byte{8});
}

TEST(LastBlock, OfAChildWrittenToItsEndIsFullyPresent) {
  DiskMetadata metadata = ImageWorkbench::differencing_disk();
  metadata.block_size_bytes = 2 * mib;
  metadata.disk_size_bytes = 5 * mib;
  ImageWorkbench bench;
  bench.create(metadata);
  const auto image = bench.open();
  write_guest(*image, 4 * mib, filled(1 * mib, 8));
  EXPECT_EQ(must(image->census()).fully_present, 1U);
  zero_guest(*image, {4 * mib, 1 * mib});
  EXPECT_EQ(must(image->census()).zeroed, 1U);
}

// ---- Sizes ----

TEST(SetDiskSize, GrownBytesReadAsZerosWhateverTheFileHolds) {
  // Goal: what lay in the last block past the end does not come to light. Method: fill the whole block in the
  // file by hand, then grow over it; full, partly present, and in another open.
  for (bool child : {false, true}) {
    DiskMetadata metadata = child ? ImageWorkbench::differencing_disk() : ImageWorkbench::dynamic_disk();
    metadata.block_size_bytes = 4 * mib;
    metadata.disk_size_bytes = 5 * mib;
    ImageWorkbench bench;
    bench.create(metadata);
    {
      const auto image = bench.open();
      write_guest(*image, 4 * mib, filled(1 * mib, 0x71));
      must(image->close());
    }
    must(bench.file()->write(BatEntry{bench.bat_entry(1)}.file_offset() + 1 * mib, filled(3 * mib, 0x66)));
    {
      const auto image = bench.open();
      must(image->set_disk_size(20 * mib));
      EXPECT_EQ(image->metadata().disk_size_bytes, 20 * mib);
      EXPECT_EQ(read_guest(*image, {5 * mib, 3 * mib}), filled(3 * mib, 0));
      must(image->close());
    }
    const auto image = bench.open(OpenMode::read_only);
    EXPECT_EQ(image->metadata().disk_size_bytes, 20 * mib);
    EXPECT_EQ(read_guest(*image, {4 * mib, 1 * mib}), filled(1 * mib, 0x71));
    EXPECT_EQ(read_guest(*image, {5 * mib, 3 * mib}), filled(3 * mib, 0));
    EXPECT_EQ(read_guest(*image, {8 * mib, 512}), filled(512, child ? 0xee : 0));
  }
}

TEST(SetDiskSize, GrownPartOfAPartlyPresentBlockIsTheParents) {
  DiskMetadata metadata = ImageWorkbench::differencing_disk();
  metadata.block_size_bytes = 4 * mib;
  metadata.disk_size_bytes = 8 * mib;
  ImageWorkbench bench;
  bench.create(metadata);
  const auto image = bench.open();
  write_guest(*image, 4 * mib + 512, filled(2 * mib, 0x71));
  must(image->set_disk_size(5 * mib));
  must(image->set_disk_size(8 * mib));
  EXPECT_EQ(read_guest(*image, {5 * mib - 512, 512}), filled(512, 0x71));
  EXPECT_EQ(read_guest(*image, {5 * mib, 3 * mib}), filled(3 * mib, 0xee));
}

TEST(SetDiskSize, ShrunkInsideAPartlyPresentBlockMarksNothingPastTheEnd) {
  // Goal: no other program brings back what was cut off when it grows the disk. Method: a block that is
  // present on both sides of the new end, and one that is present behind it only; our own check.
  DiskMetadata metadata = ImageWorkbench::differencing_disk();
  metadata.block_size_bytes = 4 * mib;
  metadata.disk_size_bytes = 8 * mib;
  for (const uint64_t write_from : {4 * mib + 512, 6 * mib}) {
    ImageWorkbench bench;
    bench.create(metadata);
    {
      const auto image = bench.open();
      write_guest(*image, write_from, filled(1 * mib, 0x71));
      must(image->set_disk_size(5 * mib));
      must(image->close());
    }
    EXPECT_EQ(must(check_image(*bench.file())).count_of("vhdx-bitmap-past-disk-end"), 0U);
  }
}

TEST(SetDiskSize, GrownOverAParentInsideABlockMarksNothingPastTheNewEnd) {
  // Goal: what hides the parent ends where the disk does. Method: the last block partly present and not
  // present at all; grown inside it, with a parent that goes on; our own check.
  DiskMetadata metadata = ImageWorkbench::differencing_disk();
  metadata.block_size_bytes = 4 * mib;
  metadata.disk_size_bytes = 5 * mib;
  for (const bool has_block : {true, false}) {
    ImageWorkbench bench;
    bench.create(metadata);
    {
      const auto image = bench.open();
      if (has_block) write_guest(*image, 4 * mib, filled(512, 0x71));
      must(image->set_disk_size(7 * mib, 6 * mib));
      EXPECT_EQ(read_guest(*image, {5 * mib, 1 * mib}), filled(1 * mib, 0));
      EXPECT_EQ(read_guest(*image, {6 * mib, 1 * mib}), filled(1 * mib, 0xee));
      must(image->set_disk_size(7 * mib + 512, 8 * mib));
      must(image->close());
    }
    EXPECT_EQ(must(check_image(*bench.file())).count_of("vhdx-bitmap-past-disk-end"), 0U);
  }
}

TEST(SetDiskSize, AgainFinishesAShrinkingThatACutHasEnded) {
  // Goal: a cut may come between the new size and the forgetting of what lies past it; with the same size
  // asked for again nothing stays. Method: the whole old file with the metadata of the shrunk one.
  for (bool child : {false, true}) {
    DiskMetadata metadata = child ? ImageWorkbench::differencing_disk() : ImageWorkbench::dynamic_disk();
    metadata.block_size_bytes = 2 * mib;
    ImageWorkbench bench;
    bench.create(metadata);
    {
      const auto image = bench.open();
      for (uint64_t at = 0; at < 64 * mib; at += 3 * mib)
        write_guest(*image, at, filled(512, 0x55));
      must(image->close());
    }
    std::vector<std::byte> old_file(must(bench.file()->size_bytes()));
    must(bench.file()->read(0, old_file));
    {
      const auto image = bench.open();
      must(image->set_disk_size(9 * mib));
      must(image->close());
    }
    must(bench.file()->read(ImageWorkbench::metadata_offset,
                            MutableBytes(old_file).subspan(ImageWorkbench::metadata_offset, 1 * mib)));
    must(bench.file()->write(0, old_file));
    const auto leftovers = [&] {
      const CheckReport report = must(check_image(*bench.file()));
      return report.count_of("vhdx-bat-slack-not-zero") + report.count_of("vhdx-block-past-disk-end") +
             report.count_of("vhdx-bitmap-past-disk-end");
    };
    ASSERT_GT(leftovers(), 0U);
    {
      const auto image = bench.open();
      must(image->set_disk_size(9 * mib));
      EXPECT_EQ(read_guest(*image, {6 * mib, 512}), filled(512, 0x55));
      must(image->close());
    }
    EXPECT_EQ(leftovers(), 0U);
  }
}

TEST(SetDiskSize, ShrunkAndGrownAgainDoesNotBringBlocksBack) {
  for (bool child : {false, true}) {
    ImageWorkbench bench;
    bench.create(child ? ImageWorkbench::differencing_disk() : ImageWorkbench::dynamic_disk());
    const auto image = bench.open();
    for (uint64_t block = 0; block < 64; block += 3)
      write_guest(*image, block * mib, filled(512, 0x55));
    must(image->set_disk_size(10 * mib + 512));
    must(image->set_disk_size(64 * mib));
    EXPECT_EQ(read_guest(*image, {9 * mib, 512}), filled(512, 0x55));
    for (uint64_t block = 12; block < 64; block += 3)
      ASSERT_EQ(read_guest(*image, {block * mib, 512}), filled(512, child ? 0xee : 0)) << block;
    must(image->close());
    EXPECT_EQ(fault_of(bench.try_open(OpenMode::read_only)), "");
  }
}

TEST(SetDiskSize, EntriesLeftBehindTheTableByOthersStayUnseenWhenItGrows) {
  // Goal: the region is larger than the table, and what stands behind the table is nobody's: another
  // program's leftovers or an attack. Growing must not take it for blocks. Method: illegal states, overlaps
  // and blocks without bitmaps behind the table of a small disk; grow; read everything; reopen.
  for (bool child : {false, true}) {
    DiskMetadata metadata = child ? ImageWorkbench::differencing_disk() : ImageWorkbench::dynamic_disk();
    metadata.disk_size_bytes = 10 * mib;
    ImageWorkbench bench;
    bench.create_with_data(metadata);
    const uint64_t leftovers[] = {BatEntry::make(BlockState::partially_present, 4 * mib).bits, 5,
                                  BatEntry::make(BlockState::fully_present, 4 * mib).bits,
                                  BatEntry::make(BlockState::fully_present, 1 * tib).bits,
                                  BatEntry::make(BlockState::zero, 4 * mib).bits};
    for (uint64_t entry = 10; entry < 9000; ++entry) {
      if (entry != 4096) bench.set_bat_entry(entry, leftovers[entry % 5]);
    }
    const auto image = bench.open();
    must(image->set_disk_size(8 * gib));
    EXPECT_EQ(read_guest(*image, {0, 1 * mib}), filled(1 * mib, 0xa1));
    for (uint64_t block = 10; block < 8192; block += 7)
      ASSERT_EQ(read_guest(*image, {block * mib, 512}), filled(512, child ? 0xee : 0)) << block;
    must(image->close());
    EXPECT_EQ(fault_of(bench.try_open(OpenMode::read_only)), "");
  }
}

TEST(SetDiskSize, CutBetweenShrinkingAndForgettingDoesNotExposeOldData) {
  // Goal: a disk whose size became smaller and whose entries were not yet taken out grows without them.
  // Method: set the size by hand, as such a cut would leave it.
  ImageWorkbench bench;
  bench.create_with_data(ImageWorkbench::dynamic_disk());
  {
    const auto image = bench.open();
    write_guest(*image, 40 * mib, filled(512, 0x77));
    must(image->close());
  }
  bench.set_item(virtual_disk_size_id, le64(10 * mib));
  const auto image = bench.open();
  must(image->set_disk_size(64 * mib));
  EXPECT_EQ(read_guest(*image, {40 * mib, 512}), filled(512, 0));
}

TEST(SetDiskSize, AddsChunksAndTheirBitmaps) {
  // Goal: growth across chunks. Method: from one chunk to three, then partial writes in each; and back.
  DiskMetadata metadata = ImageWorkbench::differencing_disk();
  metadata.disk_size_bytes = 1 * gib;
  ImageWorkbench bench;
  bench.create(metadata);
  const auto image = bench.open();
  write_guest(*image, 512, filled(512, 1));
  must(image->set_disk_size(10 * gib));
  write_guest(*image, 5 * gib + 512, filled(512, 2));
  write_guest(*image, 10 * gib - 512, filled(512, 3));
  EXPECT_EQ(must(image->census()).bitmap_blocks, 3U);
  must(image->set_disk_size(1 * gib));
  must(image->set_disk_size(10 * gib));
  EXPECT_EQ(read_guest(*image, {512, 512}), filled(512, 1));
  EXPECT_EQ(read_guest(*image, {5 * gib + 512, 512}), filled(512, 0xee));
  write_guest(*image, 10 * gib - 1024, filled(512, 4));
  EXPECT_EQ(read_guest(*image, {10 * gib - 512, 512}), filled(512, 0xee));
  must(image->close());
  EXPECT_EQ(read_guest(*bench.open(OpenMode::read_only), {10 * gib - 1024, 512}), filled(512, 4));
}

TEST(SetDiskSize, RefusesWhatTheTablesRegionCannotDescribe) {
  ImageWorkbench bench;
  bench.create_with_data(ImageWorkbench::dynamic_disk());
  const auto before = bench.all_bytes();
  const auto image = bench.open();
  EXPECT_EQ(fault_of(image->set_disk_size(64 * tib)), "vhdx-bat-too-small");
  EXPECT_EQ(fault_of(image->set_disk_size(64 * mib + 1)), "vhdx-disk-size");
  EXPECT_EQ(fault_of(image->set_disk_size(0)), "vhdx-disk-size");
  EXPECT_EQ(fault_of(image->set_disk_size(64 * mib)), "");
  EXPECT_TRUE(bench.all_bytes() == before);
}

// ---- Parents ----

ParentLocator locator_of_length(size_t letters) {
  ParentLocator locator = *ImageWorkbench::differencing_disk().parent;
  locator.absolute_win32_path = R"(C:\)" + std::string(letters, 'p');
  return locator;
}

TEST(SetParent, LongerAndShorterLocatorsReadBack) {
  // Goal: the item grows in place and shrinks again, durable at once. Method: drop the image without close.
  ImageWorkbench bench;
  bench.create_with_data(ImageWorkbench::differencing_disk());
  for (size_t letters : {1, 5000, 300, 30000, 10}) {
    const ParentLocator wanted = locator_of_length(letters);
    {
      const auto image = bench.open();
      must(image->set_parent(wanted));
      EXPECT_EQ(image->metadata().parent, wanted);
    }
    const auto image = bench.open(OpenMode::read_only);
    EXPECT_EQ(image->metadata().parent, wanted) << letters;
    EXPECT_EQ(read_guest(*image, {0, 512}), filled(512, 0xa1));
  }
}

TEST(SetParent, LongestLocatorSpansMoreThanOneLogEntryCarries) {
  // Goal: three paths of 32,767 letters, over 192 KiB, more pages than an entry's share of the ring: refused
  // or done, never half done.
  ImageWorkbench bench;
  bench.create_with_data(ImageWorkbench::differencing_disk());
  ParentLocator wanted = locator_of_length(32000);
  wanted.relative_path = std::string(32767, 'r');
  wanted.volume_path = std::string(32767, 'v');
  const ParentLocator before = *bench.open(OpenMode::read_only)->metadata().parent;
  const auto image = bench.open();
  const auto done = image->set_parent(wanted);
  const auto reopened = bench.open(OpenMode::read_only);
  EXPECT_EQ(reopened->metadata().parent, done ? wanted : before);
}

TEST(SetParent, RefusesWhatDoesNotFitAndLeavesTheFileAlone) {
  ImageWorkbench bench;
  bench.create_with_data(ImageWorkbench::differencing_disk());
  // Another item right behind the locator leaves it no room.
  const ByteRange item = bench.item(parent_locator_id);
  bench.edit_metadata_table([&](MetadataTableHeader&, MetadataTableEntry* entries) {
    for (int i = 0; i < 6; ++i) {
      if (entries[i].item_id == virtual_disk_size_id)
        entries[i].offset = static_cast<uint32_t>(item.end() - ImageWorkbench::metadata_offset);
    }
  });
  put(*bench.file(), item.end(), le64(64 * mib));
  const auto before = bench.all_bytes();
  const auto image = bench.open();
  const auto done = image->set_parent(locator_of_length(400));
  EXPECT_EQ(fault_of(done), fault_info(Fault::locator_too_long).name);
  EXPECT_TRUE(bench.all_bytes() == before);
}

TEST(SetParent, ReachesALocatorFarFromItsTableEntry) {
  // Goal: other programs may place the item anywhere in a region of up to 4 GiB; the entry and the item
  // change in one small log entry all the same, and nothing else does. Method: a region of 64 MiB with the
  // item near its end; every byte outside log, headers, entry and item stays.
  ImageWorkbench bench;
  bench.create_with_data(ImageWorkbench::differencing_disk());
  const ByteRange item = bench.item(parent_locator_id);
  constexpr uint64_t region = 16 * mib;
  constexpr uint64_t far = 60 * mib;
  {
    const auto file = bench.file();
    must(file->resize(region + 64 * mib));
    std::vector<std::byte> table(128 * kib);
    must(file->read(ImageWorkbench::metadata_offset, table));
    must(file->write(region, table));
    std::vector<std::byte> locator(item.length);
    must(file->read(item.offset, locator));
    must(file->write(region + far, locator));
    auto entry = get<MetadataTableEntry>(*file, region + sizeof(MetadataTableHeader) + 5 * 32);
    ASSERT_EQ(entry.item_id, parent_locator_id);
    entry.offset = static_cast<uint32_t>(far);
    put(*file, region + sizeof(MetadataTableHeader) + 5 * 32, entry);
  }
  bench.edit_region_tables([](RegionTableHeader&, RegionTableEntry* entries) {
    entries[1].file_offset = region;
    entries[1].length = static_cast<uint32_t>(64 * mib);
  });
  const ParentLocator wanted = locator_of_length(9000);
  {
    const auto image = bench.open();
    must(image->set_parent(wanted));
    must(image->close());
  }
  const auto image = bench.open(OpenMode::read_only);
  EXPECT_EQ(image->metadata().parent, wanted);
  EXPECT_EQ(read_guest(*image, {0, 1 * mib}), filled(1 * mib, 0xa1));
  EXPECT_EQ(read_guest(*image, {2 * mib + 512, 512}), filled(512, 0xa2));
}

TEST(SetParent, RefusesADiskThatStandsAlone) {
  ImageWorkbench bench;
  bench.create(ImageWorkbench::dynamic_disk());
  EXPECT_EQ(fault_of(bench.open()->set_parent(locator_of_length(5))), "disk-has-no-parent");
}

}  // namespace
}  // namespace vhdlab::tests
