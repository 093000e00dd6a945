// Images that Windows and an old qemu made, read by us and by a judge.
//
// qemu-img (7.2) reads the dynamic and fixed ones, and of the dirty one only what `check -r all` has
// replayed. libvhdi (20210425) reads the differencing one over a parent made here; its chunks that hold data
// have their bitmap blocks, so libvhdi's word is good (see libvhdi_test.cpp). The samples are not in the
// repository: without the shared folder these tests skip.
#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "engine/chain/copy_disk.h"
#include "engine/format/vhdx/checksum.h"
#include "engine/format/vhdx/header.h"
#include "engine/format/vhdx/log.h"
#include "engine/merge/merge_run.h"
#include "tests/judges/judge_support.h"
#include "tests/judges/libvhdi_disk.h"
#include "tests/support/shared_folder.h"

namespace vhdlab::tests {
namespace {

#define VHDLAB_NEEDS_SAMPLES() \
  if (const auto samples = shared_path("samples/vhdx"); !samples) GTEST_SKIP() << samples.error().text()

std::string sample(const std::string& name, const TemporaryFolder& folder) {
  return unpack_sample(must(shared_path("samples/vhdx")) / name, folder);
}

// What the judge reads, as a raw file.
std::string converted_by_qemu(const std::string& path) {
  must_run({"qemu-img", "convert", "-f", "vhdx", "-O", "raw", path, path + ".raw"});
  return path + ".raw";
}

// ---- Dynamic and fixed

class CleanSample : public ::testing::TestWithParam<const char*> {
 protected:
  TemporaryFolder folder_;
};

TEST_P(CleanSample, ReadsAsQemuReadsIt) {
  // Goal: every byte as the judge has it, the file as it was; then written by us, and judged again.
  VHDLAB_NEEDS_SAMPLES();
  VHDLAB_NEEDS_PROGRAMS("qemu-img", "gzip", "bzip2");
  const std::string path = sample(GetParam(), folder_);
  const std::string raw = converted_by_qemu(path);
  const uint32_t before = checksum_of_file(path);
  EXPECT_TRUE(reads_as(path, raw));
  EXPECT_EQ(checksum_of_file(path), before) << "reading changed the file";

  PosixFileSystem files;
  SeededRandom random(40);
  {
    must(open_chain(files, path, {.mode = OpenMode::read_write}, random));
    EXPECT_EQ(checksum_of_file(path), before) << "opening for writing changed the file";

    auto chain = must(open_chain(files, path, {.mode = OpenMode::read_write}, random));
    const auto twin = must(files.open(raw, OpenMode::read_write));
    std::vector<std::byte> bytes(300 * kib);
    WritePlan plan;
    for (int i = 0; i < 20; ++i) {
      const uint64_t offset = random.next_u64() % ((chain.disk_size_bytes() - bytes.size()) / 512) * 512;
      fill_content(bytes, offset, static_cast<uint64_t>(i));
      must(chain.write(offset, bytes, plan));
      must(twin->write(offset, bytes));
    }
    must(chain.close());
  }
  EXPECT_TRUE(reads_as(path, raw));
  EXPECT_TRUE(qemu_finds_clean(path));
  EXPECT_TRUE(qemu_reads_as(path, raw));
}

INSTANTIATE_TEST_SUITE_P(Samples, CleanSample,
                         ::testing::Values("ws2012-dynamic-1g.vhdx.bz2", "win10-dynamic-1g-btrfs.vhdx.gz",
                                           "win10-dynamic-10m.vhdx.gz", "win10-fixed-10m.vhdx.gz"),
                         [](const auto& parameter) { return test_name_of_sample(parameter.param); });

TEST(Ws2012Sample, HoldsThePatternItsAuthorWrote) {
  // Goal: content known without any judge: 0xa5 up to 33 MiB, 0x96 up to 66 MiB, zeros up to 1 GiB.
  VHDLAB_NEEDS_SAMPLES();
  VHDLAB_NEEDS_PROGRAMS("bzip2");
  TemporaryFolder folder;
  PosixFileSystem files;
  SystemRandom random;
  const auto chain = must(open_chain(files, sample("ws2012-dynamic-1g.vhdx.bz2", folder), {}, random));
  ASSERT_EQ(chain.disk_size_bytes(), 1 * gib);
  ReadPlan plan;
  std::vector<std::byte> piece(1 * mib);
  std::vector<std::byte> expected(1 * mib);
  for (uint64_t offset = 0; offset < 1 * gib; offset += piece.size()) {
    must(chain.read(offset, piece, plan));
    std::memset(expected.data(), offset < 33 * mib ? 0xa5 : offset < 66 * mib ? 0x96 : 0, expected.size());
    ASSERT_EQ(std::memcmp(piece.data(), expected.data(), piece.size()), 0) << "in the MiB at " << offset;
  }
}

// ---- The dirty log

TEST(DirtyLogSample, ReplaysAsQemuReplaysIt) {
  // Goal: in memory (the file stays as it is) and in the file, our replay gives what the judge's gives.
  VHDLAB_NEEDS_SAMPLES();
  VHDLAB_NEEDS_PROGRAMS("qemu-img", "bzip2", "cp");
  TemporaryFolder folder;
  PosixFileSystem files;
  SystemRandom random;
  const std::string path = sample("qemu-dirty-log-10g.vhdx.bz2", folder);
  const std::string theirs = folder.file("replayed-by-qemu.vhdx");
  must_run({"cp", path, theirs});
  must_run({"qemu-img", "check", "-f", "vhdx", "-r", "all", theirs});
  const std::string raw = converted_by_qemu(theirs);

  const uint32_t before = checksum_of_file(path);
  EXPECT_TRUE(must(open_vhdx(files, path, OpenMode::read_only, CacheMode::buffered, random))
                  ->image()
                  .log_was_dirty());
  EXPECT_TRUE(reads_as(path, raw)) << "replayed in memory";
  EXPECT_EQ(checksum_of_file(path), before) << "a read-only open changed the file";

  {
    auto chain = must(open_chain(files, path, {.mode = OpenMode::read_write}, random));
    EXPECT_TRUE(reads_as(chain, raw)) << "replayed in the file";
    must(chain.close());
  }
  EXPECT_FALSE(must(open_vhdx(files, path, OpenMode::read_only, CacheMode::buffered, random))
                   ->image()
                   .log_was_dirty());
  EXPECT_TRUE(reads_as(path, raw));
  EXPECT_TRUE(qemu_finds_clean(path));
}

// ---- The checkpoint of a real virtual machine

class AvhdxSample : public ::testing::Test {
 protected:
  // Makes the parent that the real file lost, as its locator names and identifies it: 8 GiB, with data where
  // the child has whole blocks, partial ones and none.
  void make_chain() {
    child_ = sample("hyperv-differencing.avhdx.gz", folder_);
    SeededRandom random(50);
    const auto child = must(open_vhdx(files_, child_, OpenMode::read_only, CacheMode::buffered, random));
    const auto& metadata = child->image().metadata();
    ASSERT_TRUE(metadata.parent);
    EXPECT_EQ(metadata.parent->linkage, Guid::literal("ff34003b-11ed-4cf8-a166-b2be05e20b80"));
    EXPECT_EQ(metadata.disk_size_bytes, 8 * gib);
    const auto census = must(child->image().census());
    EXPECT_EQ(census.partially_present, 32);
    EXPECT_EQ(census.bitmap_blocks, 2);

    parent_ = (folder_.path() / name_of_parent(*metadata.parent)).string();
    auto numbers = make_disk(8 * gib, 32 * mib);
    numbers.physical_sector_size_bytes = metadata.physical_sector_size_bytes;
    must(create_disk(files_, parent_, numbers, random));
    fill_parent(*child, random);
    auto layer = must(open_vhdx(files_, parent_, OpenMode::read_write, CacheMode::buffered, random,
                                vhdx::WriteIntent::same_content));
    must(layer->image().set_data_write_guid(metadata.parent->linkage));
    must(layer->close());
  }

