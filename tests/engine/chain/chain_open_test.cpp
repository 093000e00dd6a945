// Opening chains: every way one can be broken has its name, and what is whole opens.
#include <filesystem>

#include <gmock/gmock.h>

#include "engine/io/posix_file_system.h"
#include "tests/engine/chain/chain_workbench.h"
#include "tests/support/temporary_folder.h"

namespace vhdlab::tests {
namespace {

class ChainOpenTest : public testing::Test {
 protected:
  // base, one child, one grandchild, with data in each; closed.
  void make_three() {
    bench.create_base({});
    bench.fill({0, 1 * mib}, 1);
    bench.checkpoint();
    bench.fill({1 * mib, 512}, 2);
    bench.checkpoint();
    bench.fill({2 * mib, 512}, 3);
    bench.close();
  }

  [[nodiscard]] Result<Chain> try_open(const ChainOpenOptions& options = {}) {
    return open_chain(files, bench.paths.back(), options, bench.random);
  }

  void point_to(const std::string& child, const std::string& parent, const Guid& identity) {
    const auto layer = must(open_vhdx(files, child, OpenMode::read_write, CacheMode::buffered, bench.random,
                                      vhdx::WriteIntent::same_content));
    must(layer->image().set_parent(
        vhdx::make_parent_locator(identity, std::filesystem::path(child).parent_path().string(), parent)));
    must(layer->close());
  }

  [[nodiscard]] Guid identity_of(const std::string& path) {
    return must(open_vhdx(files, path, OpenMode::read_only, CacheMode::buffered, bench.random))
        ->image()
        .header()
        .data_write_guid;
  }

  MemoryFileSystem files;
  ChainWorkbench bench{files, "/vm", 12};
};

TEST_F(ChainOpenTest, MissingParentIsNamedWithThePlacesLookedAt) {
  make_three();
  must(files.remove(bench.paths[1]));
  const auto opened = try_open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().fault, "chain-parent-missing");
  EXPECT_THAT(opened.error().message, testing::HasSubstr("/vm/layer-1.vhdx"));
}

TEST_F(ChainOpenTest, ParentWrittenToSinceIsAMismatchUnlessIgnored) {
  make_three();
  {
    Chain parent = must(open_chain(files, bench.paths[1], {.mode = OpenMode::read_write}, bench.random));
    WritePlan plan;
    must(parent.write(5 * mib, filled(512, 9), plan));
    must(parent.close());
  }
  EXPECT_EQ(fault_of(try_open()), "chain-parent-mismatch");
  EXPECT_EQ(fault_of(try_open({.ignore_id_mismatch = true})), "");
}

TEST_F(ChainOpenTest, OpeningAParentForWritingWithoutWritingKeepsItsChildren) {
  make_three();
  {
    Chain parent = must(open_chain(files, bench.paths[0], {.mode = OpenMode::read_write}, bench.random));
    must(parent.close());
  }
  EXPECT_EQ(fault_of(try_open()), "");
}

TEST_F(ChainOpenTest, LoopIsFoundAndNotWalkedForever) {
  make_three();
  must(files.remove(bench.paths[0]));
  point_to(bench.paths[1], bench.paths[2], identity_of(bench.paths[2]));
  EXPECT_EQ(fault_of(try_open()), "chain-loop");
  point_to(bench.paths[1], bench.paths[1], identity_of(bench.paths[1]));
  EXPECT_EQ(fault_of(try_open()), "chain-loop");
}

TEST(ChainOnTheHost, FileUnderASecondNameIsALoopToo) {
  // Goal: two names do not hide that it is one file. Method: the child, linked to the name of its parent.
  const TemporaryFolder folder;
  PosixFileSystem host;
  SeededRandom random(1);
  const std::string base = folder.file("base.vhdx");
  const std::string child = folder.file("child.avhdx");
  must(create_disk(host, base, {.disk_size_bytes = 4 * mib, .block_size_bytes = 1 * mib}, random));
  must(create_child(host, base, child, {}, random));
  for (const bool symbolic : {false, true}) {
    std::filesystem::remove(base);
    symbolic ? std::filesystem::create_symlink(child, base) : std::filesystem::create_hard_link(child, base);
    EXPECT_EQ(fault_of(open_chain(host, child, {}, random)), "chain-loop") << symbolic;
  }
}

TEST_F(ChainOpenTest, TooDeepIsMoreLayersThanAllowed) {
  make_three();
  EXPECT_EQ(fault_of(try_open({.depth_max = 2})), "");
  EXPECT_EQ(fault_of(try_open({.depth_max = 1})), "chain-too-deep");
  EXPECT_EQ(fault_of(try_open({.depth_max = 0})), "chain-too-deep");
}

TEST_F(ChainOpenTest, SectorSizesMustAgree) {
  make_three();
  must(files.remove(bench.paths[0]));
  vhdx::DiskMetadata other;
  other.disk_size_bytes = 12 * mib;
  other.block_size_bytes = 1 * mib;
  other.logical_sector_size_bytes = 4096;
  must(create_disk(files, bench.paths[0], other, bench.random));
  EXPECT_EQ(fault_of(try_open({.ignore_id_mismatch = true})), "chain-sector-size");
}

TEST_F(ChainOpenTest, MovedTogetherToAnotherFolderStillOpens) {
  // Goal: the relative path comes first. Method: rename every file into a new folder.
  make_three();
  for (std::string& path : bench.paths) {
    const std::string moved = "/elsewhere/" + std::filesystem::path(path).filename().string();
    must(files.rename(path, moved));
    path = moved;
  }
  bench.open(OpenMode::read_only);
  EXPECT_EQ(bench.difference(), "");
}

TEST_F(ChainOpenTest, DamagedParentIsNamedByItsPath) {
  make_three();
  {
    const auto file = must(files.open(bench.paths[0], OpenMode::read_write));
    put(*file, 0, le64(uint64_t{0}));
  }
  const auto opened = try_open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().fault, "vhdx-not-a-vhdx");
  EXPECT_THAT(opened.error().message, testing::StartsWith("/vm/layer-0.vhdx"));
}

