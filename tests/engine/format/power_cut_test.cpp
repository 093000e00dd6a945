// Power cuts at every moment of a session: after each the image opens, everything flushed is there, and each
// sector reads as it was at the last flush or as it was written since.
#include <map>

#include "tests/engine/format/power_cut_file.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

using namespace vhdx;

// What each sector may read as, from the history of one session.
class Expectation {
 public:
  void wrote(uint64_t sector, uint8_t value, size_t began) { values_[sector].push_back({value, began}); }

  struct Written {
    uint8_t value;
    size_t began;
  };

  // Whether `sector` may read as `value` after a cut at `cut`, given that it read as `before` at the start.
  [[nodiscard]] bool allows(uint64_t sector, uint8_t value, uint8_t before, size_t cut) const {
    size_t durable = 0;  // the history's length when the last flush before the cut began
    for (const auto& [ended, began] : flushes_) {
      if (ended <= cut) durable = began;
    }
    const auto found = values_.find(sector);
    uint8_t at_flush = before;
    bool allowed = false;
    if (found != values_.end()) {
      for (const Written& written : found->second) {
        if (written.began < durable)
          at_flush = written.value;
        else if (written.began < cut && written.value == value)
          allowed = true;
      }
    }
    return allowed || value == at_flush;
  }

  // A flush that began and ended when the history had these lengths: what was written before it began is
  // durable.
  void flush(size_t began, size_t ended) { flushes_.push_back({ended, began}); }
  [[nodiscard]] const std::map<uint64_t, std::vector<Written>>& sectors() const { return values_; }

 private:
  std::map<uint64_t, std::vector<Written>> values_;
  std::vector<std::pair<size_t, size_t>> flushes_;  // ended, began
};

struct Session {
  ImageWorkbench& bench;
  Image& image;
  ChangeHistory& history;
  Expectation& expected;
  SeededRandom& random;
  uint64_t sector_size;

  void write(uint64_t first, uint64_t count, uint8_t value) {
    const size_t began = history.changes.size();
    write_guest(image, first * sector_size, filled(count * sector_size, value));
    for (uint64_t i = 0; i < count; ++i)
      expected.wrote(first + i, value, began);
  }
  void zero(uint64_t first, uint64_t count) {
    const size_t began = history.changes.size();
    zero_guest(image, {first * sector_size, count * sector_size});
    for (uint64_t i = 0; i < count; ++i)
      expected.wrote(first + i, 0, began);
  }
  void flush() {
    const size_t began = history.changes.size();
    must(image.flush());
    expected.flush(began, history.changes.size());
  }
};

struct Plan {
  const char* name;
  DiskMetadata metadata;
  std::function<void(Session&)> run;
};

void random_session(Session& session) {
  const uint64_t sectors = session.image.metadata().disk_size_bytes / session.sector_size;
  for (int step = 0; step < 24; ++step) {
    const uint64_t first = session.random.next_u64() % sectors;
    const uint64_t count = 1 + session.random.next_u64() % std::min<uint64_t>(sectors - first, 9);
    const auto value = static_cast<uint8_t>(1 + step * 7 % 200);
    switch (session.random.next_u64() % 8) {
      case 0:
        session.zero(first, count);
        break;
      case 1: {  // a whole block of zeros
        const uint64_t per_block = session.image.metadata().block_size_bytes / session.sector_size;
        session.zero(first / per_block * per_block,
                     std::min(per_block, sectors - first / per_block * per_block));
        break;
      }
      case 2:
      case 3:
        session.flush();
        break;
      default:
        session.write(first, count, value);
    }
  }
  session.flush();
  must(session.image.close());
}

// More pages in one flush than one log entry carries, over several chunks.
void many_pages(Session& session) {
  for (uint64_t page = 0; page < 100; ++page)
    session.write(page * 32768 + 5, 1, static_cast<uint8_t>(1 + page));
  session.flush();
  for (uint64_t page = 0; page < 100; ++page)
    session.write(page * 32768 + 7, 2, static_cast<uint8_t>(101 + page));
  session.flush();
}

// Table changes and a change of metadata one right behind the other. Each write is the first of its chunk, so
// that a block and its bitmap stand in different pages of the table.
void parent_between_writes(Session& session) {
  for (int round = 0; round < 12; ++round) {
    session.write((static_cast<uint64_t>(round) << 23) + 3, 2, static_cast<uint8_t>(1 + round));
    ParentLocator parent = *session.image.metadata().parent;
    parent.absolute_win32_path = R"(C:\)" + std::string(static_cast<size_t>(50 * round), 'p');
    const size_t began = session.history.changes.size();
    must(session.image.set_parent(parent));
    session.expected.flush(began, session.history.changes.size());
  }
}

void grow_between_writes(Session& session) {
  for (int round = 0; round < 4; ++round) {
    session.write(static_cast<uint64_t>(round) * 2048 + 3, 2, static_cast<uint8_t>(1 + round));
    const size_t began = session.history.changes.size();
    must(session.image.set_disk_size(session.image.metadata().disk_size_bytes + 3 * mib + 512));
    session.expected.flush(began, session.history.changes.size());
  }
}

DiskMetadata shaped(DiskMetadata metadata, uint64_t disk_size, uint64_t block_mib, uint32_t sector) {
  metadata.disk_size_bytes = disk_size;
  metadata.block_size_bytes = static_cast<uint32_t>(block_mib * mib);
  metadata.logical_sector_size_bytes = sector;
  return metadata;
}

