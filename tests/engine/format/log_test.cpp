// The log: what is appended is what replay does, and nothing else in the ring is mistaken for it.
#include "engine/format/vhdx/log.h"

#include "tests/engine/format/image_workbench.h"

namespace vhdlab::tests {
namespace {

using namespace vhdx;

constexpr Guid log_guid = Guid::literal("10600000-0000-4000-8000-000000000001");
constexpr Guid other_log_guid = Guid::literal("10600000-0000-4000-8000-000000000002");
constexpr ByteRange ring{1 * mib, 1 * mib};

PageWrite page_of(uint64_t file_offset, uint8_t value) {
  PageWrite write{file_offset, {}};
  for (size_t i = 0; i < write.page.size(); ++i)
    write.page[i] = static_cast<std::byte>(value + i);  // every byte of the sector tells its place
  return write;
}

// A file of 8 MiB with a ring in it; no VHDX around.
class LogTest : public testing::Test {
 protected:
  LogTest() : file(must(files.create("/log"))) { must(file->resize(8 * mib)); }

  [[nodiscard]] Result<LogReplay> read(const Guid& guid = log_guid) {
    Header header{};
    header.log_guid = guid;
    header.log_offset = ring.offset;
    header.log_length = static_cast<uint32_t>(ring.length);
    return read_log(*file, header, must(file->size_bytes()));
  }

  // An entry of `sectors` zero-descriptor or no-descriptor sectors at a place of the test's choosing.
  void put_entry(uint64_t position, uint64_t sequence, uint64_t tail, const Guid& guid,
                 std::span<const LogZeroDescriptor> zeros = {}) {
    std::vector<std::byte> entry(round_up(sizeof(LogEntryHeader) + zeros.size() * 32, 4096));
    LogEntryHeader header{};
    header.signature = LogEntryHeader::expected_signature;
    header.entry_length = static_cast<uint32_t>(entry.size());
    header.tail = static_cast<uint32_t>(tail);
    header.sequence_number = sequence;
    header.descriptor_count = static_cast<uint32_t>(zeros.size());
    header.log_guid = guid;
    header.flushed_file_offset = 8 * mib;
    header.last_file_offset = 8 * mib;
    std::memcpy(entry.data(), &header, sizeof(header));
    if (!zeros.empty()) std::memcpy(entry.data() + sizeof(header), zeros.data(), zeros.size_bytes());
    header.checksum = checksum_of(Bytes(entry));
    std::memcpy(entry.data(), &header, sizeof(header));
    must(file->write(ring.offset + position, entry));
  }

  static LogZeroDescriptor zero_of(ByteRange range, uint64_t sequence) {
    LogZeroDescriptor zero{};
    zero.signature = LogZeroDescriptor::expected_signature;
    zero.zero_length = range.length;
    zero.file_offset = range.offset;
    zero.sequence_number = sequence;
    return zero;
  }

