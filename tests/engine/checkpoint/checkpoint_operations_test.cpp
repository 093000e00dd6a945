// Operations of machines on files in memory: contents, files left, names, locators, states and refusals.
#include "engine/checkpoint/checkpoint_operations.h"

#include <algorithm>
#include <regex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/io/memory_file_system.h"
#include "engine/merge/merge_record.h"
#include "engine/merge/merge_run.h"
#include "tests/engine/checkpoint/machine_workbench.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

constexpr const char* folder = "/m";

MachineRequest request_of(std::vector<std::string> disks, size_t limit = checkpoints_max_default) {
  MachineRequest request{.name = "web", .checkpoints_max = limit};
  for (std::string& name : disks)
    request.disks.push_back(
        {.file_name = std::move(name), .size_bytes = 8 * mib, .block_size_bytes = 1 * mib});
  return request;
}

class MachineTest : public testing::Test {
 protected:
  Machine create(std::vector<std::string> disks = {"web.vhdx"}) {
    return must(Machine::create(files, folder, request_of(std::move(disks)), random));
  }
  void write(const Machine& machine) { write_noise(files, folder, machine.tree(), random); }
  MachineContents contents(const Machine& machine) {
    return contents_of(files, folder, machine.tree(), random);
  }
  std::string leaked(const Machine& machine) { return leaked_files(files, folder, machine.tree()); }

  MemoryFileSystem files;
  SeededRandom random{1};
};

