// Folders of disks that others made become machines without a changed byte; and damage to any file costs just
// the restore points that were foretold.
#include "engine/checkpoint/machine_adopt.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/io/memory_file_system.h"
#include "engine/io/posix_file_system.h"
#include "tests/engine/checkpoint/machine_workbench.h"
#include "tests/support/run_program.h"
#include "tests/support/shared_folder.h"
#include "tests/support/temporary_folder.h"

namespace vhdlab::tests {
namespace {

std::map<std::string, std::vector<std::byte>> bytes_of_files(FileSystem& files, const std::string& folder) {
  std::map<std::string, std::vector<std::byte>> contents;
  for (const std::string& name : must(files.list(folder))) {
    if (name.starts_with("machine.vhdlab")) continue;
    const auto file = must(files.open(folder + "/" + name, OpenMode::read_only));
    std::vector<std::byte> bytes(must(file->size_bytes()));
    must(file->read(0, bytes));
    contents.emplace(name, std::move(bytes));
  }
  return contents;
}

std::string windows_name(const std::string& base, RandomSource& random) {
  return fmt::format("{}_{}.avhdx", base, Guid::make_random(random).to_upper());
}

class AdoptTest : public testing::Test {
 protected:
  void make_base(const std::string& name) {
    vhdx::DiskMetadata metadata{.disk_size_bytes = 4 * mib, .block_size_bytes = 1 * mib};
    metadata.virtual_disk_id = Guid::make_random(random);
    must(create_disk(files, "/vm/" + name, metadata, random));
  }

  // A child with a locator as Windows writes it: paths of a drive that is not here, backslashes throughout.
  void make_child(const std::string& name, const std::string& parent) {
    must(create_child(files, "/vm/" + parent, "/vm/" + name, {}, random));
    {
      const auto child = must(open_vhdx(files, "/vm/" + name, OpenMode::read_write, CacheMode::buffered,
                                        random, vhdx::WriteIntent::same_content));
      vhdx::ParentLocator locator = *child->image().metadata().parent;
      locator.absolute_win32_path = "C:\\Users\\Public\\Hyper-V\\" + parent;
      locator.volume_path = "\\\\?\\Volume{6e1c8d52-0000-0000-0000-100000000000}\\Hyper-V\\" + parent;
      must(child->image().set_parent(locator));
      must(child->close());
    }
    Chain chain = must(open_chain(files, "/vm/" + name, {.mode = OpenMode::read_write}, random));
    WritePlan plan;
    const auto value = static_cast<std::byte>(++written_);
    must(chain.write(written_ % 8 * 256 * kib, std::vector<std::byte>(64 * kib, value), plan));
    must(chain.close());
  }

  Result<Machine> adopt(const AdoptRequest& request) {
    auto manifest = plan_adoption(files, "/vm", request, random);
    if (!manifest) return std::unexpected(manifest.error());
    return Machine::put_in_order(files, "/vm", *std::move(manifest), random);
  }