  // Data around every run of sectors the child has, so that a sector taken from the wrong side shows.
  void fill_parent(VhdxLayer& child, RandomSource& random) {
    auto parent = must(open_chain(files_, parent_, {.mode = OpenMode::read_write}, random));
    std::vector<Extent> extents;
    must(child.resolve({0, 8 * gib}, extents));
    WritePlan plan;
    std::vector<std::byte> bytes;
    uint64_t present = 0;
    for (const Extent& extent : extents) {
      if (extent.kind == ExtentKind::data) present += extent.length;
      const uint64_t begin = extent.virtual_offset - std::min(extent.virtual_offset, 64 * kib);
      const uint64_t end =
          std::min(extent.virtual_offset + std::min(extent.length, 4 * mib) + 64 * kib, 8 * gib);
      bytes.resize(end - begin);
      fill_content(bytes, begin, 1);
      must(parent.write(begin, bytes, plan));
    }
    EXPECT_EQ(present, 6200 * 512);
    must(parent.close());
  }

  // The file name at the end of the locator's path.
  static std::string name_of_parent(const vhdx::ParentLocator& locator) {
    const std::string& path =
        locator.relative_path.empty() ? locator.absolute_win32_path : locator.relative_path;
    return path.substr(path.find_last_of('\\') + 1);
  }

