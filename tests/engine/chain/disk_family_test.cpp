// Families of disks: every fault by name, what each file takes with it, and scans of real folders.
#include "engine/chain/disk_family.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "engine/chain/disk_family_scan.h"
#include "engine/chain/relink.h"
#include "engine/io/memory_file_system.h"
#include "engine/io/posix_file_system.h"
#include "tests/engine/chain/chain_workbench.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

// A folder in memory that disks are made in.
class FamilyTest : public testing::Test {
 protected:
  void base(const std::string& path, uint32_t sector_size_bytes = 512) {
    vhdx::DiskMetadata metadata;
    metadata.disk_size_bytes = 8 * mib;
    metadata.block_size_bytes = 1 * mib;
    metadata.logical_sector_size_bytes = sector_size_bytes;
    must(create_disk(files, path, metadata, random));
  }
  void child(const std::string& parent, const std::string& path) {
    must(create_child(files, parent, path, {}, random));
  }
  void write_to(const std::string& path) {
    Chain chain = must(open_chain(files, path, {.mode = OpenMode::read_write}, random));
    WritePlan plan;
    must(chain.write(0, filled(4096, 7), plan));
    must(chain.close());
  }
  void copy(const std::string& from, const std::string& to) {
    const auto source = must(files.open(from, OpenMode::read_only));
    std::vector<std::byte> bytes(must(source->size_bytes()));
    must(source->read(0, bytes));
    must(must(files.create(to))->write(0, bytes));
  }

  DiskFamilies look(const std::string& folder = "/vm") {
    scan = must(scan_families(files, folder, {}, random));
    return make_families(scan.disks);
  }

  static DiskIndex at(const DiskFamilies& all, const std::string& path) {
    const auto found = std::ranges::find(all.disks, path, &DiskFacts::path);
    EXPECT_NE(found, all.disks.end()) << path;
    return static_cast<DiskIndex>(found - all.disks.begin());
  }
  static std::vector<std::string> paths(const DiskFamilies& all, const std::vector<DiskIndex>& disks) {
    std::vector<std::string> result;
    for (const DiskIndex disk : disks)
      result.push_back(all.disks[disk].path);
    return result;
  }
  // "family-loop /vm/a"
  static std::vector<std::string> findings(const DiskFamilies& all) {
    std::vector<std::string> result;
    for (const FamilyFinding& finding : all.findings)
      result.push_back(std::string(name_of(finding.fault)) + " " + all.disks[finding.disk].path);
    return result;
  }

  MemoryFileSystem files;
  SeededRandom random{3};
  FamilyScan scan;
};

TEST_F(FamilyTest, ChainsBranchesAndSinglesAreToldApart) {
  // Goal: roles, children and what is lost. Method: two families in one tree, one of them with a fork, in
  // folders of their own, and a disk without a history.
  base("/vm/a/base.vhdx");
  child("/vm/a/base.vhdx", "/vm/a/1.avhdx");
  child("/vm/a/1.avhdx", "/vm/a/2.avhdx");
  child("/vm/a/1.avhdx", "/vm/deep/er/3.avhdx");
  base("/vm/b.vhdx");
  child("/vm/b.vhdx", "/vm/c.avhdx");
  base("/vm/single.vhdx");
  const DiskFamilies all = look();
  ASSERT_EQ(all.families.size(), 3U);
  EXPECT_THAT(findings(all), IsEmpty());
  auto role = [&](const std::string& path) { return all.places[at(all, path)].role; };
  EXPECT_EQ(role("/vm/a/base.vhdx"), DiskRole::base);
  EXPECT_EQ(role("/vm/a/1.avhdx"), DiskRole::fork);
  EXPECT_EQ(role("/vm/a/2.avhdx"), DiskRole::leaf);
  EXPECT_EQ(role("/vm/deep/er/3.avhdx"), DiskRole::leaf);
  EXPECT_EQ(role("/vm/b.vhdx"), DiskRole::base);
  EXPECT_EQ(role("/vm/single.vhdx"), DiskRole::single);
  EXPECT_THAT(paths(all, all.places[at(all, "/vm/a/1.avhdx")].would_lose),
              UnorderedElementsAre("/vm/a/1.avhdx", "/vm/a/2.avhdx", "/vm/deep/er/3.avhdx"));
  EXPECT_THAT(paths(all, all.families[0].disks),
              ElementsAre("/vm/a/base.vhdx", "/vm/a/1.avhdx", "/vm/a/2.avhdx", "/vm/deep/er/3.avhdx"));
  for (const DiskPlace& place : all.places)
    EXPECT_TRUE(place.opens);
}

