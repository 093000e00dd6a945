// What can be wrong between the files of a chain, each by its name.
#include "engine/chain/chain_check.h"

#include <gtest/gtest.h>

#include "tests/engine/check/patient.h"

namespace vhdlab {
namespace {

using vhdx::Severity;

// A base and two children in memory: /base.vhdx <- /middle.avhdx <- /leaf.avhdx.
class ChainCheckTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(create_disk(files_, "/base.vhdx",
                            {.disk_size_bytes = 8 * mib,
                             .block_size_bytes = 1 * mib,
                             .virtual_disk_id = Guid::make_random(random_)},
                            random_));
    ASSERT_TRUE(create_child(files_, "/base.vhdx", "/middle.avhdx", {}, random_));
    ASSERT_TRUE(create_child(files_, "/middle.avhdx", "/leaf.avhdx", {}, random_));
  }

  std::unique_ptr<VhdxLayer> open(const std::string& path,
                                  vhdx::WriteIntent intent = vhdx::WriteIntent::guest_visible) {
    return *open_vhdx(files_, path, OpenMode::read_write, CacheMode::buffered, random_, intent);
  }

  void write(const std::string& path) {
    const auto layer = open(path);
    WritePlan plan;
    ASSERT_TRUE(layer->plan_write({0, 4096}, plan));
    ASSERT_TRUE(carry_out(*layer, plan, 0, std::vector<std::byte>(4096, std::byte{7})));
    ASSERT_TRUE(layer->flush());
    ASSERT_TRUE(layer->close());
  }

  // The severity of the finding of that name between the layers; fails where there is none.
  void expect(Severity severity, std::string_view name) {
    const auto report = check_chain(files_, "/leaf.avhdx");
    ASSERT_TRUE(report) << report.error().text();
    std::string all;
    for (const auto& finding : report->findings) {
      all += finding.name + " ";
      if (finding.name != name) continue;
      EXPECT_EQ(finding.severity, severity);
      EXPECT_EQ(report->has(Severity::damage), severity == Severity::damage);
      return;
    }
    ADD_FAILURE() << name << " is not among: " << all;
  }

  MemoryFileSystem files_;
  SeededRandom random_{5};
};

TEST_F(ChainCheckTest, FindsNothingInAWholeChain) {
  // Goal: no false alarm. Method: three fresh layers.
  const auto report = check_chain(files_, "/leaf.avhdx");
  ASSERT_TRUE(report);
  EXPECT_EQ(report->layers.size(), 3);
  EXPECT_TRUE(report->findings.empty());
  EXPECT_FALSE(report->has(Severity::damage) || report->has(Severity::risk));
}

TEST_F(ChainCheckTest, NamesAMissingParent) {
  // Goal: a lost file is named. Method: remove the base.
  ASSERT_TRUE(files_.remove("/base.vhdx"));
  expect(Severity::damage, "chain-parent-missing");
}

TEST_F(ChainCheckTest, NamesAParentWrittenToLater) {
  // Goal: a changed parent is damage, in words that say it is the same disk. Method: write to the middle.
  write("/middle.avhdx");
  expect(Severity::damage, "chain-parent-mismatch");
}

TEST_F(ChainCheckTest, NamesALoop) {
  // Goal: bounded, and named. Method: the base's place is taken by the leaf.
  ASSERT_TRUE(open("/middle.avhdx", vhdx::WriteIntent::same_content)
                  ->image()
                  .set_parent(vhdx::make_parent_locator(Guid{}, "/", "/leaf.avhdx")));
  expect(Severity::damage, "chain-loop");
}

TEST_F(ChainCheckTest, NamesAnotherSectorSize) {
  // Goal: sectors must agree. Method: another base, of 4 KiB sectors.
  ASSERT_TRUE(files_.remove("/base.vhdx"));
  ASSERT_TRUE(create_disk(
      files_, "/base.vhdx",
      {.disk_size_bytes = 8 * mib, .block_size_bytes = 1 * mib, .logical_sector_size_bytes = 4096}, random_));
  expect(Severity::damage, "chain-sector-size");
}

TEST_F(ChainCheckTest, NamesADirtyParent) {
  // Goal: a parent's log is a risk to its children. Method: leave the middle dirty, same identity.
  {
    const auto layer = open("/middle.avhdx", vhdx::WriteIntent::same_content);
    WritePlan plan;
    ASSERT_TRUE(layer->plan_write({0, 4096}, plan));
  }
  expect(Severity::risk, "chain-parent-dirty");
}

TEST_F(ChainCheckTest, NamesTwins) {
  // Goal: a copied layer is told. Method: the leaf takes the base's identity.
  const Guid identity = open("/base.vhdx")->image().header().data_write_guid;
  const auto leaf = open("/leaf.avhdx");
  ASSERT_TRUE(leaf->image().set_data_write_guid(identity));
  ASSERT_TRUE(leaf->close());
  expect(Severity::risk, "chain-identity-twice");
}

TEST_F(ChainCheckTest, NotesAMovedParentAnotherSizeAndASecondLinkage) {
  // Goal: what is legal is a note. Method: a locator with a wrong first path and the identity second; a
  // resized base.
  const Guid identity = open("/base.vhdx")->image().header().data_write_guid;
  {
    const auto middle = open("/middle.avhdx", vhdx::WriteIntent::same_content);
    auto locator = vhdx::make_parent_locator(Guid::make_random(random_), "/", "/elsewhere/base.vhdx");
    locator.linkage2 = identity;
    ASSERT_TRUE(middle->image().set_parent(locator));
    ASSERT_TRUE(middle->close());
    const auto base = open("/base.vhdx", vhdx::WriteIntent::same_content);
    ASSERT_TRUE(base->image().set_disk_size(6 * mib));
    ASSERT_TRUE(base->close());
  }
  expect(Severity::note, "chain-parent-moved");
  expect(Severity::note, "chain-second-linkage");
  expect(Severity::note, "chain-disk-size");
}

TEST_F(ChainCheckTest, NotesAnotherDiskIdentity) {
  // Goal: page 83 should be the same along a chain. Method: a base of the right identity and another page 83.
  const Guid identity = open("/base.vhdx")->image().header().data_write_guid;
  ASSERT_TRUE(files_.remove("/base.vhdx"));
  ASSERT_TRUE(create_disk(files_, "/base.vhdx",
                          {.disk_size_bytes = 8 * mib,
                           .block_size_bytes = 1 * mib,
                           .virtual_disk_id = Guid::make_random(random_)},
                          random_));
  const auto base = open("/base.vhdx");
  ASSERT_TRUE(base->image().set_data_write_guid(identity));
  ASSERT_TRUE(base->close());
  expect(Severity::note, "chain-disk-identity");
}

TEST_F(ChainCheckTest, StopsAtTheDepthAskedFor) {
  // Goal: bounded. Method: at most one layer above the base.
  const auto report = check_chain(files_, "/leaf.avhdx", 1);
  ASSERT_TRUE(report);
  ASSERT_EQ(report->findings.size(), 1);
  EXPECT_EQ(report->findings[0].name, "chain-too-deep");
}

}  // namespace
}  // namespace vhdlab