  MemoryFileSystem files;
  SeededRandom random{7};
  uint64_t written_ = 0;
};

TEST_F(AdoptTest, TakesInWhatWindowsMadeWithoutChangingAByte) {
  // Goal: a base and AVHDX files with Windows' names and locators become a machine, and no byte of them
  // changes; the machine can then be used and merged. Method: a branching chain, bytes compared; then
  // operations.
  make_base("disk.vhdx");
  std::vector<std::string> names = {"disk.vhdx"};
  for (int i = 0; i < 4; ++i) {
    names.push_back(windows_name("disk", random));
    make_child(names.back(), names[static_cast<size_t>(i == 3 ? 1 : i)]);  // the last beside the third
  }
  const auto before = bytes_of_files(files, "/vm");
  EXPECT_EQ(adopt({.name = "disk"}).error().fault, "adopt-now");
  Machine machine = must(adopt({.name = "disk", .now = {names[4]}}));
  EXPECT_EQ(bytes_of_files(files, "/vm"), before);
  EXPECT_EQ(machine.tree().checkpoints.size(), 4U);
  EXPECT_EQ(machine.tree().disks[0].now, names[4]);
  EXPECT_EQ(find_checkpoint(machine.tree(), *machine.tree().now_parent)->name + ".avhdx", names[1]);
  EXPECT_TRUE(pending_merges(machine.tree()).empty());

  auto expected = contents_of(files, "/vm", machine.tree(), random);
  must(machine.take_checkpoint({.name = "ours"}));
  EXPECT_TRUE(machine.tree().disks[0].now.starts_with("disk_"));
  EXPECT_EQ(machine.tree().disks[0].now.size(), names[1].size());
  const Guid base = must(find_checkpoint_by_word(machine.tree(), "disk"));
  must(machine.delete_checkpoint(base));
  must(machine.merge_pending({}, {}));
  expected.erase(base);
  for (const auto& [point, content] : contents_of(files, "/vm", machine.tree(), random)) {
    if (!expected.contains(point)) continue;
    EXPECT_EQ(content, expected.at(point));
  }
  EXPECT_EQ(leaked_files(files, "/vm", machine.tree()), "");
}

TEST_F(AdoptTest, PutsDisksTogetherThatBranchAlike) {
  // Goal: two disks with lines of one length are one machine; where it is not clear, nothing is guessed.
  // Method: equal lines, then one more file on one disk, then each disk alone.
  make_base("a.vhdx");
  make_base("b.vhdx");
  std::vector<std::string> last = {"a.vhdx", "b.vhdx"};
  for (int i = 0; i < 3; ++i) {
    for (std::string& at : last) {
      const std::string name = windows_name(at.substr(0, 1), random);
      make_child(name, at);
      at = name;
    }
  }
  const auto together = must(plan_adoption(files, "/vm", {.name = "two"}, random));
  EXPECT_EQ(together.tree.checkpoints.size(), 3U);
  EXPECT_EQ(together.tree.disks.size(), 2U);
  EXPECT_TRUE(check_tree(together.tree));
  make_child(windows_name("b", random), last[1]);
  EXPECT_EQ(plan_adoption(files, "/vm", {.name = "two"}, random).error().fault, "adopt-disks");
  const auto alone = must(plan_adoption(files, "/vm", {.name = "one", .bases = {"b.vhdx"}}, random));
  EXPECT_EQ(alone.tree.checkpoints.size(), 4U);
  EXPECT_EQ(plan_adoption(files, "/vm", {.name = "x", .bases = {"c.vhdx"}}, random).error().fault,
            "adopt-nothing");
}

TEST_F(AdoptTest, RefusesAChainWithoutItsParent) {
  // Goal: what cannot be read is refused by name, and no manifest is left. Method: the base removed.
  make_base("disk.vhdx");
  make_child("disk_x.avhdx", "disk.vhdx");
  must(files.remove("/vm/disk.vhdx"));
  EXPECT_EQ(adopt({.name = "disk"}).error().fault, "adopt-parent");
  EXPECT_EQ(must(files.list("/vm")), std::vector<std::string>{"disk_x.avhdx"});
}

TEST_F(AdoptTest, RuleNotABackupHoldsWhenEachFileIsDamagedInTurn) {
  // Goal (rule "Not a backup"): damaging a file loses just the restore points that lost_with foretells; all
  // others still read as before. Method: a tree on two disks; each file removed, and each overwritten, in
  // turn.
  Machine machine = must(Machine::create(
      files, "/m", {.name = "m", .disks = {{"a.vhdx", 4 * mib, 1 * mib}, {"b.vhdx", 4 * mib, 1 * mib}}},
      random));
  std::vector<Guid> ids;
  for (int i = 0; i < 6; ++i) {
    write_noise(files, "/m", machine.tree(), random);
    ids.push_back(must(machine.take_checkpoint({})));
    if (i == 3) must(machine.apply(ids[1]));
  }
  must(machine.delete_checkpoint(ids[1]));
  const CheckpointTree& tree = machine.tree();
  const auto before = contents_of(files, "/m", tree, random);
  size_t damaged = 0;
  for (size_t disk = 0; disk < tree.disks.size(); ++disk) {
    for (const auto& [name, parent] : tree.disks[disk].parent_of) {
      const auto foretold = lost_with(tree, disk, name);
      for (const bool overwrite : {false, true}) {
        const std::string path = "/m/" + name;
        must(files.rename(path, "/aside"));
        if (overwrite) {
          const auto junk = must(files.create(path));
          must(junk->write(0, std::vector<std::byte>(2 * mib, std::byte{0x5a})));
        }
        for (const auto& [point, content] : before) {
          bool survives = true;
          for (size_t i = 0; i < tree.disks.size() && survives; ++i) {
            const auto chain = open_chain(files, "/m/" + chain_of(tree.disks[i], point).front(), {}, random);
            survives = chain.has_value();
            if (!survives) continue;
            EXPECT_EQ(content_of(files, "/m/" + chain_of(tree.disks[i], point).front(), random), content[i]);
          }
          const bool is_foretold = std::ranges::find(foretold, point) != foretold.end();
          EXPECT_EQ(survives, !is_foretold) << name;
        }
        if (overwrite) must(files.remove(path));
        must(files.rename("/aside", path));
        ++damaged;
      }
    }
  }
  EXPECT_GE(damaged, 24U);
}

TEST(AdoptRealFile, TakesInADiskThatHyperVMade) {
  // Goal: a real AVHDX of Hyper-V is taken in without a changed byte. Method: a base of its size with the
  // identity it asks for, under the name it asks for.
  const auto sample = shared_path("samples/vhdx/hyperv-differencing.avhdx.gz");
  if (!sample) GTEST_SKIP() << sample.error().text();
  TemporaryFolder folder;
  const std::string path = folder.file("disk_8F9A.avhdx");
  const auto unpacked =
      run_program({"sh", "-c", fmt::format("gzip -dc '{}' > '{}'", sample->string(), path)});
  ASSERT_TRUE(unpacked && unpacked->succeeded());
  PosixFileSystem files;
  SeededRandom random(3);
  vhdx::ParentLocator locator;
  uint64_t size = 0;
  {
    const auto child = must(open_vhdx(files, path, OpenMode::read_only, CacheMode::buffered, random));
    locator = *child->image().metadata().parent;
    size = child->disk_size_bytes();
  }
  const std::string& windows_path =
      locator.relative_path.empty() ? locator.absolute_win32_path : locator.relative_path;
  const std::string parent_name = windows_path.substr(windows_path.rfind('\\') + 1);
  const std::string parent_path = folder.file(parent_name);
  must(create_disk(files, parent_path, {.disk_size_bytes = size, .block_size_bytes = 32 * mib}, random));
  {
    const auto base = must(open_vhdx(files, parent_path, OpenMode::read_write, CacheMode::buffered, random,
                                     vhdx::WriteIntent::same_content));
    must(base->image().set_data_write_guid(locator.linkage));
    must(base->close());
  }
  const auto before = bytes_of_files(files, folder.path().string());
  auto manifest = plan_adoption(files, folder.path().string(), {.name = "real"}, random);
  ASSERT_TRUE(manifest) << manifest.error().text();
  Machine machine = must(Machine::put_in_order(files, folder.path().string(), *std::move(manifest), random));
  EXPECT_EQ(bytes_of_files(files, folder.path().string()), before);
  EXPECT_EQ(machine.tree().checkpoints.size(), 1U);
  must(machine.take_checkpoint({}));
}

}  // namespace
}  // namespace vhdlab::tests
