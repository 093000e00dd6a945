// Files made by nobody's friend: cut anywhere, flipped anywhere, with numbers chosen to break arithmetic. The
// promise is always the same: a Result, never a crash, never memory out of proportion. Run under the
// sanitizers too.
#include <gtest/gtest.h>

#include "tests/engine/format/image_workbench.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

using namespace vhdx;

// Everything a reader may ask of an image that did open.
void use(Image& image) {
  const uint64_t size = std::min<uint64_t>(image.metadata().disk_size_bytes, 70 * mib);
  std::vector<Extent> extents;
  if (!image.resolve({0, size}, extents)) return;
  std::vector<std::byte> buffer(4096);
  for (const Extent& extent : extents) {
    if (extent.kind != ExtentKind::data) continue;
    (void)image.file().read(extent.file_offset,
                            MutableBytes(buffer).first(std::min<uint64_t>(4096, extent.length)));
  }
  if (image.metadata().disk_size_bytes <= 1 * tib) (void)image.census();
}

// And everything a writer may.
void change(Image& image) {
  WritePlan plan;
  const uint64_t sector = image.metadata().logical_sector_size_bytes;
  for (uint64_t offset : {uint64_t{0}, 2 * mib + sector, 5 * mib}) {
    if (offset + sector > image.metadata().disk_size_bytes) continue;
    if (image.plan_write({offset, sector}, plan)) (void)image.publish(plan);
    if (image.plan_zero({offset, sector}, plan)) (void)image.publish(plan);
  }
  (void)image.flush();
  (void)image.set_disk_size(70 * mib);
  (void)image.close();
}

TEST(HostileInput, FileCutAtAnyLengthIsRefusedOrReads) {
  // Goal: truncation. Method: every structure's edges and the bytes beside them, for a child and a dirty
  // file.
  for (bool dirty : {false, true}) {
    ImageWorkbench bench;
    bench.create_with_data(ImageWorkbench::differencing_disk());
    if (dirty) {
      const auto image = bench.open();
      write_guest(*image, 9 * mib + 512, filled(512, 1));
      must(image->flush());
    }
    const auto whole = bench.all_bytes();
    std::vector<uint64_t> lengths = {0, 1, 7, 8, 100, 519, 520, 521};
    for (uint64_t edge = 0; edge <= whole.size(); edge += 64 * kib) {
      if (edge > 1 * mib && edge % mib != 0) continue;
      for (int64_t beside : {-4096, -512, -1, 0, 1, 511, 4096}) {
        const auto length = static_cast<int64_t>(edge) + beside;
        if (length >= 0 && length < static_cast<int64_t>(whole.size()))
          lengths.push_back(static_cast<uint64_t>(length));
      }
    }
    for (uint64_t length : lengths) {
      must(bench.file()->resize(0));
      must(bench.file()->write(0, Bytes(whole).first(length)));
      for (OpenMode mode : {OpenMode::read_only, OpenMode::read_write}) {
        auto image = bench.try_open(mode);
        if (image) use(**image);
        EXPECT_FALSE(image) << "all of this file is needed, " << length << " bytes of it opened";
      }
    }
  }
}

class BitFlips : public testing::TestWithParam<bool> {};

