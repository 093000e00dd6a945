// Bad input and bad places on real files: a full disk, a read-only folder, a parent that is gone, and images
// of Windows cut short or with a bit turned. A clear fault each time, and no file of the user's changed or
// lost.
//
// The judge is the file system itself: bytes are compared before and after. tmpfs gives ENOSPC at the write,
// also for a write into a hole of a file whose size was set long before, which is how images grow here.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "engine/merge/merge_run.h"
#include "tests/judges/judge_support.h"
#include "tests/support/shared_folder.h"
#include "tests/support/small_file_system.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

namespace fs = std::filesystem;

void on_small_file_system(const TemporaryFolder& folder, uint64_t size_bytes,
                          const std::function<void()>& body) {
  const auto outcome = run_on_small_file_system(folder.path().string(), size_bytes, body);
  if (outcome == SmallFileSystemOutcome::not_permitted) GTEST_SKIP() << "not permitted to mount a tmpfs";
  EXPECT_EQ(outcome, SmallFileSystemOutcome::passed);
}

// What keeps space taken until it is needed.
void write_ballast(const std::string& path, uint64_t size_bytes) {
  PosixFileSystem files;
  const auto file = must(files.create(path));
  const std::vector<std::byte> bytes(1 * mib, std::byte{1});
  for (uint64_t offset = 0; offset < size_bytes; offset += bytes.size())
    must(file->write(offset, bytes));
}

void fill_completely(const std::string& path) {
  PosixFileSystem files;
  const auto file = must(files.create(path));
  const std::vector<std::byte> bytes(4 * kib, std::byte{1});
  for (uint64_t offset = 0; file->write(offset, bytes); offset += bytes.size()) {
  }
}

// A disk of 40 MiB whose expected content is in memory, because the file system it lies on is about to be
// full.
struct DiskInMind {
  static constexpr uint64_t size_bytes = 40 * mib;

  explicit DiskInMind(const TemporaryFolder& place)
      : base(place.file("disk.vhdx")), child(place.file("child.avhdx")) {
    must(create_disk(files, base, make_disk(size_bytes, 2 * mib), random));
    auto chain = open(base);
    write(chain, {5 * mib, 3 * mib + 512}, 1);
    must(take_checkpoint(files, chain, child, {}, CacheMode::buffered, random));
    write(chain, {7 * mib, 64 * kib}, 2);
    must(chain.close());
  }

  Chain open(const std::string& path) {
    return must(open_chain(files, path, {.mode = OpenMode::read_write}, random));
  }

  void write(Chain& chain, ByteRange range, uint64_t generation) {
    must(try_write(chain, range, generation));
    must(chain.flush());
    remember(range, generation);
  }

  Result<void> try_write(Chain& chain, ByteRange range, uint64_t generation) {
    std::vector<std::byte> bytes(range.length);
    fill_content(bytes, range.offset, generation);
    WritePlan plan;
    return chain.write(range.offset, bytes, plan);
  }

  void remember(ByteRange range, uint64_t generation) {
    fill_content(MutableBytes(expected).subspan(range.offset, range.length), range.offset, generation);
  }

  // Everything but `unsure` reads as expected.
  void expect_content(const Chain& chain, ByteRange unsure = {}) {
    ReadPlan plan;
    std::vector<std::byte> found(size_bytes);
    must(chain.read(0, found, plan));
    std::copy_n(found.begin() + static_cast<ptrdiff_t>(unsure.offset), unsure.length,
                expected.begin() + static_cast<ptrdiff_t>(unsure.offset));
    EXPECT_TRUE(found == expected);
  }

  void expect_content(const std::string& path, ByteRange unsure = {}) {
    const auto chain = open_chain(files, path, {}, random);
    ASSERT_TRUE(chain) << chain.error().text();
    expect_content(*chain, unsure);
  }