  MemoryFileSystem files;
  std::unique_ptr<File> file;
};

TEST_F(LogTest, ZeroLogGuidMeansNothingToReplay) {
  LogWriter writer(*file, ring, log_guid, 5);
  must(writer.append({}, 8 * mib));
  const LogReplay replay = must(read(Guid{}));
  EXPECT_TRUE(replay.pages.empty());
  EXPECT_EQ(replay.file_size_min_bytes, 0U);
}

TEST_F(LogTest, AppendedPagesComeBackByteForByte) {
  // Goal: the first 8 and last 4 bytes travel in the descriptor; all 4096 must return. Method: a page whose
  // every byte differs from its neighbours, with a sequence number whose halves differ.
  LogWriter writer(*file, ring, log_guid, 0x1122334455667788);
  const PageWrite pages[] = {page_of(3 * mib, 1), page_of(3 * mib + 4096, 99), page_of(5 * mib, 200)};
  must(writer.append(pages, 6 * mib));
  const LogReplay replay = must(read());
  ASSERT_EQ(replay.pages.size(), 3U);
  for (const PageWrite& page : pages)
    EXPECT_TRUE(replay.pages.at(page.file_offset) == page.page) << page.file_offset;
  EXPECT_EQ(replay.file_size_min_bytes, 6 * mib);
}

TEST_F(LogTest, LeadingAndTrailingBytesComeFromTheDescriptor) {
  // Goal: a table page whose first entry changes survives. Method: spoil the data sector's own header fields
  // in the reader's eyes: they hold signature and sequence, never content.
  LogWriter writer(*file, ring, log_guid, 9);
  PageWrite page{3 * mib, {}};
  page.page.front() = std::byte{0xaa};
  page.page.back() = std::byte{0xbb};
  must(writer.append({&page, 1}, 8 * mib));
  EXPECT_EQ(get<LogDataSector>(*file, ring.offset + 4096).signature, LogDataSector::expected_signature);
  const LogReplay replay = must(read());
  EXPECT_TRUE(replay.pages.at(3 * mib) == page.page);
}

TEST_F(LogTest, EntryWithoutDescriptorsIsAWholeSequence) {
  // Goal: every Windows session begins with one. Method: it alone.
  LogWriter writer(*file, ring, log_guid, 1);
  must(writer.append({}, 8 * mib));
  const LogReplay replay = must(read());
  EXPECT_TRUE(replay.pages.empty());
  EXPECT_TRUE(replay.zeroed.empty());
  EXPECT_EQ(replay.file_size_min_bytes, 8 * mib);
}

TEST_F(LogTest, NewestEntryIsFoundThroughManyLapsOfTheRing) {
  // Goal: wrap. Method: entries of every size for several laps; after each the newest alone is active.
  LogWriter writer(*file, ring, log_guid, 1000);
  SeededRandom random(3);
  for (int i = 0; i < 60; ++i) {
    std::vector<PageWrite> pages;
    const size_t count = 1 + random.next_u64() % writer.pages_per_entry_max();
    for (size_t page = 0; page < count; ++page)
      pages.push_back(page_of(3 * mib + page * 4096, static_cast<uint8_t>(i)));
    must(writer.append(pages, 8 * mib));
    const LogReplay replay = must(read());
    ASSERT_EQ(replay.pages.size(), count) << i;
    ASSERT_TRUE(replay.pages.at(3 * mib) == pages.front().page) << i;
    ASSERT_TRUE(replay.pages.at(3 * mib + (count - 1) * 4096) == pages.back().page) << i;
  }
}

TEST_F(LogTest, TornNewestEntryLosesToTheOneBefore) {
  // Goal: the entry before a torn one is whole and active. Method: tear at every sector, and in every byte of
  // the first one, for neighbouring entries also where the newer has wrapped to the ring's start.
  const PageWrite older[] = {page_of(3 * mib, 1)};
  const PageWrite newer[] = {page_of(3 * mib, 2), page_of(4 * mib, 3)};
  for (uint64_t torn_at : {0, 8, 16, 20, 63, 64, 80, 127, 4095, 4096, 4100, 8000, 8192, 12287}) {
    LogWriter writer(*file, ring, log_guid, 50);
    must(writer.append(older, 8 * mib));
    must(writer.append(newer, 8 * mib));
    const uint64_t at = ring.offset + 8192 + torn_at;
    put(*file, at, get<std::byte>(*file, at) ^ std::byte{1});
    const LogReplay replay = must(read());
    ASSERT_EQ(replay.pages.size(), 1U) << torn_at;
    EXPECT_TRUE(replay.pages.at(3 * mib) == older[0].page) << torn_at;
  }
}

TEST_F(LogTest, TornEntryNeverReachesIntoTheOneBefore) {
  // Goal: whatever the sizes, an entry torn while written leaves the one before whole. Method: many laps;
  // after each append the next entry's first sectors are spoiled where it would go.
  LogWriter writer(*file, ring, log_guid, 1);
  SeededRandom random(8);
  std::vector<PageWrite> before;
  for (int i = 0; i < 80; ++i) {
    std::vector<PageWrite> pages;
    const size_t count = random.next_u64() % 3 == 0 ? writer.pages_per_entry_max()
                                                    : 1 + random.next_u64() % writer.pages_per_entry_max();
    for (size_t page = 0; page < count; ++page)
      pages.push_back(page_of(3 * mib + page * 4096, static_cast<uint8_t>(i)));
    must(writer.append(pages, 8 * mib));
    if (!before.empty()) {
      // The newest entry, torn: its last sector as if never written.
      const auto replay = must(read());
      ASSERT_EQ(replay.pages.size(), count);
      std::vector<std::byte> saved(ring.length);
      must(file->read(ring.offset, saved));
      LogEntryHeader header{};
      uint64_t position = 0;
      for (uint64_t at = 0; at < ring.length; at += 4096) {
        const auto candidate = get<LogEntryHeader>(*file, ring.offset + at);
        if (candidate.signature == LogEntryHeader::expected_signature && candidate.log_guid == log_guid &&
            candidate.sequence_number > uint64_t{header.sequence_number}) {
          header = candidate;
          position = at;
        }
      }
      const uint64_t last = ring.offset + position + header.entry_length - 4096;
      put(*file, last, std::array<std::byte, 4096>{});
      const auto torn = must(read());
      ASSERT_EQ(torn.pages.size(), before.size()) << i;
      ASSERT_TRUE(torn.pages.at(3 * mib) == before.front().page) << i;
      must(file->write(ring.offset, saved));
    }
    before = pages;
  }
}

TEST_F(LogTest, NoRunOfEntriesReachesTheEndOfTheRing) {
  // Goal: qemu 7.2 hangs on a run that comes round to where it began. Method: entries of every size for
  // several laps; no entry ever lies in the last two sectors.
  LogWriter writer(*file, ring, log_guid, 1);
  SeededRandom random(4);
  std::vector<std::byte> last(8192);
  for (int i = 0; i < 400; ++i) {
    const size_t count = i < 300 ? i % 2 : random.next_u64() % writer.pages_per_entry_max();
    const std::vector<PageWrite> pages(count, page_of(3 * mib, static_cast<uint8_t>(i)));
    must(writer.append(pages, 8 * mib));
    must(file->read(ring.end() - last.size(), last));
    ASSERT_TRUE(all_zero(last)) << i;
  }
}

TEST_F(LogTest, StaleGenerationsWithOtherGuidsAreNotSeen) {
  // Goal: old logs lie in the ring, with higher numbers even. Method: a lap of another log, then ours.
  LogWriter old(*file, ring, other_log_guid, 1'000'000);
  for (int i = 0; i < 30; ++i) {
    const PageWrite pages[] = {page_of(3 * mib, 0xee), page_of(6 * mib, 0xee)};
    must(old.append(pages, 8 * mib));
  }
  LogWriter writer(*file, ring, log_guid, 7);
  const PageWrite page = page_of(4 * mib, 4);
  must(writer.append({&page, 1}, 8 * mib));
  const LogReplay replay = must(read());
  ASSERT_EQ(replay.pages.size(), 1U);
  EXPECT_TRUE(replay.pages.at(4 * mib) == page.page);
}

TEST_F(LogTest, SequenceRunsFromTheTailToTheHeadAcrossTheEndOfTheRing) {
  // Goal: logs of other writers, whose entries lean on earlier ones and wrap. Method: three entries, the
  // middle one last in the ring, all found from the newest one's tail.
  const uint64_t first = ring.length - 8192;
  const LogZeroDescriptor a = zero_of({3 * mib, 4096}, 10);
  const LogZeroDescriptor b = zero_of({4 * mib, 8192}, 11);
  const LogZeroDescriptor c = zero_of({5 * mib, 4096}, 12);
  put_entry(first, 10, first, log_guid, {&a, 1});
  put_entry(first + 4096, 11, first, log_guid, {&b, 1});
  put_entry(0, 12, first, log_guid, {&c, 1});
  const LogReplay replay = must(read());
  ASSERT_EQ(replay.zeroed.size(), 3U);
  EXPECT_EQ(replay.zeroed[0], (ByteRange{3 * mib, 4096}));
  EXPECT_EQ(replay.zeroed[2], (ByteRange{5 * mib, 4096}));
}

TEST_F(LogTest, OnlyEntriesFromTheTailOnAreReplayed) {
  // Goal: entries before the tail are in place already and may be older than the file.
  const LogZeroDescriptor old = zero_of({3 * mib, 4096}, 10);
  const LogZeroDescriptor current = zero_of({4 * mib, 4096}, 11);
  put_entry(0, 10, 0, log_guid, {&old, 1});
  put_entry(4096, 11, 4096, log_guid, {&current, 1});
  const LogReplay replay = must(read());
  ASSERT_EQ(replay.zeroed.size(), 1U);
  EXPECT_EQ(replay.zeroed[0].offset, 4 * mib);
}

TEST_F(LogTest, SequenceWhoseTailIsLostGivesWayToAnOlderWholeOne) {
  // Goal: the highest head counts only if its tail is in its run. Method: a newer pair that needs an entry
  // that is gone, and an older one that stands by itself.
  put_entry(0, 5, 0, log_guid);
  const LogZeroDescriptor orphan = zero_of({4 * mib, 4096}, 21);
  put_entry(40960, 21, 36864, log_guid, {&orphan, 1});  // its tail held entry 20, overwritten since
  const LogReplay replay = must(read());
  EXPECT_TRUE(replay.zeroed.empty());
}

TEST_F(LogTest, GapInTheNumbersEndsARun) {
  const LogZeroDescriptor a = zero_of({3 * mib, 4096}, 10);
  const LogZeroDescriptor b = zero_of({4 * mib, 4096}, 12);
  put_entry(0, 10, 0, log_guid, {&a, 1});
  put_entry(4096, 12, 0, log_guid, {&b, 1});  // claims entry 10 as its tail, and 11 is missing between
  const LogReplay replay = must(read());
  ASSERT_EQ(replay.zeroed.size(), 1U);
  EXPECT_EQ(replay.zeroed[0].offset, 3 * mib);
}

TEST_F(LogTest, SequenceNumberZeroIsNoEntry) {
  put_entry(0, 0, 0, log_guid);
  EXPECT_EQ(fault_of(read()), "vhdx-log-no-active-sequence");
}

TEST_F(LogTest, LaterEntryWinsWherePagesAndZerosMeet) {
  // Goal: order inside a sequence. Method: page then zeros over it; zeros then page into them.
  LogWriter writer(*file, ring, log_guid, 10);
  const PageWrite page = page_of(3 * mib, 1);
  must(writer.append({&page, 1}, 8 * mib));  // entry 10 at 0, two sectors long
  const LogZeroDescriptor zeros = zero_of({3 * mib, 8192}, 11);
  put_entry(8192, 11, 0, log_guid, {&zeros, 1});
  must(file->write(3 * mib, filled(8192, 0x99)));
  must(apply_replay(*file, must(read())));
  std::vector<std::byte> result(8192);
  must(file->read(3 * mib, result));
  EXPECT_EQ(result, filled(8192, 0));

  put_entry(0, 20, 0, log_guid, {&zeros, 0});
  const LogZeroDescriptor first = zero_of({3 * mib, 8192}, 30);
  put_entry(0, 30, 0, log_guid, {&first, 1});
  LogWriter second(*file, {ring.offset + 4096, ring.length - 4096}, log_guid, 31);
  must(second.append({&page, 1}, 8 * mib));
  auto header = get<LogEntryHeader>(*file, ring.offset + 4096);
  std::vector<std::byte> entry(header.entry_length);
  must(file->read(ring.offset + 4096, entry));
  header.tail = 0;
  header.checksum = 0;
  std::memcpy(entry.data(), &header, sizeof(header));
  header.checksum = checksum_of(Bytes(entry));
  std::memcpy(entry.data(), &header, sizeof(header));
  must(file->write(ring.offset + 4096, entry));
  must(file->write(3 * mib, filled(8192, 0x99)));
  must(apply_replay(*file, must(read())));
  must(file->read(3 * mib, result));
  EXPECT_TRUE(std::ranges::equal(Bytes(result).first(4096), page.page));
  EXPECT_TRUE(all_zero(Bytes(result).subspan(4096)));
}

TEST_F(LogTest, ReplayExtendsTheFileToItsLastOffset) {
  must(file->resize(5 * mib));
  LogWriter writer(*file, ring, log_guid, 1);
  must(writer.append({}, 5 * mib));
  auto header = get<LogEntryHeader>(*file, ring.offset);
  std::vector<std::byte> entry(4096);
  header.last_file_offset = 7 * mib;
  std::memcpy(entry.data(), &header, sizeof(header));
  header.checksum = checksum_of(Bytes(entry));
  std::memcpy(entry.data(), &header, sizeof(header));
  must(file->write(ring.offset, entry));
  must(apply_replay(*file, must(read())));
  EXPECT_EQ(must(file->size_bytes()), 7 * mib);
}

TEST_F(LogTest, FileShorterThanWhatWasFlushedIsTruncated) {
  LogWriter writer(*file, ring, log_guid, 1);
  must(writer.append({}, 8 * mib));
  must(file->resize(8 * mib - 1));
  EXPECT_EQ(fault_of(read()), "vhdx-log-file-truncated");
}

// ---- The log of an image ----

TEST_F(LogTest, RefusesEntriesThatClaimOneAnothersSectorsWithoutEnd) {
  // Goal: a log made to keep its reader busy is refused after a few times its length. Method: in every sector
  // a header that claims the whole ring, and a wrong checksum.
  for (uint64_t position = 0; position < ring.length; position += log_sector_length) {
    LogEntryHeader header{};
    header.signature = LogEntryHeader::expected_signature;
    header.checksum = 1;
    header.entry_length = static_cast<uint32_t>(ring.length);
    header.sequence_number = 1;
    header.log_guid = log_guid;
    must(file->write(ring.offset + position, std::as_bytes(std::span(&header, 1))));
  }
  const auto replay = read();
  ASSERT_FALSE(replay);
  EXPECT_EQ(replay.error().fault, "vhdx-log-descriptor");
}

TEST(ImageLog, SessionDroppedWithoutCloseReplaysWithEverythingFlushed) {
  // Goal: a power cut after flush loses nothing; in memory for read-only, in the file for read-write.
  ImageWorkbench bench;
  bench.create(ImageWorkbench::differencing_disk());
  {
    const auto image = bench.open();
    write_guest(*image, 3 * mib + 512, filled(1024, 0x61));
    must(image->flush());
  }
  const auto file_before = bench.all_bytes();
  {
    const auto image = bench.open(OpenMode::read_only);
    EXPECT_TRUE(image->log_was_dirty());
    EXPECT_EQ(read_guest(*image, {3 * mib + 512, 1024}), filled(1024, 0x61));
  }
  EXPECT_TRUE(bench.all_bytes() == file_before) << "read-only replay changed the file";
  {
    const auto image = bench.open();
    EXPECT_TRUE(image->log_was_dirty());
    EXPECT_EQ(read_guest(*image, {3 * mib + 512, 1024}), filled(1024, 0x61));
  }
  EXPECT_FALSE(bench.open()->log_was_dirty());
}

TEST(ImageLog, SessionsBeginWithAnEmptyEntryUnderANewGuidAndARandomNumber) {
  // Goal: as Windows does it, so that no old generation can continue a new one. Method: the first entry of
  // three sessions.
  ImageWorkbench bench;
  bench.create(ImageWorkbench::dynamic_disk());
  std::vector<uint64_t> numbers;
  std::vector<Guid> guids;
  for (int session = 0; session < 3; ++session) {
    const auto image = bench.open();
    WritePlan plan;
    must(image->plan_write({0, 512}, plan));
    const auto entry = get<LogEntryHeader>(image->file(), ImageWorkbench::log_offset);
    EXPECT_EQ(entry.descriptor_count, 0U);
    EXPECT_EQ(entry.log_guid, image->header().log_guid);
    numbers.push_back(entry.sequence_number);
    guids.push_back(entry.log_guid);
    must(image->publish(plan));
    must(image->close());
  }
  for (size_t i = 0; i < numbers.size(); ++i) {
    EXPECT_GT(numbers[i], uint64_t{1} << 32) << "64 random bits are hardly ever so few";
    EXPECT_NE(numbers[i], numbers[(i + 1) % 3] + 1);
    EXPECT_NE(guids[i], guids[(i + 1) % 3]);
  }
}

TEST(ImageLog, ReplayRestoresTablesThatWereNeverWrittenInPlace) {
  // Goal: the log alone is enough. Method: wipe the table and the bitmap in place, as if the writes after the
  // log entry had been lost, then open both ways.
  ImageWorkbench bench;
  bench.create(ImageWorkbench::differencing_disk());
  {
    const auto image = bench.open();
    write_guest(*image, 512, filled(512, 0x62));  // the table's very first entry
    must(image->flush());
  }
  const uint64_t bitmap = BatEntry{bench.bat_entry(4096)}.file_offset();
  for (uint64_t offset : {ImageWorkbench::bat_offset, ImageWorkbench::bat_offset + 4096 * 8, bitmap})
    put(*bench.file(), offset, std::array<std::byte, 4096>{});
  EXPECT_EQ(read_guest(*bench.open(OpenMode::read_only), {512, 512}), filled(512, 0x62));
  EXPECT_EQ(read_guest(*bench.open(OpenMode::read_write), {512, 512}), filled(512, 0x62));
  EXPECT_EQ(read_guest(*bench.open(OpenMode::read_only), {512, 512}), filled(512, 0x62));
  EXPECT_EQ(read_guest(*bench.open(OpenMode::read_only), {0, 512}), std::vector<std::byte>(512, absent_byte));
}

TEST(ImageLog, WhatWasNotFlushedIsGoneAsAWhole) {
  // Goal: a block published and never flushed is not there after a cut, and its file is sound.
  ImageWorkbench bench;
  bench.create(ImageWorkbench::dynamic_disk());
  {
    const auto image = bench.open();
    write_guest(*image, 0, filled(512, 1));
  }
  const auto image = bench.open();
  EXPECT_EQ(read_guest(*image, {0, 512}), filled(512, 0));
  write_guest(*image, 5 * mib, filled(512, 2));  // lands behind the space nobody owns, and reads zeros around
  EXPECT_EQ(read_guest(*image, {5 * mib + 512, 1 * mib - 512}), filled(1 * mib - 512, 0));
}

TEST(ImageLog, CommitLargerThanOneEntryIsWhole) {
  // Goal: more pages than one log entry carries. Method: 200 bitmap pages and two hundred blocks in one
  // flush, then a cut; everything is there.
  ImageWorkbench bench;
  DiskMetadata metadata = ImageWorkbench::differencing_disk();
  metadata.disk_size_bytes = 4 * gib;
  bench.create(metadata);
  {
    const auto image = bench.open();
    for (uint64_t page = 0; page < 200; ++page)
      write_guest(*image, page * 16 * mib + 512, filled(512, static_cast<uint8_t>(page + 1)));
    EXPECT_TRUE(image->flush_is_due());
    must(image->flush());
    EXPECT_FALSE(image->flush_is_due());
  }
  for (OpenMode mode : {OpenMode::read_only, OpenMode::read_write}) {
    const auto image = bench.open(mode);
    for (uint64_t page = 0; page < 200; ++page) {
      ASSERT_EQ(read_guest(*image, {page * 16 * mib + 512, 512}),
                filled(512, static_cast<uint8_t>(page + 1)));
      ASSERT_EQ(read_guest(*image, {page * 16 * mib, 512}), std::vector<std::byte>(512, absent_byte));
    }
  }
}

TEST(ImageLog, ManyFlushesGoRoundTheRing) {
  ImageWorkbench bench;
  bench.create(ImageWorkbench::differencing_disk());
  {
    const auto image = bench.open();
    for (uint64_t i = 0; i < 400; ++i) {
      write_guest(*image, (i % 64) * mib + (i / 64) * 512, filled(512, static_cast<uint8_t>(1 + i % 250)));
      must(image->flush());
    }
  }
  const auto image = bench.open(OpenMode::read_only);
  for (uint64_t i = 0; i < 400; ++i) {
    ASSERT_EQ(read_guest(*image, {(i % 64) * mib + (i / 64) * 512, 512}),
              filled(512, static_cast<uint8_t>(1 + i % 250)));
  }
}

}  // namespace
}  // namespace vhdlab::tests