TEST_F(FamilyTest, OrphansOfOneParentAreOneFamily) {
  base("/vm/base.vhdx");
  child("/vm/base.vhdx", "/vm/1.avhdx");
  child("/vm/base.vhdx", "/vm/2.avhdx");
  child("/vm/2.avhdx", "/vm/3.avhdx");
  must(files.remove("/vm/base.vhdx"));
  const DiskFamilies all = look();
  ASSERT_EQ(all.families.size(), 1U);
  EXPECT_THAT(findings(all),
              ElementsAre("family-parent-missing /vm/1.avhdx", "family-parent-missing /vm/2.avhdx"));
  EXPECT_THAT(all.findings[0].message, HasSubstr("/vm/base.vhdx"));
  EXPECT_FALSE(all.places[at(all, "/vm/3.avhdx")].opens) << "what stands on an orphan does not open either";
  EXPECT_TRUE(all.has(vhdx::Severity::damage));
}

TEST_F(FamilyTest, ParentThatWasMovedIsFoundByItsIdentity) {
  base("/vm/base.vhdx");
  child("/vm/base.vhdx", "/vm/1.avhdx");
  must(files.rename("/vm/base.vhdx", "/vm/elsewhere/renamed.vhdx"));
  const DiskFamilies all = look();
  EXPECT_THAT(findings(all), ElementsAre("family-parent-missing /vm/1.avhdx"));
  EXPECT_THAT(all.findings[0].hint, HasSubstr("vhdlab disk relink /vm/1.avhdx /vm/elsewhere/renamed.vhdx"));
  must(relink(files, "/vm/1.avhdx", "/vm/elsewhere/renamed.vhdx", {}, random));
  EXPECT_THAT(findings(look()), IsEmpty()) << "the hint helps";
}

TEST_F(FamilyTest, ParentWrittenToSinceIsAMismatch) {
  base("/vm/base.vhdx");
  child("/vm/base.vhdx", "/vm/1.avhdx");
  write_to("/vm/base.vhdx");
  const DiskFamilies all = look();
  EXPECT_THAT(findings(all), ElementsAre("family-parent-mismatch /vm/1.avhdx"));
  EXPECT_EQ(all.families.size(), 1U) << "its path still leads there";
  EXPECT_FALSE(all.places[at(all, "/vm/1.avhdx")].opens);
  EXPECT_TRUE(all.places[at(all, "/vm/base.vhdx")].opens);
}

TEST_F(FamilyTest, ParentThatIsNoVhdxAnyMoreIsUnreadable) {
  base("/vm/base.vhdx");
  child("/vm/base.vhdx", "/vm/1.avhdx");
  must(must(files.open("/vm/base.vhdx", OpenMode::read_write))->write(0, filled(64, 0)));
  const DiskFamilies all = look();
  EXPECT_THAT(findings(all), ElementsAre("family-parent-unreadable /vm/1.avhdx"));
  ASSERT_EQ(scan.passed_over.size(), 1U);
  EXPECT_EQ(scan.passed_over[0].path, "/vm/base.vhdx");
  EXPECT_THAT(scan.passed_over[0].reason, HasSubstr("does not begin as one"));
}

TEST_F(FamilyTest, OtherSectorsThanTheParentsAreNamed) {
  // A base of the same name and identity with other sectors, put in the first one's place.
  base("/vm/base.vhdx");
  child("/vm/base.vhdx", "/vm/1.avhdx");
  must(files.remove("/vm/base.vhdx"));
  base("/vm/base.vhdx", 4096);
  EXPECT_THAT(findings(look()), Contains("family-sector-size /vm/1.avhdx"));
}