TEST_P(BitFlips, NeverCrash) {
  // Goal: any flipped bits in headers, tables, metadata, log, allocation table and bitmap. Method: seeded;
  // one to four flips per round, checksums mended in half of the rounds; a read-only open, sometimes followed
  // by an open for writing on what is then thrown away.
  const bool dirty = GetParam();
  SeededRandom random(mix64(test_seed()));
  ImageWorkbench bench;
  bench.create_with_data(ImageWorkbench::differencing_disk());
  if (dirty) {
    const auto image = bench.open();
    write_guest(*image, 9 * mib + 512, filled(512, 1));
    must(image->flush());
    write_guest(*image, 19 * mib, filled(1 * mib, 2));
    must(image->flush());
  }
  const auto good = bench.all_bytes();
  const auto restore = [&] {
    const auto file = bench.file();
    must(file->resize(good.size()));
    must(file->write(0, Bytes(good).first(4 * mib)));  // structures; payload damage does not matter
    for (uint64_t offset = 4 * mib; offset < good.size(); offset += mib)
      must(file->write(offset, Bytes(good).subspan(offset, 64 * kib)));
  };
  const uint64_t bitmap = BatEntry{bench.bat_entry(4096)}.file_offset();
  const ByteRange targets[] = {{0, 16},           {64 * kib, 80},          {128 * kib, 80},
                               {192 * kib, 80},   {256 * kib, 80},         {1 * mib, 12 * kib},
                               {1 * mib, 64},     {2 * mib, 32 + 6 * 32},  {2 * mib + 64 * kib, 400},
                               {3 * mib, 64 * 8}, {3 * mib + 4096 * 8, 8}, {bitmap, 64}};
  size_t opened = 0;
  constexpr int rounds = 3000;
  for (int round = 0; round < rounds; ++round) {
    const bool mend = random.next_u64() % 2 == 0;
    std::vector<ByteRange> touched;
    {
      const auto file = bench.file();
      for (uint64_t flips = 1 + random.next_u64() % 4; flips > 0; --flips) {
        const ByteRange& target = targets[random.next_u64() % std::size(targets)];
        const uint64_t at = target.offset + random.next_u64() % target.length;
        const auto bit = static_cast<std::byte>(1U << random.next_u64() % 8);
        put(*file, at, get<std::byte>(*file, at) ^ bit);
        touched.push_back({at, 1});
      }
    }
    if (mend) {
      bench.edit_headers([](Header&) {});
      bench.edit_region_tables([](RegionTableHeader&, RegionTableEntry*) {});
    }
    if (auto image = bench.try_open(OpenMode::read_only)) {
      ++opened;
      use(**image);
    }
    if (round % 16 == 0) {
      if (auto image = bench.try_open(OpenMode::read_write)) {
        use(**image);
        change(**image);
        image->reset();
        (void)bench.try_open(OpenMode::read_only);
      }
      restore();
      continue;
    }
    const auto file = bench.file();
    for (const ByteRange& range : touched)
      must(file->write(range.offset, Bytes(good).subspan(range.offset, range.length)));
    if (mend) {
      for (uint64_t offset : header_offsets)
        must(file->write(offset, Bytes(good).subspan(offset, 4096)));
      for (uint64_t offset : region_table_offsets)
        must(file->write(offset + 4, Bytes(good).subspan(offset + 4, 4)));
    }
  }
  EXPECT_GT(opened, 0U) << "every round failed early: the damage never got past the first check";
  EXPECT_LT(opened, static_cast<size_t>(rounds));
}

INSTANTIATE_TEST_SUITE_P(Image, BitFlips, testing::Bool(),
                         [](const auto& parameter) { return parameter.param ? "Dirty" : "Clean"; });

TEST(HostileInput, RandomTableEntriesNeverCrash) {
  // Goal: whole random entries, states and offsets mixed from likely and unlikely values.
  SeededRandom random(mix64(test_seed() ^ 1));
  ImageWorkbench bench;
  bench.create_with_data(ImageWorkbench::differencing_disk());
  const auto good = bench.all_bytes();
  for (int round = 0; round < 1500; ++round) {
    for (int entry = 0; entry < 3; ++entry) {
      const uint64_t index = random.next_u64() % 8 == 0 ? 4096 : random.next_u64() % 64;
      uint64_t bits = random.next_u64() % 8;
      if (random.next_u64() % 4 != 0) bits |= (random.next_u64() % 9) << 20;
      if (random.next_u64() % 8 == 0) bits = random.next_u64();
      bench.set_bat_entry(index, bits);
    }
    if (auto image = bench.try_open(OpenMode::read_only)) use(**image);
    if (round % 10 == 0) {
      if (auto image = bench.try_open(OpenMode::read_write)) change(**image);
      const auto file = bench.file();
      must(file->resize(good.size()));
      must(file->write(0, good));
    } else {
      must(bench.file()->write(ImageWorkbench::bat_offset,
                               Bytes(good).subspan(ImageWorkbench::bat_offset, 64 * kib)));
    }
  }
}