TEST_F(ChainOpenTest, ParentsAreReadWithTheirDirtyLogsReplayed) {
  // Goal: a base left by a power cut serves its children without being changed.
  make_three();
  // The base's log: an entry that repeats nothing; its headers name it.
  {
    const auto file = must(files.open(bench.paths[0], OpenMode::read_write));
    const Guid log_guid = Guid::make_random(bench.random);
    vhdx::LogWriter log(*file, {1 * mib, 1 * mib}, log_guid, 1);
    must(log.append({}, must(file->size_bytes())));
    for (uint64_t offset : vhdx::header_offsets) {
      auto header = get<vhdx::Header>(*file, offset);
      header.log_guid = log_guid;
      header.checksum = vhdx::checksum_of(header);
      put(*file, offset, header);
    }
  }
  bench.open();
  EXPECT_EQ(bench.difference(), "");
}

TEST_F(ChainOpenTest, NoFileIsLeftBehindByARefusedCreation) {
  vhdx::DiskMetadata impossible;
  impossible.disk_size_bytes = 12 * mib;
  impossible.block_size_bytes = 3 * mib;
  EXPECT_EQ(fault_of(create_disk(files, "/vm/x.vhdx", impossible, bench.random)), "vhdx-block-size");
  EXPECT_FALSE(files.exists("/vm/x.vhdx"));
  make_three();
  EXPECT_EQ(fault_of(create_child(files, bench.paths[0], bench.paths[1], {}, bench.random)), "file-exists");
  bench.open(OpenMode::read_only);
  EXPECT_EQ(bench.difference(), "");
}

TEST_F(ChainOpenTest, ChildOfAMissingParentIsNotMade) {
  EXPECT_EQ(fault_of(create_child(files, "/vm/none.vhdx", "/vm/x.vhdx", {}, bench.random)), "file-not-found");
  EXPECT_FALSE(files.exists("/vm/x.vhdx"));
}

TEST_F(ChainOpenTest, ChildrenAreFoundByTheirLocators) {
  make_three();
  must(create_child(files, bench.paths[0], "/vm/sibling.avhdx", {}, bench.random));
  {
    const auto stranger = must(files.create("/vm/notes.txt"));
    must(stranger->write(0, filled(100, 'x')));
  }
  EXPECT_THAT(must(find_children(files, "/vm", {bench.paths[0]}, bench.random)),
              testing::ElementsAre("/vm/layer-1.vhdx", "/vm/sibling.avhdx"));
  EXPECT_TRUE(must(find_children(files, "/vm", {bench.paths[2]}, bench.random)).empty());
}

TEST_F(ChainOpenTest, SecondWriterIsRefused) {
  make_three();
  const Chain first = must(try_open({.mode = OpenMode::read_write}));
  EXPECT_EQ(fault_of(try_open({.mode = OpenMode::read_write})), "file-in-use");
  EXPECT_EQ(fault_of(try_open({.mode = OpenMode::read_only})), "");
}

TEST_F(ChainOpenTest, HundredLayersReadRight) {
  bench.create_base({.disk_size_bytes = 3 * mib});
  for (uint64_t layer = 0; layer < 100; ++layer) {
    bench.checkpoint();
    bench.fill({(layer * 37 % 6000) * 512, 1024}, static_cast<uint8_t>(layer + 1));
  }
  bench.open(OpenMode::read_only);
  EXPECT_EQ(bench.chain->depth(), 100U);
  EXPECT_EQ(bench.difference(), "");
}

}  // namespace
}  // namespace vhdlab::tests