  PosixFileSystem files;
  SeededRandom random{70};
  std::string base;
  std::string child;
  std::vector<std::byte> expected = std::vector<std::byte>(size_bytes);
};

TEST(FullDisk, AWriteFailsByNameAndEverythingFlushedStays) {
  // Goal: the first write without room is file-no-space, the chain reads on, opens again, and is written
  // again once there is room.
  TemporaryFolder folder;
  on_small_file_system(folder, 24 * mib, [&] {
    const std::string ballast = folder.file("ballast");
    write_ballast(ballast, 6 * mib);
    DiskInMind disk(folder);
    auto chain = std::make_unique<Chain>(disk.open(disk.child));
    uint64_t generation = 10;
    ByteRange unsure;
    Result<void> result;
    for (uint64_t offset = 512; result && offset < 38 * mib; offset += mib + 512 * kib) {
      const ByteRange range{offset, 1 * mib};
      result = disk.try_write(*chain, range, ++generation);
      if (!result) break;  // planned and not published: reads as before
      result = chain->flush();
      result ? disk.remember(range, generation) : void(unsure = range);
    }
    ASSERT_FALSE(result) << "the file system was never full";
    EXPECT_EQ(result.error().fault, "file-no-space") << result.error().text();
    EXPECT_EQ(result.error().kind, ErrorKind::no_space);
    EXPECT_FALSE(disk.try_write(*chain, {30 * mib, 4 * mib}, 99)) << "and it stays full";
    disk.expect_content(*chain, unsure);

    chain.reset();
    disk.expect_content(disk.child, unsure);

    fs::remove(ballast);
    chain = std::make_unique<Chain>(disk.open(disk.child));
    disk.expect_content(*chain, unsure);
    disk.write(*chain, {30 * mib, 2 * mib + 512}, 100);
    must(chain->close());
    chain.reset();
    disk.expect_content(disk.child);
  });
}

TEST(FullDisk, AMergeFailsByNameAndTheChainReadsAsBefore) {
  // Goal: the same for a merge, which finishes when run again with room.
  TemporaryFolder folder;
  on_small_file_system(folder, 48 * mib, [&] {
    const std::string ballast = folder.file("ballast");
    write_ballast(ballast, 20 * mib);
    DiskInMind disk(folder);
    {
      auto chain = disk.open(disk.child);
      disk.write(chain, {20 * mib - 512, 14 * mib + 1024}, 11);
      must(chain.close());
    }
    const auto failed = merge(disk.files, disk.child, {.target = 0, .top = 1}, {}, disk.random);
    ASSERT_FALSE(failed) << "there was room";
    EXPECT_EQ(failed.error().fault, "file-no-space") << failed.error().text();
    disk.expect_content(disk.child);

    fs::remove(ballast);
    must(merge(disk.files, disk.child, {.target = 0, .top = 1}, {}, disk.random));
    EXPECT_FALSE(fs::exists(disk.child));
    disk.expect_content(disk.base);
  });
}

TEST(FullDisk, CreationFailsByNameAndLeavesNothing) {
  // Goal: no half-made disk or checkpoint stays, and the chain below reads on.
  TemporaryFolder folder;
  on_small_file_system(folder, 24 * mib, [&] {
    DiskInMind disk(folder);
    fill_completely(folder.file("ballast"));
    const std::string other = folder.file("other.vhdx");
    const auto created = create_disk(disk.files, other, make_disk(40 * mib, 2 * mib), disk.random);
    ASSERT_FALSE(created);
    EXPECT_EQ(created.error().fault, "file-no-space") << created.error().text();
    EXPECT_FALSE(fs::exists(other));

    const std::string grandchild = folder.file("grandchild.avhdx");
    const auto taken = create_child(disk.files, disk.child, grandchild, {}, disk.random);
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().fault, "file-no-space") << taken.error().text();
    EXPECT_FALSE(fs::exists(grandchild));
    disk.expect_content(disk.child);
  });
}

