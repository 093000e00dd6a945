// Partly present blocks: which sectors a child holds, at every awkward edge of the bitmap.
#include <gmock/gmock.h>

#include "tests/engine/format/image_workbench.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

using namespace vhdx;

DiskMetadata child_of(uint32_t sector_size, uint32_t block_mib, uint64_t disk_size) {
  DiskMetadata metadata = ImageWorkbench::differencing_disk();
  metadata.logical_sector_size_bytes = sector_size;
  metadata.block_size_bytes = static_cast<uint32_t>(block_mib * mib);
  metadata.disk_size_bytes = disk_size;
  return metadata;
}

// Expects that exactly the sectors [first, first + count) are present around that run.
void expect_run(Image& image, uint64_t sector_size, uint64_t first, uint64_t count, std::byte value) {
  const uint64_t margin = 70;
  const uint64_t begin = first > margin ? first - margin : 0;
  const uint64_t end = std::min(first + count + margin, image.metadata().disk_size_bytes / sector_size);
  const auto data = read_guest(image, {begin * sector_size, (end - begin) * sector_size});
  for (uint64_t sector = begin; sector < end; ++sector) {
    const bool present = sector >= first && sector < first + count;
    ASSERT_EQ(data[(sector - begin) * sector_size], present ? value : absent_byte)
        << "sector " << sector << " of the run at " << first << ", " << count << " long";
  }
}

TEST(SectorBitmap, RunsBeginAndEndAtAnyBit) {
  // Goal: runs that start at a bit other than 0, end at one other than 7, and cross a byte or a word.
  // Method: every start in the first two words against lengths around 8 and 64, each in a fresh block.
  for (uint32_t sector_size : {512U, 4096U}) {
    ImageWorkbench bench;
    bench.create(child_of(sector_size, 1, 3 * gib));
    const auto image = bench.open();
    const uint64_t sectors_per_block = 1 * mib / sector_size;
    uint64_t block = 1;
    for (uint64_t start = 0; start < 130; start += start % 64 < 10 ? 1 : 9) {
      for (uint64_t count : {1, 2, 7, 8, 9, 63, 64, 65}) {
        const uint64_t first = block * sectors_per_block + start;
        write_guest(*image, first * sector_size, filled(count * sector_size, 0x5a));
        expect_run(*image, sector_size, first, count, std::byte{0x5a});
        if (image->flush_is_due()) must(image->flush());
        block += 3;
      }
    }
  }
}

TEST(SectorBitmap, RunsCrossPagesAndChunks) {
  // Goal: 32,768 bits fill a 4 KiB page and 2^23 bits a chunk; runs over those edges are one run to a reader.
  for (uint32_t sector_size : {512U, 4096U}) {
    ImageWorkbench bench;
    const uint64_t chunk = uint64_t{sector_size} << 23;
    bench.create(child_of(sector_size, 32, 2 * chunk + 64 * mib));
    const uint64_t page = uint64_t{sector_size} << 15;  // bytes of the disk that one bitmap page describes
    {
      const auto image = bench.open();
      for (uint64_t edge : {page, 5 * page, chunk, 2 * chunk}) {
        write_guest(*image, edge - 3 * sector_size, filled(8 * sector_size, 0x77));
      }
      must(image->close());
    }
    const auto image = bench.open(OpenMode::read_only);
    for (uint64_t edge : {page, 5 * page, chunk, 2 * chunk}) {
      expect_run(*image, sector_size, edge / sector_size - 3, 8, std::byte{0x77});
    }
    EXPECT_EQ(must(image->census()).bitmap_blocks, 3U);
  }
}