TEST_F(MachineTest, RefusesNamesNobodyCouldUse) {
  // Goal: a name can be typed, seen in a tree and told from what the machine is at. Method: bad and good ones
  // for checkpoints, new and renamed, and for machines; what is refused changes nothing.
  Machine machine = create();
  const Guid id = must(machine.take_checkpoint({.name = "first"}));
  const std::string manifest = manifest_text(machine.manifest());
  for (const std::string& name :
       {std::string("Now"), std::string("NOW"), std::string("now"), std::string("a\nb"),
        std::string("a\x1b[2J"), std::string("\xff"), std::string(100'000, 'a'), std::string(101, 'a')}) {
    const auto taken = machine.take_checkpoint({.name = name});
    ASSERT_FALSE(taken) << name.substr(0, 20);
    EXPECT_EQ(taken.error().fault, "checkpoint-name");
    const auto renamed = machine.rename(id, name);
    ASSERT_FALSE(renamed);
    EXPECT_EQ(renamed.error().fault, "checkpoint-name");
  }
  EXPECT_EQ(machine.rename(id, "").error().fault, "checkpoint-name");
  EXPECT_EQ(manifest_text(machine.manifest()), manifest);
  std::string umlauts;
  for (int i = 0; i < 100; ++i)
    umlauts += "\u00e4";
  for (const std::string& name : {umlauts, std::string("Now or never"), std::string("knows")})
    EXPECT_TRUE(machine.rename(id, name)) << name;

  MemoryFileSystem others;
  for (const std::string& name : {std::string(), std::string(101, 'm'), std::string("a\tb")}) {
    MachineRequest request = request_of({"web.vhdx"});
    request.name = name;
    const auto made = Machine::create(others, folder, request, random);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().fault, "machine-name");
  }
  const auto without = Machine::create(others, folder, request_of({"web.vhdx"}, 0), random);
  ASSERT_FALSE(without);
  EXPECT_EQ(without.error().fault, "machine-limit");
  EXPECT_TRUE(must(others.list(folder)).empty());
}

TEST_F(MachineTest, KeepsContentsThroughRandomHistories) {
  // Goal: Now and every checkpoint read the same bytes after any operation, and the folder holds just the
  // tree's files. Method: random operations and merges on two disks of a machine, all contents compared after
  // each.
  SeededRandom choices(test_seed());
  auto pick = [&](size_t count) { return choices.next_u64() % count; };
  Machine machine = create({"web.vhdx", "data.vhdx"});
  MachineContents expected = contents(machine);
  for (int step = 0; step < 40; ++step) {
    std::vector<Guid> ids;
    for (const Checkpoint& checkpoint : machine.tree().checkpoints)
      ids.push_back(checkpoint.id);
    const size_t choice = pick(10);
    if (choice < 4 || ids.empty()) {
      if (ids.size() < 8) expected[must(machine.take_checkpoint({}))] = expected.at(restore_point_now);
    } else if (choice < 6) {
      const Guid id = ids[pick(ids.size())];
      must(machine.apply(id));
      expected[restore_point_now] = expected.at(id);
    } else if (choice < 9) {
      const Guid id = ids[pick(ids.size())];
      must(choice == 8 ? machine.delete_subtree(id) : machine.delete_checkpoint(id));
      std::erase_if(expected, [&](const auto& entry) {
        return entry.first && find_checkpoint(machine.tree(), *entry.first) == nullptr;
      });
    } else {
      must(machine.merge_pending({}, {}));
      EXPECT_TRUE(pending_merges(machine.tree()).empty());
    }
    ASSERT_EQ(contents(machine), expected) << "step " << step << ", choice " << choice;
    ASSERT_EQ(leaked(machine), "") << "step " << step << ", choice " << choice;
    write(machine);
    expected[restore_point_now] = contents(machine).at(restore_point_now);
  }
  must(machine.merge_pending({}, {}));
  EXPECT_EQ(contents(machine), expected);
  EXPECT_EQ(leaked(machine), "");
}

TEST_F(MachineTest, NamesNewFilesAndWritesLocatorsAsWindowsDoes) {
  // Goal: "<base>_<GUID in upper case>.avhdx" beside the base, from the base's name however deep; relative
  // paths with backslashes; the parent's identity. Method: two checkpoints, names and locators looked at.
  Machine machine = create();
  must(machine.take_checkpoint({}));
  must(machine.take_checkpoint({}));
  const std::regex windows_name("web_[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}\\.avhdx");
  for (const auto& [path, parent] : machine.tree().disks[0].parent_of) {
    if (parent.empty()) continue;
    EXPECT_TRUE(std::regex_match(path, windows_name)) << path;
    const auto child = must(open_vhdx(files, "/m/" + path, OpenMode::read_only, CacheMode::buffered, random));
    const auto above =
        must(open_vhdx(files, "/m/" + parent, OpenMode::read_only, CacheMode::buffered, random));
    EXPECT_EQ(child->image().metadata().parent->relative_path, ".\\" + parent);
    EXPECT_EQ(child->image().metadata().parent->linkage, above->image().header().data_write_guid);
  }
}

TEST_F(MachineTest, GivesEveryChildTheTargetsNewIdentityAfterAMerge) {
  // Goal: right after a merge all that stood on the merged file has the target's new DataWriteGuid as linkage
  // and its relative path, and no second linkage left. Method: a merged file with three children.
  Machine machine = create();
  write(machine);
  const Guid first = must(machine.take_checkpoint({}));
  write(machine);
  const Guid second = must(machine.take_checkpoint({}));
  for (int i = 0; i < 2; ++i) {
    write(machine);
    must(machine.take_checkpoint({}));
    must(machine.apply(second));
  }
  const auto expected = contents(machine);
  const auto before = must(open_vhdx(files, "/m/web.vhdx", OpenMode::read_only, CacheMode::buffered, random))
                          ->image()
                          .header()
                          .data_write_guid;
  must(machine.delete_checkpoint(first));
  must(machine.merge_pending({}, {}));
  const auto base = must(open_vhdx(files, "/m/web.vhdx", OpenMode::read_only, CacheMode::buffered, random));
  EXPECT_NE(base->image().header().data_write_guid, before);
  const auto children = files_on(machine.tree().disks[0], "web.vhdx");
  ASSERT_EQ(children.size(), 3U);
  for (const std::string& child : children) {
    const auto disk = must(open_vhdx(files, "/m/" + child, OpenMode::read_only, CacheMode::buffered, random));
    const vhdx::ParentLocator& locator = *disk->image().metadata().parent;
    EXPECT_EQ(locator.linkage, base->image().header().data_write_guid);
    EXPECT_TRUE(!locator.linkage2 || locator.linkage2->is_zero());
    EXPECT_EQ(locator.relative_path, ".\\web.vhdx");
  }
  auto without_first = expected;
  without_first.erase(first);
  EXPECT_EQ(contents(machine), without_first);
}

TEST_F(MachineTest, RuleMergeMovesSeveralLevelsInOnePass) {
  // Goal (rule "delete subtree X": each block once): five levels that rewrite one block are merged by moving
  // it once. Method: the same block written at every level, the subtree deleted, bytes counted.
  Machine machine = create();
  std::optional<Guid> first;
  for (int level = 0; level < 5; ++level) {
    const Guid id = must(machine.take_checkpoint({}));
    if (!first) first = id;
    Chain chain =
        must(open_chain(files, "/m/" + machine.tree().disks[0].now, {.mode = OpenMode::read_write}, random));
    WritePlan plan;
    must(chain.write(1 * mib, std::vector<std::byte>(1 * mib, std::byte(level + 1)), plan));
    must(chain.close());
  }
  must(machine.delete_subtree(*first));
  const auto outcome = must(machine.merge_pending({}, {}));
  EXPECT_EQ(outcome.merges, 1U);
  EXPECT_EQ(outcome.bytes_copied, 1 * mib);
  EXPECT_EQ(machine.tree().disks[0].now, "web.vhdx");
  EXPECT_EQ(leaked(machine), "");
}

TEST_F(MachineTest, TellsTheExtraSpaceOfTheWorstMoment) {
  // Goal: what must be free before merging is known afterwards: a target's growth while its sources are still
  // there, less what merges before it gave back. Method: two runs, the one that moves 1 MiB first; it frees
  // its source before the one that moves 3 MiB grows, so the peak is the larger run's less that.
  Machine machine = create();
  const auto write_at = [&](uint64_t offset, uint64_t length) {
    Chain chain =
        must(open_chain(files, "/m/" + machine.tree().disks[0].now, {.mode = OpenMode::read_write}, random));
    WritePlan plan;
    must(chain.write(offset, std::vector<std::byte>(length, std::byte{7}), plan));
    must(chain.close());
  };
  const Guid large = must(machine.take_checkpoint({}));
  write_at(4 * mib, 3 * mib);
  must(machine.take_checkpoint({}));
  const Guid small = must(machine.take_checkpoint({}));
  write_at(0, 1 * mib);
  must(machine.take_checkpoint({}));
  must(machine.delete_checkpoint(large));
  must(machine.delete_checkpoint(small));
  ASSERT_EQ(pending_merges(machine.tree()).size(), 2U);
  const auto outcome = must(machine.merge_pending({}, {}));
  EXPECT_EQ(outcome.bytes_copied, 4 * mib);
  EXPECT_GE(outcome.free_space_peak_bytes, 1 * mib);
  EXPECT_LT(outcome.free_space_peak_bytes, 3 * mib);
}

TEST_F(MachineTest, FinishesAMergeThatWasCutBeforeTheTreeKnewOfItBeforeOthers) {
  // Goal: while the files are ahead of the tree, the tree's count of layers is not gone by. Method: two runs
  // on one chain; the lower one is merged as a run that was killed before it wrote the manifest leaves it.
  Machine machine = create();
  const auto now = [&] { return "/m/" + machine.tree().disks[0].now; };
  const auto write_at = [&](uint64_t offset) {
    Chain chain = must(open_chain(files, now(), {.mode = OpenMode::read_write}, random));
    WritePlan plan;
    must(chain.write(offset, std::vector<std::byte>(64 * kib, std::byte{7}), plan));
    must(chain.close());
  };
  const Guid lower = must(machine.take_checkpoint({}));
  write_at(1 * mib);
  must(machine.take_checkpoint({}));
  const Guid upper = must(machine.take_checkpoint({}));
  write_at(2 * mib);
  must(machine.take_checkpoint({}));
  must(machine.delete_checkpoint(lower));
  must(machine.delete_checkpoint(upper));
  const auto merges = pending_merges(machine.tree());
  ASSERT_EQ(merges.size(), 2U);
  const PendingMerge& cut = merges[0].target == "web.vhdx" ? merges[0] : merges[1];
  const PendingMerge& other = merges[0].target == "web.vhdx" ? merges[1] : merges[0];
  ASSERT_EQ(cut.target, "web.vhdx");
  must(vhdlab::merge(files, "/m/" + cut.children.front(), {.target = 0, .top = 1},
                     {.force = true, .keep_sources = true}, random));
  EXPECT_EQ(must(estimate_pending(files, folder, other, random)).bytes_to_move, 64 * kib);
  const auto outcome = must(machine.merge_pending({}, {}));
  EXPECT_EQ(outcome.merges, 2U);
  EXPECT_EQ(outcome.bytes_copied, 64 * kib) << "the lower one had moved its own";
  EXPECT_EQ(leaked(machine), "");
  const Chain chain = must(open_chain(files, now(), {}, random));
  ReadPlan plan;
  std::vector<std::byte> found(64 * kib);
  for (const uint64_t offset : {1 * mib, 2 * mib}) {
    must(chain.read(offset, found, plan));
    EXPECT_TRUE(std::ranges::all_of(found, [](std::byte byte) { return byte == std::byte{7}; })) << offset;
  }
}

TEST_F(MachineTest, MakesNewFilesWithTheBlockSizeAskedFor) {
  // Goal: an experiment keeps its block size under checkpoints. Method: one file by the usual size, one by
  // another.
  Machine machine = create();
  const auto block_size_of_now = [&] {
    const std::string path = "/m/" + machine.tree().disks[0].now;
    return must(open_vhdx(files, path, OpenMode::read_only, CacheMode::buffered, random))
        ->image()
        .metadata()
        .block_size_bytes;
  };
  must(machine.take_checkpoint({}));
  EXPECT_EQ(block_size_of_now(), 2 * mib);
  machine.set_block_size_of_new_files(16 * mib);
  must(machine.take_checkpoint({}));
  EXPECT_EQ(block_size_of_now(), 16 * mib);
}

TEST_F(MachineTest, TellsHowFarAPendingMergeIs) {
  // Goal: what `vm merge --status` shows, from the record alone. Method: a merge that is stopped at once, its
  // record then as one further on would leave it, and last one that had moved everything.
  Machine machine = create();
  const Guid id = must(machine.take_checkpoint({}));
  {
    Chain chain =
        must(open_chain(files, "/m/" + machine.tree().disks[0].now, {.mode = OpenMode::read_write}, random));
    WritePlan plan;
    must(chain.write(0, std::vector<std::byte>(3 * mib, std::byte{7}), plan));
    must(chain.close());
  }
  must(machine.delete_checkpoint(id));
  const auto merges = pending_merges(machine.tree());
  ASSERT_EQ(merges.size(), 1U);
  const auto progress = [&] { return must(progress_of_pending(files, folder, machine.tree(), merges[0])); };
  EXPECT_FALSE(progress()) << "nobody has begun it";
  const auto stopped = machine.merge_pending({}, [] { return true; });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().fault, "merge-interrupted");
  ASSERT_TRUE(progress());
  EXPECT_EQ(progress()->bytes_moved, 0U);
  EXPECT_EQ(progress()->bytes_to_move, 3 * mib);
  EXPECT_FALSE(progress()->bytes_per_s) << "it has not moved anything";

  const std::string leaf = "/m/" + merges[0].sources.back();
  MergeRecord record = *must(read_merge_record(files, leaf));
  record.progress->bytes_moved = 1 * mib;
  record.progress->bytes_per_s = 512 * kib;
  must(write_merge_record(files, leaf, record));
  EXPECT_EQ(progress()->bytes_moved, 1 * mib);
  EXPECT_EQ(progress()->bytes_per_s, 512 * kib);
  record.progress.reset();
  must(write_merge_record(files, leaf, record));
  EXPECT_TRUE(progress()->is_moved);
  must(machine.merge_pending({}, {}));
  EXPECT_EQ(leaked(machine), "");
}