TEST(HostileInput, RandomLogEntriesWithGoodChecksumsNeverCrash) {
  // Goal: the log's numbers with the checksum mended: counts, lengths, tails, offsets. Method: a ring of
  // entries whose fields are random within and beyond reason.
  SeededRandom random(mix64(test_seed() ^ 2));
  ImageWorkbench bench;
  bench.create_with_data(ImageWorkbench::dynamic_disk());
  const Guid log_guid = Guid::make_random(bench.random);
  bench.edit_headers([&](Header& header) { header.log_guid = log_guid; });
  for (int round = 0; round < 600; ++round) {
    {
      const auto file = bench.file();
      uint64_t sequence = 1 + random.next_u64() % 3;
      for (uint64_t at = 0; at < 8 * 4096;) {
        const uint64_t sectors = 1 + random.next_u64() % 3;
        std::vector<std::byte> entry(sectors * 4096);
        LogEntryHeader header{};
        header.signature = LogEntryHeader::expected_signature;
        header.entry_length =
            static_cast<uint32_t>(random.next_u64() % 8 == 0 ? random.next_u64() : entry.size());
        header.tail = static_cast<uint32_t>(random.next_u64() % 8 == 0 ? random.next_u64() : at);
        header.sequence_number = sequence++;
        header.descriptor_count =
            static_cast<uint32_t>(random.next_u64() % 16 == 0 ? random.next_u64() : random.next_u64() % 4);
        header.log_guid = log_guid;
        header.flushed_file_offset = random.next_u64() % 8 == 0 ? random.next_u64() : 0;
        header.last_file_offset =
            random.next_u64() % 4 == 0 ? random.next_u64() >> (random.next_u64() % 64) : 0;
        for (uint32_t i = 0; i < std::min<uint32_t>(header.descriptor_count, 100); ++i) {
          LogZeroDescriptor descriptor{};
          descriptor.signature = random.next_u64() % 2 == 0 ? LogZeroDescriptor::expected_signature
                                                            : LogDataDescriptor::expected_signature;
          descriptor.zero_length = (random.next_u64() % 4) << (12 + random.next_u64() % 52);
          descriptor.file_offset = (random.next_u64() % 4) << (12 + random.next_u64() % 52);
          descriptor.sequence_number = header.sequence_number;
          std::memcpy(entry.data() + sizeof(header) + i * 32, &descriptor, 32);
        }
        std::memcpy(entry.data(), &header, sizeof(header));
        header.checksum = checksum_of(Bytes(entry));
        std::memcpy(entry.data(), &header, sizeof(header));
        must(file->write(ImageWorkbench::log_offset + at, entry));
        at += entry.size();
      }
    }
    if (auto image = bench.try_open(OpenMode::read_only)) use(**image);
  }
}

TEST(HostileInput, HugeCountsAndLengthsAreRefusedBeforeAnyAllocation) {
  // Goal: the largest value each count and length can hold. Method: the memory file system holds what it
  // holds; a refused open comes back with a name. An allocation by one of these numbers would be gibibytes.
  const auto fault_with = [](const std::function<void(ImageWorkbench&)>& damage) {
    ImageWorkbench bench;
    bench.create_with_data(ImageWorkbench::differencing_disk());
    damage(bench);
    return fault_of(bench.try_open(OpenMode::read_only));
  };
  EXPECT_EQ(fault_with([](ImageWorkbench& bench) {
              bench.edit_region_tables(
                  [](RegionTableHeader& header, RegionTableEntry*) { header.entry_count = ~0U; });
            }),
            "vhdx-region-table-count");
  EXPECT_EQ(fault_with([](ImageWorkbench& bench) {
              bench.edit_metadata_table([](MetadataTableHeader& header, MetadataTableEntry*) {
                header.entry_count = uint16_t{0xffff};
              });
            }),
            "vhdx-metadata-count");
  EXPECT_EQ(fault_with([](ImageWorkbench& bench) {
              // A region of 4 GiB in a sparse file, and a locator that claims most of it.
              must(bench.file()->resize(8 * gib));
              bench.edit_region_tables([](RegionTableHeader&, RegionTableEntry* entries) {
                entries[1].length = static_cast<uint32_t>(4 * gib - mib);
                entries[0].file_offset = 5 * gib;
              });
              bench.edit_metadata_table([](MetadataTableHeader&, MetadataTableEntry* entries) {
                entries[5].length = static_cast<uint32_t>(3 * gib);
              });
            }),
            "vhdx-metadata-item-length");
  EXPECT_EQ(
      fault_with([](ImageWorkbench& bench) {
        bench.edit_headers([](Header& header) { header.log_length = static_cast<uint32_t>(4 * gib - mib); });
      }),
      "vhdx-header-log-placement");
}

}  // namespace
}  // namespace vhdlab::tests