const Plan plans[] = {
    {"RandomOnAChild", shaped(ImageWorkbench::differencing_disk(), 9 * mib, 2, 512), random_session},
    {"RandomOnAChildOf4KiBSectors", shaped(ImageWorkbench::differencing_disk(), 9 * mib, 1, 4096),
     random_session},
    {"RandomOnADynamicDisk", shaped(ImageWorkbench::dynamic_disk(), 9 * mib, 2, 512), random_session},
    {"CommitOfSeveralEntries", shaped(ImageWorkbench::differencing_disk(), 2 * gib, 1, 512), many_pages},
    {"NewParentBetweenWrites", shaped(ImageWorkbench::differencing_disk(), 48 * gib, 1, 512),
     parent_between_writes},
    {"GrowthBetweenWrites", shaped(ImageWorkbench::differencing_disk(), 16 * mib, 1, 512),
     grow_between_writes},
};

class PowerCut : public testing::TestWithParam<Plan> {};

TEST_P(PowerCut, LeavesTheDiskAsAtTheLastFlushOrNewerSectorBySector) {
  // Goal: crash safety of every stage: data, log, tables, headers, replay itself. Method: run the session
  // once with every change recorded; cut after each change; let a coin decide what of the unflushed survives;
  // open read-only, then for writing; compare every sector the session touched and some it did not.
  const Plan& plan = GetParam();
  const uint64_t seed = test_seed();
  SeededRandom random(seed);
  ImageWorkbench bench;
  bench.create(plan.metadata);
  const uint64_t sector_size = plan.metadata.logical_sector_size_bytes;
  const uint8_t before = plan.metadata.has_parent() ? static_cast<uint8_t>(absent_byte) : 0;
  const auto start = bench.all_bytes();
  ChangeHistory history;
  Expectation expected;
  {
    auto file = std::make_unique<PowerCutFile>(
        must(bench.files.open(ImageWorkbench::path, OpenMode::read_write)), history);
    const auto image = must(Image::open(std::move(file), OpenMode::read_write, bench.random));
    Session session{bench, *image, history, expected, random, sector_size};
    plan.run(session);
  }

  const size_t total = history.changes.size();
  std::vector<uint64_t> sectors;  // to look at: each touched one, or a sample, and the one behind it
  for (const auto& [sector, values] : expected.sectors()) {
    const bool in_sample = expected.sectors().size() < 500 || mix64(sector) % 64 == 0;
    if (in_sample) sectors.insert(sectors.end(), {sector, sector + 1});
  }
  for (int sample = 0; sample < 400; ++sample) {
    const size_t cut = random.next_u64() % (total + 1);
    MemoryFileSystem files;
    {
      const auto file = must(files.create(ImageWorkbench::path));
      must(file->resize(start.size()));
      for (uint64_t at = 0; at < start.size(); at += 64 * kib) {
        const Bytes page = Bytes(start).subspan(at, std::min<uint64_t>(64 * kib, start.size() - at));
        if (!all_zero(page)) must(file->write(at, page));
      }
      history.survive(*file, cut, random);
    }
    for (OpenMode mode : {OpenMode::read_only, OpenMode::read_write, OpenMode::read_only}) {
      SCOPED_TRACE(testing::Message() << "cut after " << cut << " of " << total << " changes");
      auto image = Image::open(must(files.open(ImageWorkbench::path, mode)), mode, bench.random);
      ASSERT_TRUE(image) << image.error().text();
      for (uint64_t sector : sectors) {
        if ((sector + 1) * sector_size > (*image)->metadata().disk_size_bytes) continue;
        const auto data = read_guest(**image, {sector * sector_size, sector_size});
        for (size_t piece = 0; piece < sector_size; piece += 512) {  // what a cut tears
          const auto value = static_cast<uint8_t>(data[piece]);
          ASSERT_EQ(std::memcmp(&data[piece], &data[piece + 1], 511), 0) << "sector " << sector;
          ASSERT_TRUE(expected.allows(sector, value, before, cut))
              << "sector " << sector << " reads as " << static_cast<int>(value);
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sessions, PowerCut, testing::ValuesIn(plans),
                         [](const auto& parameter) { return parameter.param.name; });

TEST(PowerCutWhileAnotherThreadGrowsTheFile, FindsALogThatClaimsNoMoreThanWasDurable) {
  // Goal: an entry's FlushedFileOffset is a promise; a file shorter than that counts as truncated and is
  // refused. Method: between the data barrier and the log entry of a flush another write grows the file,
  // which a cut then undoes.
  ImageWorkbench bench;
  bench.create(ImageWorkbench::dynamic_disk());
  ChangeHistory history;
  const auto image =
      must(Image::open(std::make_unique<PowerCutFile>(
                           must(bench.files.open(ImageWorkbench::path, OpenMode::read_write)), history),
                       OpenMode::read_write, bench.random));
  write_guest(*image, 0, filled(512, 1));
  const uint64_t durable_size_bytes = must(image->file().size_bytes());
  WritePlan plan;
  history.after_flush = [&] { must(image->plan_write({5 * mib, 512}, plan)); };
  must(image->flush());
  ASSERT_GT(must(image->file().size_bytes()), durable_size_bytes);
  LogEntryHeader newest{};
  for (uint64_t at = 0; at < mib; at += 4096) {
    const auto entry = get<LogEntryHeader>(image->file(), ImageWorkbench::log_offset + at);
    const bool ours = entry.signature == LogEntryHeader::expected_signature;
    if (ours && entry.sequence_number > uint64_t{newest.sequence_number}) newest = entry;
  }
  EXPECT_LE(uint64_t{newest.flushed_file_offset}, durable_size_bytes);
}

}  // namespace
}  // namespace vhdlab::tests