TEST_F(MachineTest, RuleApplyingGoesBackToMemoryOrTurnsOff) {
  // Goal (rule "Applying while the machine runs"): production turns it off, standard returns to the saved
  // memory. Method: each kind, taken running and off, applied in each state.
  Machine machine = create();
  const Guid shut_down = must(machine.take_checkpoint({.kind = CheckpointKind::standard}));
  must(machine.start());
  const Guid with_memory = must(machine.take_checkpoint({.kind = CheckpointKind::standard}));
  const Guid production = must(machine.take_checkpoint({.kind = CheckpointKind::production}));
  const Guid crash = must(machine.take_checkpoint({.kind = CheckpointKind::crash_consistent}));
  must(machine.apply(with_memory));
  EXPECT_EQ(machine.manifest().state, MachineState::running);
  for (const Guid& id : {production, crash, shut_down}) {
    must(machine.apply(id));
    EXPECT_EQ(machine.manifest().state, MachineState::off);
    must(machine.start());
  }
  must(machine.stop());
  must(machine.apply(with_memory));
  EXPECT_EQ(machine.manifest().state, MachineState::saved);
  must(machine.start());
  EXPECT_EQ(machine.start().error().fault, "machine-state");
  EXPECT_EQ(machine.remove(false).error().fault, "machine-running");
  must(machine.stop());
  EXPECT_EQ(machine.stop().error().fault, "machine-state");
}