TEST_F(FamilyTest, LoopIsNamedAndEndsTheSearch) {
  // Two children whose paths lead to each other, and a third on one of them.
  base("/vm/base.vhdx");
  child("/vm/base.vhdx", "/vm/1.avhdx");
  child("/vm/1.avhdx", "/vm/2.avhdx");
  child("/vm/2.avhdx", "/vm/3.avhdx");
  must(files.remove("/vm/base.vhdx"));
  must(files.rename("/vm/2.avhdx", "/vm/base.vhdx"));
  copy("/vm/base.vhdx", "/vm/2.avhdx");
  const DiskFamilies all = look();
  EXPECT_THAT(findings(all), Contains("family-loop /vm/1.avhdx"));
  EXPECT_THAT(findings(all), Contains("family-loop /vm/base.vhdx"));
  for (const DiskPlace& place : all.places)
    EXPECT_FALSE(place.opens);
  size_t members = 0;
  for (const DiskFamily& family : all.families)
    members += family.disks.size();
  EXPECT_EQ(members, all.disks.size()) << "each in one family, once";
}

TEST_F(FamilyTest, CopyClaimsTheSameIdentity) {
  base("/vm/base.vhdx");
  child("/vm/base.vhdx", "/vm/1.avhdx");
  copy("/vm/base.vhdx", "/vm/copy.vhdx");
  const DiskFamilies all = look();
  EXPECT_THAT(findings(all), ElementsAre("family-identity-twice /vm/base.vhdx"));
  EXPECT_THAT(all.findings[0].message, HasSubstr("/vm/copy.vhdx"));
  EXPECT_FALSE(all.has(vhdx::Severity::damage));
}

TEST_F(FamilyTest, InterruptedMergeAndUnreplayedLogAreRisks) {
  base("/vm/base.vhdx");
  child("/vm/base.vhdx", "/vm/1.avhdx");
  must(files.create("/vm/1.avhdx.merge"));
  {
    Chain chain = must(open_chain(files, "/vm/1.avhdx", {.mode = OpenMode::read_write}, random));
    WritePlan plan;
    must(chain.write(0, filled(4096, 7), plan));
    must(chain.flush());
  }  // not closed, as by a power cut
  EXPECT_THAT(findings(look()),
              UnorderedElementsAre("family-unfinished-merge /vm/1.avhdx", "family-log-dirty /vm/1.avhdx"));
}

TEST_F(FamilyTest, ParentOutsideTheFolderIsFollowedAndMarked) {
  base("/store/base.vhdx");
  child("/store/base.vhdx", "/store/1.avhdx");
  child("/store/1.avhdx", "/vm/2.avhdx");
  const DiskFamilies all = look();
  EXPECT_THAT(findings(all), ElementsAre("family-parent-outside /vm/2.avhdx"));
  EXPECT_EQ(all.disks.size(), 3U);
  EXPECT_TRUE(all.disks[at(all, "/store/base.vhdx")].is_outside);
  EXPECT_TRUE(all.places[at(all, "/vm/2.avhdx")].opens);
  EXPECT_EQ(all.families.size(), 1U);
}

TEST_F(FamilyTest, SearchIsBoundedAndSaysSo) {
  base("/vm/a/b/c/deep.vhdx");
  base("/vm/base.vhdx");
  const FamilyScan shallow = must(scan_families(files, "/vm", {.folder_depth_max = 2}, random));
  ASSERT_EQ(shallow.passed_over.size(), 1U);
  EXPECT_EQ(shallow.passed_over[0].path, "/vm/a/b/c");
  EXPECT_EQ(fault_of(scan_families(files, "/vm", {.entries_max = 3}, random)), "family-too-many");
  EXPECT_EQ(fault_of(scan_families(files, "/vm", {.disks_max = 1}, random)), "family-too-many");
  EXPECT_EQ(fault_of(scan_families(files, "/vm", {.stop = [] { return true; }}, random)),
            "family-interrupted");
}

