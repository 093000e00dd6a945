// Damaged files and what the rule says of them: a right rule is confirmed, a wrong one is found out, and the
// files stay as they are.
#include "scenarios/targets/damage_survey.h"

#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>

#include "engine/chain/chain_open.h"
#include "engine/io/memory_file_system.h"
#include "engine/io/posix_file_system.h"
#include "scenarios/targets/engine_target.h"
#include "scenarios/targets/sim_target.h"
#include "scenarios/targets/substitute_file_system.h"
#include "scenarios/workload/pattern_stream.h"
#include "tests/engine/checkpoint/machine_workbench.h"
#include "tests/sim/device/sample_profiles.h"
#include "tests/support/temporary_folder.h"

namespace vhdlab::tests {
namespace {

using namespace scenarios;
using Names = std::vector<std::string>;

constexpr DiskSettings small_disk{.type = DiskType::dynamic,
                                  .size_bytes = 16 * mib,
                                  .block_size_bytes = 1 * mib,
                                  .logical_sector_size_bytes = 512,
                                  .physical_sector_size_bytes = 4096};

void write_some(Target& target, uint64_t ordinal) {
  const auto stream = *make_pattern_stream({.pattern = AccessPattern::random,
                                            .range = {0, small_disk.size_bytes},
                                            .block_size_bytes = 64 * kib,
                                            .read_percentage = 0,
                                            .each_block_once = true,
                                            .operations = 16},
                                           stream_seeds(1, ordinal));
  must(target.write(*stream, 1, {}, {}));
}

// Checkpoints "a" and "b" one on the other, then back to "a", and "c" beside "b".
void build(Target& target) {
  must(target.create_machine(small_disk, 1));
  write_some(target, 1);
  for (const char* name : {"a", "b"}) {
    (void)must(target.act_on_checkpoint(CheckpointAction::take, name));
    write_some(target, 2 + static_cast<uint64_t>(name[0]));
  }
  (void)must(target.act_on_checkpoint(CheckpointAction::apply, "a"));
  write_some(target, 200);
  (void)must(target.act_on_checkpoint(CheckpointAction::take, "c"));
  write_some(target, 201);
}

struct RealFolder {
  TemporaryFolder folder;
  PosixFileSystem files;
};

class DamageSurvey : public testing::TestWithParam<DamageKind> {};
INSTANTIATE_TEST_SUITE_P(Kinds, DamageSurvey, testing::Values(DamageKind::header, DamageKind::missing),
                         [](const auto& instance) {
                           return instance.param == DamageKind::header ? "Header" : "Missing";
                         });

TEST_P(DamageSurvey, ConfirmsTheRuleOnRealFiles) {
  // Goal: with each file just those restore points are lost that stand on it, found by opening and reading.
  // Method: a tree with a branch on the host's files; afterwards everything reads as before and no copy is
  // left.
  RealFolder world;
  const auto target = make_engine_target(world.files, world.folder.path().string());
  build(*target);
  const auto names_before = must(world.files.list(world.folder.path().string()));
  const auto measured = must(target->damage_each_file(GetParam(), 1, {}, {}));
  const auto& files = measured.totals.files;
  ASSERT_EQ(files.size(), 4U);
  const auto of = [&](const std::string& holder) {
    return *std::ranges::find(files, holder, &reports::DamagedFile::holds);
  };
  EXPECT_EQ(files.front().holds, "a");
  EXPECT_EQ(of("a").lost, (Names{"a", "b", "c", "Now"}));
  EXPECT_EQ(of("b").lost, Names{"b"});
  EXPECT_EQ(of("b").survived, (Names{"a", "c", "Now"}));
  EXPECT_EQ(of("c").lost, (Names{"c", "Now"}));
  EXPECT_EQ(of("Now").lost, Names{"Now"});
  for (const auto& file : files)
    EXPECT_EQ(file.unforeseen, Names{}) << file.file;
  EXPECT_EQ(must(world.files.list(world.folder.path().string())), names_before);
  EXPECT_EQ(must(target->verify(1)).sectors_wrong, 0U);
  must(target->discard());
  EXPECT_TRUE(std::filesystem::is_empty(world.folder.path()));
}

TEST(DamageSurvey, FindsAWrongRuleOut) {
  // Goal: the check can fail. Method: a rule that expects nothing to be lost with the base and everything
  // with Now's file.
  MemoryFileSystem files;
  SeededRandom random{1};
  MachineRequest request{.name = "web"};
  request.disks = {{.file_name = "web.vhdx", .size_bytes = 8 * mib, .block_size_bytes = 1 * mib}};
  Machine machine = must(Machine::create(files, "/m", request, random));
  (void)must(machine.take_checkpoint({.name = "a"}));
  const auto opens = [&](FileSystem& through, const RestorePoint& point) -> std::optional<std::string> {
    const std::string path = "/m/" + chain_of(machine.tree().disks[0], point).front();
    const auto chain = open_chain(through, path, {}, random);
    return chain ? std::nullopt : std::optional(chain.error().fault);
  };
  const auto wrong_rule = [&](const std::string& name) -> std::vector<RestorePoint> {
    if (name == "web.vhdx") return {};
    return {machine.tree().checkpoints[0].id, restore_point_now};
  };
  const auto found =
      must(damage_each_file_of(files, "/m", machine.tree(), DamageKind::header, opens, wrong_rule, {}, {}));
  ASSERT_EQ(found.files.size(), 2U);
  ASSERT_EQ(found.files[0].unforeseen.size(), 2U);
  EXPECT_TRUE(found.files[0].unforeseen[0].starts_with("a: lost, not foreseen: "));
  EXPECT_EQ(found.files[1].unforeseen, Names{"a: survives, though its loss was foreseen"});
  EXPECT_EQ(leaked_files(files, "/m", machine.tree()), "");
}

TEST(DamageSurvey, StopsOnRequestAndLeavesNoCopy) {
  // Goal: a run that is stopped leaves the folder clean. Method: stop before the second file.
  MemoryFileSystem files;
  const auto target = make_engine_target(files, "/w");
  build(*target);
  const auto names_before = must(files.list("/w"));
  int asked = 0;
  const auto measured = target->damage_each_file(DamageKind::header, 1, {}, [&] { return ++asked > 1; });
  ASSERT_FALSE(measured);
  EXPECT_EQ(measured.error().fault, "damage-interrupted");
  EXPECT_EQ(measured.error().kind, ErrorKind::interrupted);
  EXPECT_EQ(must(files.list("/w")), names_before);
}

TEST(DamageSurvey, IsRefusedByTheSimulator) {
  // Goal: no prediction is "verified" on files without bytes. Method: the same machine on a modelled device.
  const auto target = make_sim_target({.device = profile_of("hdd", small_hdd())});
  build(*target);
  EXPECT_EQ(target->damage_each_file(DamageKind::header, 1, {}, {}).error().fault, "sim-damage");
}

TEST(SubstituteFileSystem, LeadsOnePathElsewhere) {
  // Goal: one path is another file, or none, by every door; all others are themselves. Method: each question
  // asked of both.
  MemoryFileSystem files;
  const std::vector<std::byte> seven(8, std::byte{7});
  must((*files.create("/f/a"))->write(0, seven));
  (void)must(files.create("/f/b"));
  (void)must(files.create("/f/c"));
  SubstituteFileSystem led(files, "/f/./b", "/f/a");
  EXPECT_EQ(must(must(led.open("/f/b", OpenMode::read_only, CacheMode::buffered))->size_bytes()), 8U);
  EXPECT_EQ(must(led.identity("/f/b")), must(files.identity("/f/a")));
  EXPECT_EQ(must(led.list("/f")), (Names{"b", "c"}));
  SubstituteFileSystem gone(files, "/f/b", std::nullopt);
  EXPECT_FALSE(gone.exists("/f/b"));
  EXPECT_TRUE(gone.exists("/f/c"));
  EXPECT_EQ(gone.open("/f/b", OpenMode::read_only, CacheMode::buffered).error().fault, "file-not-found");
  EXPECT_EQ(gone.status("/f/b").error().fault, "file-not-found");
  EXPECT_EQ(must(gone.list("/f")), (Names{"a", "c"}));
}

}  // namespace
}  // namespace vhdlab::tests