TEST_F(MachineTest, RuleKindsDependOnTheHost) {
  // Goal (rule "Kinds": 2012 R2 has standard only; rule "merging": before 2012 only when off). Method: as
  // named.
  MachineRequest request = request_of({"web.vhdx"});
  request.host = HostGeneration::windows_2012r2;
  Machine machine = must(Machine::create(files, "/r2", request, random));
  EXPECT_EQ(machine.take_checkpoint({.kind = CheckpointKind::production}).error().fault, "checkpoint-kind");
  must(machine.take_checkpoint({}));

  request.host = HostGeneration::windows_2008r2;
  Machine old = must(Machine::create(files, "/old", request, random));
  const Guid id = must(old.take_checkpoint({}));
  must(old.start());
  must(old.delete_checkpoint(id));
  EXPECT_EQ(old.merge_pending({}, {}).error().fault, "machine-running");
  must(old.stop());
  EXPECT_EQ(must(old.merge_pending({}, {})).merges, 1U);
}

TEST_F(MachineTest, RuleDefaultNameIsTheMachinesNameAndTheTime) {
  // Goal (rule "Default name"). Method: a known second.
  Machine machine = create();
  must(machine.take_checkpoint({.unix_seconds = 1'772'368'496}));
  EXPECT_EQ(machine.tree().checkpoints[0].name, "web - (2026-03-01 12:34:56)");
}

TEST_F(MachineTest, RuleLimitIsTheMachinesOwn) {
  // Goal (rule "Limit", configurable): the manifest's limit counts. Method: a limit of two.
  Machine machine = must(Machine::create(files, folder, request_of({"web.vhdx"}, 2), random));
  must(machine.take_checkpoint({}));
  must(machine.take_checkpoint({}));
  EXPECT_EQ(machine.take_checkpoint({}).error().fault, "checkpoint-limit");
  EXPECT_EQ(leaked(machine), "");
}

TEST_F(MachineTest, RuleExportIsADiskOfItsOwn) {
  // Goal (rule "export"): the copy reads as the checkpoint and has no parent. Method: export, delete all.
  Machine machine = create();
  write(machine);
  const Guid id = must(machine.take_checkpoint({}));
  const auto expected = contents(machine).at(id)[0];
  write(machine);
  must(machine.export_disk(0, id, "/elsewhere/copy.vhdx", {}, {}));
  EXPECT_EQ(machine.export_disk(0, id, "/elsewhere/copy.vhdx", {}, {}).error().fault, "file-exists");
  must(machine.remove(true));
  EXPECT_TRUE(must(files.list(folder)).empty());
  EXPECT_EQ(content_of(files, "/elsewhere/copy.vhdx", random), expected);
  EXPECT_EQ(must(files.list("/elsewhere")), std::vector<std::string>{"copy.vhdx"});
}

TEST_F(MachineTest, RefusesASecondHolderAndAWriterOfNow) {
  // Goal: two commands on one machine, or somebody writing to Now, are told apart and told clearly; nothing
  // changes. Method: hold the machine, then a disk.
  Machine machine = create();
  EXPECT_EQ(Machine::open(files, folder, random).error().fault, "machine-in-use");
  const auto held = must(files.open("/m/web.vhdx", OpenMode::read_write));
  EXPECT_EQ(machine.take_checkpoint({}).error().fault, "file-in-use");
  EXPECT_TRUE(machine.tree().checkpoints.empty());
  EXPECT_EQ(leaked(machine), "");
}

TEST_F(MachineTest, RefusesToMergeUnderAForeignDisk) {
  // Goal: a disk nobody told the machine of, standing on a file to be merged, is named and spared. Method:
  // one made beside Now.
  Machine machine = create();
  const Guid id = must(machine.take_checkpoint({}));
  must(create_child(files, "/m/web.vhdx", "/m/stranger.avhdx", {}, random));
  must(machine.delete_checkpoint(id));
  const auto merged = machine.merge_pending({}, {});
  ASSERT_FALSE(merged);
  EXPECT_EQ(merged.error().fault, "machine-foreign-disk");
  EXPECT_NE(merged.error().message.find("stranger.avhdx"), std::string::npos);
  (void)content_of(files, "/m/stranger.avhdx", random);
}

TEST_F(MachineTest, LeavesNothingBehindWhereItCannotBeMade) {
  // Goal: a machine that cannot be made leaves no file. Method: disks that are impossible, there already, or
  // part of a chain.
  must(
      create_disk(files, "/m/there.vhdx", {.disk_size_bytes = 4 * mib, .block_size_bytes = 1 * mib}, random));
  must(create_child(files, "/m/there.vhdx", "/m/child.avhdx", {}, random));
  const auto before = must(files.list(folder));
  MachineRequest request = request_of({"web.vhdx", "b.vhdx"});
  request.disks[1].size_bytes = 3;
  EXPECT_FALSE(Machine::create(files, folder, request, random));
  request.disks[1] = {.file_name = "there.vhdx", .size_bytes = 4 * mib};
  EXPECT_EQ(Machine::create(files, folder, request, random).error().fault, "file-exists");
  request.disks[1] = {.file_name = "child.avhdx"};
  EXPECT_EQ(Machine::create(files, folder, request, random).error().fault, "machine-disk");
  request.disks[1] = {.file_name = "../x.vhdx"};
  EXPECT_EQ(Machine::create(files, folder, request, random).error().fault, "machine-disk");
  EXPECT_EQ(must(files.list(folder)), before);
  EXPECT_EQ(Machine::open(files, folder, random).error().fault, "machine-not-found");
  EXPECT_EQ(must(files.list(folder)), before);
}

TEST_F(MachineTest, KeepsTheDisksOfAMachineThatIsForgotten) {
  // Goal: remove without the disks takes the manifest only. Method: list the folder.
  Machine machine = create();
  must(machine.take_checkpoint({}));
  must(machine.remove(false));
  EXPECT_EQ(must(files.list(folder)).size(), 2U);
}

}  // namespace
}  // namespace vhdlab::tests