TEST(SectorBitmap, LowestBitOfAByteIsItsFirstSector) {
  // Goal: least significant bit first, unlike VHD. Method: look at the byte on disk.
  ImageWorkbench bench;
  bench.create(child_of(512, 1, 64 * mib));
  const auto image = bench.open();
  write_guest(*image, 512, filled(512, 1));
  write_guest(*image, 9 * 512, filled(2 * 512, 1));
  must(image->close());
  const uint64_t bitmap = BatEntry{bench.bat_entry(4096)}.file_offset();
  EXPECT_EQ(get<le16>(image->file(), bitmap), 0b0000'0110'0000'0010);
}

TEST(SectorBitmap, IsNotLookedAtWhereABlockIsFullyPresent) {
  // Goal: in FULLY_PRESENT the bits mean nothing. Method: clear the bitmap of a full block behind its back.
  ImageWorkbench bench;
  bench.create_with_data(ImageWorkbench::differencing_disk());
  const uint64_t bitmap = BatEntry{bench.bat_entry(4096)}.file_offset();
  put(*bench.file(), bitmap, std::array<std::byte, 4096>{});
  const auto image = bench.open(OpenMode::read_only);
  EXPECT_EQ(read_guest(*image, {0, 1 * mib}), filled(1 * mib, 0xa1));
  EXPECT_EQ(read_guest(*image, {2 * mib, 1 * mib}), std::vector<std::byte>(1 * mib, absent_byte));
}

TEST(SectorBitmap, AgreesWithAPlainArrayUnderRandomWritesAndZeros) {
  // Goal: any mixture of runs reads back. Method: seeded runs against one value per sector, reopened now and
  // then; block sizes and sector sizes mixed.
  const uint64_t seed = test_seed();
  for (uint32_t sector_size : {512U, 4096U}) {
    for (uint32_t block_mib : {1U, 4U}) {
      SeededRandom random(mix64(seed ^ mix64(sector_size + block_mib)));
      ImageWorkbench bench;
      const uint64_t disk_size = 9 * mib + sector_size;
      bench.create(child_of(sector_size, block_mib, disk_size));
      std::vector<std::byte> model(disk_size, absent_byte);
      auto image = bench.open();
      for (int step = 0; step < 120; ++step) {
        const uint64_t sectors = disk_size / sector_size;
        const uint64_t first = random.next_u64() % sectors;
        const uint64_t limit = random.next_u64() % 3 == 0 ? sectors : 40;
        const uint64_t count = 1 + random.next_u64() % std::min(sectors - first, limit);
        const ByteRange range{first * sector_size, count * sector_size};
        if (random.next_u64() % 4 == 0) {
          zero_guest(*image, range);
          std::fill_n(model.begin() + static_cast<ptrdiff_t>(range.offset), range.length, std::byte{0});
        } else {
          const auto data = filled(range.length, static_cast<uint8_t>(1 + step % 200));
          write_guest(*image, range.offset, data);
          std::ranges::copy(data, model.begin() + static_cast<ptrdiff_t>(range.offset));
        }
        if (random.next_u64() % 20 == 0) {
          must(image->close());
          image.reset();
          image = bench.open();
        }
        if (step % 8 == 0) {
          const auto found = read_guest(*image, {0, disk_size});
          ASSERT_EQ(std::memcmp(found.data(), model.data(), model.size()), 0)
              << "step " << step << ", byte " << std::ranges::mismatch(found, model).in1 - found.begin();
        }
      }
      EXPECT_TRUE(read_guest(*image, {0, disk_size}) == model);
    }
  }
}

TEST(SectorBitmap, ReadsMayBeginAndEndInsideASector) {
  ImageWorkbench bench;
  bench.create(child_of(4096, 1, 64 * mib));
  const auto image = bench.open();
  write_guest(*image, 8192, filled(4096, 9));
  const auto data = read_guest(*image, {8192 - 5, 4096 + 12});
  EXPECT_EQ(std::vector(data.begin(), data.begin() + 5), std::vector<std::byte>(5, absent_byte));
  EXPECT_EQ(std::vector(data.begin() + 5, data.end() - 7), filled(4096, 9));
  EXPECT_EQ(std::vector(data.end() - 7, data.end()), std::vector<std::byte>(7, absent_byte));
}

// ---- States that hide the parent ----

TEST(BlockStates, OnlyNotPresentFallsThroughToTheParent) {
  // Goal: ZERO, UNMAPPED and UNDEFINED of a child read as zeros, with or without an offset where that is
  // legal.
  for (BlockState state : {BlockState::zero, BlockState::unmapped, BlockState::undefined}) {
    ImageWorkbench bench;
    bench.create_with_data(ImageWorkbench::differencing_disk());
    bench.set_bat_entry(1, static_cast<uint64_t>(state));
    const auto image = bench.open(OpenMode::read_only);
    EXPECT_EQ(read_guest(*image, {1 * mib, 1 * mib}), filled(1 * mib, 0)) << static_cast<int>(state);
    EXPECT_EQ(read_guest(*image, {3 * mib, 512}), std::vector<std::byte>(512, absent_byte));
  }
}

TEST(BlockStates, UnmappedMayKeepAnOffsetAndStillReadsAsZeros) {
  // Goal: legal, and written by Windows; the space is not given to another block, and a write keeps the rest
  // of the block zero.
  for (const DiskMetadata& metadata : {ImageWorkbench::dynamic_disk(), ImageWorkbench::differencing_disk()}) {
    ImageWorkbench bench;
    bench.create_with_data(metadata);
    bench.set_bat_entry(0, BatEntry::make(BlockState::unmapped, 4 * mib).bits);  // its old data still there
    const auto image = bench.open();
    EXPECT_EQ(read_guest(*image, {0, 1 * mib}), filled(1 * mib, 0));
    write_guest(*image, 5 * 512, filled(512, 0x11));
    auto expected = filled(1 * mib, 0);
    std::fill_n(expected.begin() + 5 * 512, 512, std::byte{0x11});
    EXPECT_TRUE(read_guest(*image, {0, 1 * mib}) == expected);
    must(image->close());
    EXPECT_TRUE(read_guest(*bench.open(OpenMode::read_only), {0, 1 * mib}) == expected);
  }
}

TEST(BlockStates, TwoWritesPlannedTogetherIntoAnUnmappedBlockBothStay) {
  // Goal: disjoint writes in flight together do not wipe each other out. Method: plan both, then carry out
  // the first, then the second, as two threads might.
  ImageWorkbench bench;
  bench.create_with_data(ImageWorkbench::dynamic_disk());
  bench.set_bat_entry(0, BatEntry::make(BlockState::unmapped, 4 * mib).bits);
  VhdxLayer layer(ImageWorkbench::path, bench.open());
  WritePlan first;
  WritePlan second;
  must(layer.plan_write({0, 512}, first));
  must(layer.plan_write({512, 512}, second));
  must(carry_out(layer, first, 0, filled(512, 1)));
  must(carry_out(layer, second, 512, filled(512, 2)));
  EXPECT_EQ(read_guest(layer.image(), {0, 512}), filled(512, 1));
  EXPECT_EQ(read_guest(layer.image(), {512, 512}), filled(512, 2));
  EXPECT_EQ(read_guest(layer.image(), {1024, 512}), filled(512, 0));
}

TEST(BlockStates, WholeBlockOfZerosIsWrittenAsZeroWithoutAnOffset) {
  // Goal: Windows refuses a ZERO entry that claims space. Method: look at the table.
  ImageWorkbench bench;
  bench.create_with_data(ImageWorkbench::differencing_disk());
  const auto image = bench.open();
  zero_guest(*image, {0, 2 * mib});  // a full block, and one that is not there
  must(image->close());
  EXPECT_EQ(bench.bat_entry(0), static_cast<uint64_t>(BlockState::zero));
  EXPECT_EQ(bench.bat_entry(1), static_cast<uint64_t>(BlockState::zero));
  EXPECT_EQ(read_guest(*bench.open(OpenMode::read_only), {0, 2 * mib}), filled(2 * mib, 0));
}

TEST(BlockStates, ZeroingPartOfANewBlockOfAChildHidesJustThatPart) {
  ImageWorkbench bench;
  bench.create(ImageWorkbench::differencing_disk());
  const auto image = bench.open();
  zero_guest(*image, {5 * mib + 512, 1024});
  const auto data = read_guest(*image, {5 * mib, 2048});
  EXPECT_EQ(data[0], absent_byte);
  EXPECT_EQ(data[512], std::byte{0});
  EXPECT_EQ(data[1535], std::byte{0});
  EXPECT_EQ(data[1536], absent_byte);
}

TEST(BlockStates, BlockWrittenWholeNeedsNoBitmap) {
  ImageWorkbench bench;
  bench.create(ImageWorkbench::differencing_disk());
  const auto image = bench.open();
  write_guest(*image, 7 * mib, filled(1 * mib, 3));
  const BlockCensus census = must(image->census());
  EXPECT_EQ(census.fully_present, 1U);
  EXPECT_EQ(census.bitmap_blocks, 0U);
  EXPECT_EQ(census.not_present, 63U);
}

TEST(BlockStates, PartlyPresentBlockWrittenWholeBecomesFull) {
  ImageWorkbench bench;
  bench.create_with_data(ImageWorkbench::differencing_disk());
  const auto image = bench.open();
  EXPECT_EQ(must(image->census()).partially_present, 1U);
  write_guest(*image, 2 * mib, filled(1 * mib, 4));
  EXPECT_EQ(must(image->census()).partially_present, 0U);
  EXPECT_EQ(read_guest(*image, {2 * mib, 1 * mib}), filled(1 * mib, 4));
}

TEST(BlockStates, PaddingEntriesBehindTheLastBlockOfAChildAreIgnored) {
  // Goal: the table of a child is counted in whole chunks; what stands behind its last block means nothing.
  ImageWorkbench bench;
  bench.create_with_data(ImageWorkbench::differencing_disk());
  bench.set_bat_entry(64, 0xffffffffffffffff);
  EXPECT_EQ(read_guest(*bench.open(), {0, 512}), filled(512, 0xa1));
}

}  // namespace
}  // namespace vhdlab::tests
