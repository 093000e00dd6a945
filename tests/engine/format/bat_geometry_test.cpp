// The block allocation table's arithmetic against numbers worked out by hand, and against itself.
#include <gtest/gtest.h>

#include "engine/base/random.h"
#include "engine/format/vhdx/block_allocation_table.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

using namespace vhdx;

TEST(BatGeometry, ChunkRatioIsTwoToThe23SectorsPerBlock) {
  // Goal: the formula of MS-VHDX 2.5 at both sector sizes and both ends of the block sizes.
  struct Case {
    uint32_t block_mib, sector;
    uint64_t ratio;
  };
  for (const Case& c :
       {Case{1, 512, 4096}, Case{2, 512, 2048}, Case{32, 512, 128}, Case{256, 512, 16}, Case{1, 4096, 32768},
        Case{2, 4096, 16384}, Case{32, 4096, 1024}, Case{256, 4096, 128}}) {
    EXPECT_EQ(BatGeometry(1 * gib, static_cast<uint32_t>(c.block_mib * mib), c.sector, false).chunk_ratio(),
              c.ratio)
        << c.block_mib << " MiB, " << c.sector;
  }
}

TEST(BatGeometry, DifferencingDiskCountsItsLastChunkWhole) {
  // Goal: entries = blocks + floor((blocks-1)/ratio) for a disk alone, ceil(blocks/ratio)*(ratio+1) for a
  // child.
  struct Case {
    uint64_t size_bytes, block_mib;
    uint32_t sector;
    uint64_t blocks, alone, child;
  };
  const Case cases[] = {
      {3 * mib, 1, 512, 3, 3, 4097},
      {5 * mib, 32, 512, 1, 1, 129},
      {4 * gib, 1, 512, 4096, 4096, 4097},
      {4 * gib + 512, 1, 512, 4097, 4098, 8194},
      {8 * gib, 2, 512, 4096, 4097, 4098},
      {32 * gib, 1, 4096, 32768, 32768, 32769},
      {32 * gib + 4096, 1, 4096, 32769, 32770, 65538},
      {64 * tib, 1, 512, 67108864, 67108864 + 16383, 16384 * 4097},
      {64 * tib, 256, 512, 262144, 262144 + 16383, 16384 * 17},
      {64 * tib, 256, 4096, 262144, 262144 + 2047, 2048 * 129},
  };
  for (const Case& c : cases) {
    const auto block_size = static_cast<uint32_t>(c.block_mib * mib);
    const BatGeometry alone(c.size_bytes, block_size, c.sector, false);
    const BatGeometry child(c.size_bytes, block_size, c.sector, true);
    EXPECT_EQ(alone.block_count(), c.blocks);
    EXPECT_EQ(alone.entry_count(), c.alone) << c.size_bytes << " alone";
    EXPECT_EQ(child.entry_count(), c.child) << c.size_bytes << " child";
  }
}

TEST(BatGeometry, EveryEntryIsEitherOneBlockOrOneBitmap) {
  // Goal: positions in the table and back. Method: walk whole small tables of every shape.
  for (uint64_t block_mib = 1; block_mib <= 256; block_mib *= 4) {
    for (uint32_t sector : {512U, 4096U}) {
      const BatGeometry geometry(3 * 4096 * uint64_t{sector} * 2048 + 4096,
                                 static_cast<uint32_t>(block_mib * mib), sector, true);
      uint64_t block = 0;
      uint64_t chunk = 0;
      for (uint64_t entry = 0; entry < geometry.entry_count(); ++entry) {
        if (geometry.is_bitmap_entry(entry)) {
          EXPECT_EQ(number(geometry.chunk_at(entry)), chunk);
          EXPECT_EQ(geometry.bitmap_entry_of(ChunkIndex{chunk}), entry);
          ++chunk;
        } else {
          ASSERT_EQ(number(geometry.block_at(entry)), block);
          ASSERT_EQ(geometry.entry_of(BlockIndex{block}), entry);
          ASSERT_EQ(number(geometry.chunk_of(BlockIndex{block})), chunk);
          ++block;
        }
      }
      EXPECT_EQ(chunk, geometry.chunk_count());
      EXPECT_EQ(block, geometry.chunk_count() * geometry.chunk_ratio());
    }
  }
}

TEST(BatGeometry, BitsCountSectorsFromTheStartOfTheChunk) {
  // Goal: 4 KiB sectors change the meaning of a bit. Method: the same offset at both sizes, and the chunk's
  // edges.
  const BatGeometry small(64 * tib, 2 * mib, 512, true);
  EXPECT_EQ(small.bit_of(0), 0U);
  EXPECT_EQ(small.bit_of(8192), 16U);
  EXPECT_EQ(small.bit_of(4 * gib - 512), (1U << 23) - 1);
  EXPECT_EQ(small.bit_of(4 * gib), 0U);
  EXPECT_EQ(small.bit_of(64 * tib - 512), (1U << 23) - 1);
  const BatGeometry large(64 * tib, 2 * mib, 4096, true);
  EXPECT_EQ(large.bit_of(8192), 2U);
  EXPECT_EQ(large.bit_of(4 * gib), 1U << 20);
  EXPECT_EQ(large.bit_of(32 * gib), 0U);
}

TEST(BatEntry, CarriesOffsetsUpToTheLastMebibyte) {
  // Goal: 44 bits of MiB survive beside the state; the reserved bits between are not part of the offset.
  const BatEntry entry = BatEntry::make(BlockState::fully_present, 0xfffffffffff00000);
  EXPECT_EQ(entry.state(), BlockState::fully_present);
  EXPECT_EQ(entry.file_offset(), 0xfffffffffff00000);
  EXPECT_EQ((BatEntry{0x00000000001ffffe}).file_offset(), 0x100000U);
}

}  // namespace
}  // namespace vhdlab::tests