TEST(ReadOnlyFolder, DisksReadAndNothingCanBeChanged) {
  // Goal: reading works; every change is refused by name, and leaves no file behind.
  TemporaryFolder folder;
  on_small_file_system(folder, 24 * mib, [&] {
    DiskInMind disk(folder);
    const uint32_t before = checksum_of_file(disk.child);
    make_read_only(folder.path().string());
    disk.expect_content(disk.child);

    const auto opened = open_chain(disk.files, disk.child, {.mode = OpenMode::read_write}, disk.random);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().kind, ErrorKind::permission_denied)
        << opened.error().fault << ": " << opened.error().text();
    const auto taken = create_child(disk.files, disk.child, folder.file("grandchild.avhdx"), {}, disk.random);
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().kind, ErrorKind::permission_denied)
        << taken.error().fault << ": " << taken.error().text();
    EXPECT_FALSE(fs::exists(folder.file("grandchild.avhdx")));
    const auto merged = merge(disk.files, disk.child, {.target = 0, .top = 1}, {}, disk.random);
    ASSERT_FALSE(merged);
    EXPECT_EQ(merged.error().kind, ErrorKind::permission_denied)
        << merged.error().fault << ": " << merged.error().text();
    disk.expect_content(disk.child);
    EXPECT_EQ(checksum_of_file(disk.child), before);
  });
}

TEST(MissingParent, IsNamedAndNothingIsChanged) {
  // Goal: a chain with a hole is refused by name, for reading, writing and merging, and opens when it is
  // mended.
  TemporaryFolder folder;
  DiskInMind disk(folder);
  const uint32_t before = checksum_of_file(disk.child);
  const std::string away = folder.file("away");
  fs::rename(disk.base, away);
  for (const OpenMode mode : {OpenMode::read_only, OpenMode::read_write}) {
    const auto chain = open_chain(disk.files, disk.child, {.mode = mode}, disk.random);
    ASSERT_FALSE(chain);
    EXPECT_EQ(chain.error().fault, "chain-parent-missing");
    EXPECT_NE(chain.error().text().find(disk.base), std::string::npos) << chain.error().text();
  }
  EXPECT_FALSE(merge(disk.files, disk.child, {.target = 0, .top = 1}, {}, disk.random));
  EXPECT_EQ(checksum_of_file(disk.child), before);

  fs::rename(away, disk.base);
  disk.expect_content(disk.child);
}

// ---- Damaged images of others

class DamagedSample : public ::testing::TestWithParam<const char*> {
 protected:
  // Opens the file and reads what it has; both may fail, with a fault that has a name and a text.
  void open_and_read(const std::string& path, OpenMode mode) {
    SeededRandom random(80);
    auto layer = open_vhdx(files_, path, mode, CacheMode::buffered, random);
    if (!layer) return expect_told(layer.error());
    std::vector<Extent> extents;
    const auto resolved = (*layer)->resolve({0, (*layer)->disk_size_bytes()}, extents);
    if (!resolved) return expect_told(resolved.error());
    std::vector<std::byte> bytes(4 * kib);
    for (size_t i = 0; i < std::min<size_t>(extents.size(), 32); ++i) {
      if (extents[i].kind != ExtentKind::data) continue;
      const auto read = (*layer)->file().read(extents[i].file_offset, MutableBytes(bytes).first(512));
      if (!read) expect_told(read.error());
    }
  }

  static void expect_told(const Error& error) {
    EXPECT_FALSE(error.fault.empty());
    EXPECT_FALSE(error.message.empty());
  }

  TemporaryFolder folder_;
  PosixFileSystem files_;
};

#define VHDLAB_NEEDS_SAMPLES()                                                                            \
  if (const auto samples = shared_path("samples/vhdx"); !samples) GTEST_SKIP() << samples.error().text(); \
  VHDLAB_NEEDS_PROGRAMS("gzip", "bzip2")

