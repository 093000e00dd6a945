// A child gets a parent: the right one at another place, or another one on demand; never a wrong one by
// accident.
#include "engine/chain/relink.h"

#include <gtest/gtest.h>

#include "engine/chain/chain_open.h"
#include "engine/io/memory_file_system.h"

namespace vhdlab {
namespace {

class RelinkTest : public testing::Test {
 protected:
  void SetUp() override {
    make_base("/base.vhdx", 512);
    ASSERT_TRUE(create_child(files_, "/base.vhdx", "/vm/child.avhdx", {}, random_));
    ASSERT_TRUE(create_child(files_, "/vm/child.avhdx", "/vm/grandchild.avhdx", {}, random_));
  }

  void make_base(const std::string& path, uint32_t sector_size_bytes) {
    ASSERT_TRUE(create_disk(files_, path,
                            {.disk_size_bytes = 8 * mib,
                             .block_size_bytes = 1 * mib,
                             .logical_sector_size_bytes = sector_size_bytes},
                            random_));
  }

  std::vector<std::byte> bytes_of(const std::string& path) {
    auto file = *files_.open(path, OpenMode::read_only);
    std::vector<std::byte> bytes(*file->size_bytes());
    EXPECT_TRUE(file->read(0, bytes));
    return bytes;
  }

  Guid identity_of(const std::string& path) {
    return (*open_vhdx(files_, path, OpenMode::read_only, CacheMode::buffered, random_))
        ->image()
        .header()
        .data_write_guid;
  }

  // Refused under this name, and the child is byte for byte what it was.
  void expect_refused(const std::string& parent, std::string_view fault) {
    const auto before = bytes_of("/vm/child.avhdx");
    const auto outcome = relink(files_, "/vm/child.avhdx", parent, {}, random_);
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().fault, fault) << outcome.error().text();
    EXPECT_EQ(bytes_of("/vm/child.avhdx"), before);
  }

  MemoryFileSystem files_;
  SeededRandom random_{9};
};

TEST_F(RelinkTest, FindsAMovedParentAgainAndKeepsTheChildsIdentity) {
  // Goal: the chain opens, and grandchildren still fit. Method: move the base far away, relink.
  ASSERT_TRUE(files_.rename("/base.vhdx", "/far/away/renamed.vhdx"));
  ASSERT_FALSE(open_chain(files_, "/vm/grandchild.avhdx", {}, random_));
  const Guid identity = identity_of("/vm/child.avhdx");
  const auto outcome = relink(files_, "/vm/child.avhdx", "/far/away/renamed.vhdx", {}, random_);
  ASSERT_TRUE(outcome) << outcome.error().text();
  EXPECT_EQ(outcome->linkage_after, outcome->linkage_before);
  EXPECT_EQ(identity_of("/vm/child.avhdx"), identity);
  const auto chain = open_chain(files_, "/vm/grandchild.avhdx", {}, random_);
  ASSERT_TRUE(chain) << chain.error().text();
  EXPECT_EQ(chain->depth(), 2);
}

TEST_F(RelinkTest, TakesAnotherIdentityOnlyOnDemand) {
  // Goal: a mismatch is refused unless it is to be ignored; then the parent's present identity is written.
  // Method: another base of the same shape.
  make_base("/other.vhdx", 512);
  expect_refused("/other.vhdx", "chain-parent-mismatch");
  const auto outcome =
      relink(files_, "/vm/child.avhdx", "/other.vhdx", {.ignore_id_mismatch = true}, random_);
  ASSERT_TRUE(outcome) << outcome.error().text();
  EXPECT_EQ(outcome->linkage_after, identity_of("/other.vhdx"));
  EXPECT_TRUE(open_chain(files_, "/vm/grandchild.avhdx", {}, random_));
}

TEST_F(RelinkTest, RefusesWhatCannotBeAParent) {
  // Goal: loops, other sectors, missing files and other formats are refused by name. Method: one of each.
  expect_refused("/vm/child.avhdx", "chain-loop");
  make_base("/sectors.vhdx", 4096);
  expect_refused("/sectors.vhdx", "chain-sector-size");
  expect_refused("/nowhere.vhdx", "file-not-found");
  ASSERT_TRUE((*files_.create("/raw.img"))->resize(4 * mib));
  expect_refused("/raw.img", "vhdx-not-a-vhdx");
}

TEST_F(RelinkTest, RefusesADescendantEvenWhenIdentitiesAreIgnored) {
  // Goal: no loop can be made. Method: the grandchild as parent.
  const auto outcome =
      relink(files_, "/vm/child.avhdx", "/vm/grandchild.avhdx", {.ignore_id_mismatch = true}, random_);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().fault, "chain-loop");
}

TEST_F(RelinkTest, RefusesADiskWithoutAParent) {
  // Goal: only differencing disks have parents. Method: relink a base.
  make_base("/other.vhdx", 512);
  const auto outcome = relink(files_, "/base.vhdx", "/other.vhdx", {}, random_);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().fault, "disk-has-no-parent");
}

}  // namespace
}  // namespace vhdlab