  // Reading 8 GiB of mostly zeros through libvhdi takes long: only where either file of the chain has data.
  void expect_libvhdi_agrees(const Chain& chain) {
    const auto judge = must(open_with_libvhdi(std::vector{parent_, child_}));
    ChainReader ours(chain);
    ASSERT_EQ(judge->disk_size_bytes(), ours.disk_size_bytes());
    uint64_t compared = 0;
    for (uint64_t offset = 0; offset < 8 * gib; offset += 4 * mib) {
      const ByteRange range{offset, 4 * mib};
      if (ours.is_known_zero(range) && offset % (512 * mib) != 0) continue;
      ASSERT_TRUE(same_bytes(ours, *judge, range));
      compared += range.length;
    }
    EXPECT_GE(compared, 64 * mib);
  }

  TemporaryFolder folder_;
  PosixFileSystem files_;
  std::string child_;
  std::string parent_;
};

TEST_F(AvhdxSample, ComposesAsLibvhdiComposesIt) {
  // Goal: the real file, over a parent with its identity, opens through its own locator and reads as the
  // judge has it; the same after we merged it into the parent.
  VHDLAB_NEEDS_SAMPLES();
  VHDLAB_NEEDS_LIBVHDI();
  VHDLAB_NEEDS_PROGRAMS("gzip");
  ASSERT_NO_FATAL_FAILURE(make_chain());
  SeededRandom random(51);
  const uint32_t before = checksum_of_file(child_);
  const std::string composed = folder_.file("composed.raw");
  {
    const auto chain = must(open_chain(files_, child_, {}, random));
    EXPECT_EQ(chain.depth(), 1);
    ASSERT_NO_FATAL_FAILURE(expect_libvhdi_agrees(chain));
    must(must(files_.create(composed))->resize(chain.disk_size_bytes()));
    auto raw =
        must(open_chain(files_, composed, {.mode = OpenMode::read_write, .format = DiskFormat::raw}, random));
    must(copy_disk(chain, raw, {}, {}));
    EXPECT_TRUE(reads_as(chain, composed));
  }
  EXPECT_EQ(checksum_of_file(child_), before) << "reading changed the file";

  must(merge(files_, child_, {.target = 0, .top = 1}, {}, random));
  EXPECT_FALSE(files_.exists(child_));
  EXPECT_TRUE(reads_as(parent_, composed));
}

TEST_F(AvhdxSample, ReplaysTheLogHypervLeftBehindWithoutAChange) {
  // A derivation, not a file anybody made: the log area still holds entries of a session whose changes all
  // reached the tables. Naming that session's LogGuid in the headers again makes the file dirty, and its
  // replay must give the very bytes that are there.
  VHDLAB_NEEDS_SAMPLES();
  VHDLAB_NEEDS_PROGRAMS("gzip");
  ASSERT_NO_FATAL_FAILURE(make_chain());
  SeededRandom random(52);
  const std::string composed = folder_.file("composed.raw");
  {
    const auto chain = must(open_chain(files_, child_, {}, random));
    must(must(files_.create(composed))->resize(chain.disk_size_bytes()));
    auto raw =
        must(open_chain(files_, composed, {.mode = OpenMode::read_write, .format = DiskFormat::raw}, random));
    must(copy_disk(chain, raw, {}, {}));
  }
  for (const uint64_t offset : vhdx::header_offsets) {
    vhdx::Header header;
    auto bytes = read_bytes(child_, {offset, sizeof(header)});
    std::memcpy(&header, bytes.data(), sizeof(header));
    header.log_guid = Guid::literal("9399793e-2a9a-4261-8e75-bf8afde203dc");
    header.checksum = vhdx::checksum_of(header);
    write_bytes(child_, offset, std::as_bytes(std::span(&header, 1)));
  }
  const uint64_t size = std::filesystem::file_size(child_);
  const ByteRange behind_headers{1 * mib, size - 1 * mib};
  const auto before = read_bytes(child_, behind_headers);

  {
    const auto file = must(files_.open(child_, OpenMode::read_only));
    const auto header = must(vhdx::read_current_header(*file, size));
    EXPECT_GT(must(vhdx::read_log(*file, header.fields, size)).pages.size(), 0) << "nothing to replay";
  }
  EXPECT_TRUE(reads_as(child_, composed)) << "replayed in memory";
  {
    const auto layer = must(open_vhdx(files_, child_, OpenMode::read_write, CacheMode::buffered, random));
    EXPECT_TRUE(layer->image().log_was_dirty());
    must(layer->close());
  }
  EXPECT_EQ(std::filesystem::file_size(child_), size);
  EXPECT_TRUE(read_bytes(child_, behind_headers) == before) << "the replay changed something";
  EXPECT_TRUE(reads_as(child_, composed)) << "replayed in the file";
}

}  // namespace
}  // namespace vhdlab::tests