TEST_P(DamagedSample, CutAnywhereIsRefusedOrReadAndNeverChanged) {
  // Goal: at every length, reading does not crash and does not write. Method: cut from the end, at odd
  // lengths too.
  VHDLAB_NEEDS_SAMPLES();
  const std::string path = unpack_sample(must(shared_path("samples/vhdx")) / GetParam(), folder_);
  const uint64_t size = fs::file_size(path);
  for (uint64_t length :
       {size - 1, size - 4096, size - mib, size / 2, 5 * mib, 4 * mib + 17, 3 * mib, 2 * mib + 4096, mib,
        mib - 1, 300 * kib, 192 * kib, 70 * kib, uint64_t{600}, uint64_t{9}, uint64_t{1}, uint64_t{0}}) {
    if (length >= fs::file_size(path)) continue;
    SCOPED_TRACE(length);
    fs::resize_file(path, length);
    const uint32_t before = checksum_of_file(path);
    open_and_read(path, OpenMode::read_only);
    EXPECT_EQ(fs::file_size(path), length);
    EXPECT_EQ(checksum_of_file(path), before);
  }
}

TEST_P(DamagedSample, BitTurnedAnywhereIsRefusedOrReadAndNeverChanged) {
  // Goal: one wrong bit in headers, log, metadata, table or bitmaps never crashes and never makes an open
  // write. Method: turn it in the file, open, compare the bytes of all structures, turn it back.
  VHDLAB_NEEDS_SAMPLES();
  const std::string path = unpack_sample(must(shared_path("samples/vhdx")) / GetParam(), folder_);
  std::vector<ByteRange> structures = {{0, 1 * mib}};
  bool is_dirty = false;
  {
    SeededRandom random(81);
    const auto layer = must(open_vhdx(files_, path, OpenMode::read_only, CacheMode::buffered, random));
    const auto& header = layer->image().header();
    is_dirty = layer->image().log_was_dirty();
    structures.push_back({header.log_offset, header.log_length});
    structures.push_back(layer->image().regions().metadata);
    structures.push_back(layer->image().regions().bat);
  }
  const uint32_t whole = checksum_of_file(path);
  SeededRandom random(test_seed());
  for (int round = 0; round < 300; ++round) {
    const ByteRange structure = structures[random.next_u64() % structures.size()];
    // Structures are mostly zeros behind their first bytes: half of the rounds hit those first bytes.
    const uint64_t span = round % 2 == 0 ? std::min<uint64_t>(structure.length, 4 * kib) : structure.length;
    uint64_t offset = structure.offset + random.next_u64() % span;
    if (structure.offset == 0 && round % 2 == 0) offset += (random.next_u64() % 5) * 64 * kib;
    SCOPED_TRACE(fmt::format("round {}: bit in the byte at {:#x}", round, offset));
    auto byte = read_bytes(path, {offset, 1});
    const auto right = byte;
    byte[0] ^= std::byte{1} << random.next_u64() % 8;
    write_bytes(path, offset, byte);
    const auto before = read_bytes(path, {0, 1 * mib});
    open_and_read(path, OpenMode::read_only);
    if (!is_dirty) open_and_read(path, OpenMode::read_write);  // a replay may write before a table is refused
    EXPECT_TRUE(read_bytes(path, {0, 1 * mib}) == before) << "an open wrote headers";
    EXPECT_EQ(read_bytes(path, {offset, 1}), byte);
    write_bytes(path, offset, right);
  }
  EXPECT_EQ(checksum_of_file(path), whole);
}

INSTANTIATE_TEST_SUITE_P(Samples, DamagedSample,
                         ::testing::Values("hyperv-differencing.avhdx.gz", "qemu-dirty-log-10g.vhdx.bz2",
                                           "win10-dynamic-10m.vhdx.gz", "win10-fixed-10m.vhdx.gz"),
                         [](const auto& parameter) { return test_name_of_sample(parameter.param); });

}  // namespace
}  // namespace vhdlab::tests