TEST_F(FamilyTest, WhatWouldBeLostIsWhatStopsOpening) {
  // Goal: the prediction, file by file. Method: random families; each file is taken away in turn, and every
  // other is opened.
  SeededRandom choice(test_seed());
  for (int round = 0; round < 12; ++round) {
    const std::string folder = "/vm" + std::to_string(round);
    std::vector<std::string> made = {folder + "/0.vhdx"};
    base(made[0]);
    for (int i = 1; i < 7; ++i) {
      made.push_back(folder + "/" + std::to_string(i) + ".avhdx");
      child(made[choice.next_u64() % (made.size() - 1)], made.back());
    }
    const DiskFamilies all = look(folder);
    for (const std::string& gone : made) {
      must(files.rename(gone, "/away"));
      std::set<std::string> lost = {gone};
      for (const std::string& path : made) {
        if (path != gone && !open_chain(files, path, {}, random)) lost.insert(path);
      }
      const auto predicted = paths(all, all.places[at(all, gone)].would_lose);
      EXPECT_EQ(std::set<std::string>(predicted.begin(), predicted.end()), lost) << gone;
      must(files.rename("/away", gone));
    }
  }
}

TEST(FamilyScan, LinksPipesAndUnreadableFilesDoNotStopIt) {
  // Goal: on the host's files: links are names, not disks; what cannot be read is named. Method: a link to a
  // disk, a hard link, a link to the folder itself, one to nothing, a pipe, a torn disk, an old VHD.
  TemporaryFolder folder;
  PosixFileSystem files;
  SeededRandom random(5);
  vhdx::DiskMetadata metadata;
  metadata.disk_size_bytes = 8 * mib;
  metadata.block_size_bytes = 1 * mib;
  must(create_disk(files, folder.file("base.vhdx"), metadata, random));
  must(create_child(files, folder.file("base.vhdx"), folder.file("1.avhdx"), {}, random));
  must(create_disk(files, folder.file("torn.vhdx"), metadata, random));
  std::filesystem::resize_file(folder.file("torn.vhdx"), 100'000);
  std::filesystem::create_symlink("base.vhdx", folder.file("a-link.vhdx"));
  std::filesystem::create_hard_link(folder.file("1.avhdx"), folder.file("9-hard.avhdx"));
  std::filesystem::create_directory_symlink(".", folder.file("round"));
  std::filesystem::create_symlink("nowhere", folder.file("dangling"));
  ASSERT_EQ(mkfifo(folder.file("pipe").c_str(), 0600), 0);
  std::ofstream(folder.file("old.avhd")) << "conectix";
  std::ofstream(folder.file("notes.txt")) << "none";

  const FamilyScan scan = must(scan_families(files, folder.path().string(), {}, random));
  std::vector<std::string> disks;
  for (const DiskFacts& disk : scan.disks)
    disks.push_back(std::filesystem::path(disk.path).filename());
  EXPECT_THAT(disks, ElementsAre("1.avhdx", "base.vhdx"));
  EXPECT_THAT(scan.disks[0].other_names, ElementsAre(folder.file("9-hard.avhdx")));
  EXPECT_THAT(scan.disks[1].other_names, ElementsAre(folder.file("a-link.vhdx")));
  EXPECT_GT(scan.disks[0].modified_unix_s, 0);
  std::vector<std::string> passed_over;
  for (const PassedOver& each : scan.passed_over)
    passed_over.push_back(std::filesystem::path(each.path).filename());
  EXPECT_THAT(passed_over, UnorderedElementsAre("torn.vhdx", "old.avhd", "round", "dangling"));
  EXPECT_EQ(scan.other_files, 2U) << "the text and the pipe";
  const DiskFamilies all = make_families(scan.disks);
  EXPECT_EQ(std::ranges::count(all.findings, FamilyFault::two_names, &FamilyFinding::fault), 2);
}

}  // namespace
}  // namespace vhdlab::tests
