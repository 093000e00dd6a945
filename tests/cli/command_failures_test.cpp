// Every command that changes disks, on a device that fails, on a device that is full, and stopped: whatever
// the moment, the command says so, every disk reads as before or as afterwards, our check finds no damage,
// nothing half made is left, and the same command given again brings the work to its end.
#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/checkpoint/checkpoint_operations.h"
#include "engine/io/memory_file_system.h"
#include "engine/merge/merge_record.h"
#include "scenarios/cli/commands.h"
#include "tests/cli/cli_support.h"
#include "tests/crash/crash_check.h"
#include "tests/support/faulty_file_system.h"

namespace vhdlab::tests {
namespace {

using scenarios::CommandFunction;
using scenarios::CommandSyntax;

const std::string base = "/disks/base.vhdx";
const std::string middle = "/disks/middle.avhdx";
const std::string leaf = "/disks/leaf.avhdx";
const std::string made = "/disks/new.vhdx";
const std::string machine = "/disks/web";
constexpr uint64_t disk_size = 5 * mib + 512 * kib;

struct CommandCase {
  std::string name;
  CommandFunction run;
  CommandSyntax (*syntax)();
  std::vector<std::string> words;
  std::vector<std::string> disks;  // that it must not harm; the first that is there is looked at
  std::function<void(MemoryFileSystem&)> set_up = {};

  friend void PrintTo(const CommandCase& command, std::ostream* to) { *to << command.name; }
};

// Three layers, each with data, zeros and gaps of its own.
void make_disks(MemoryFileSystem& files) {
  SeededRandom random(3);
  vhdx::DiskMetadata metadata{.disk_size_bytes = disk_size, .block_size_bytes = 1 * mib};
  ASSERT_TRUE(create_disk(files, base, metadata, random));
  ASSERT_TRUE(create_disk(files, "/disks/twin.vhdx", metadata, random));
  std::string parent;
  for (const std::string& path : {base, middle, leaf}) {
    if (!parent.empty()) {
      ASSERT_TRUE(create_child(files, parent, path, {.block_size_bytes = 1 * mib}, random));
    }
    parent = path;
    auto chain = open_chain(files, path, {.mode = OpenMode::read_write}, random).value();
    WritePlan plan;
    for (const uint64_t block : {4, 0, 3, 1})
      ASSERT_TRUE(chain.write(block * mib + pick(random, 64) * 4096, random_bytes(12 * kib, random), plan));
    ASSERT_TRUE(chain.flush());
    ASSERT_TRUE(chain.zero({pick(random, 2) * 3 * mib, 1 * mib}, plan));
    ASSERT_TRUE(chain.close());
  }
  auto file = files.create("/disks/bytes").value();
  ASSERT_TRUE(file->write(0, random_bytes(1 * mib + 777, random)));
}

// One header torn, so that there is something to mend.
void tear_a_header(MemoryFileSystem& files) {
  auto file = files.open(leaf, OpenMode::read_write).value();
  ASSERT_TRUE(file->write(vhdx::header_offsets[0] + 8, std::vector<std::byte>(16, std::byte{0x55})));
}

// A machine with two checkpoints in a row, changed after each; "one" is the older.
void make_machine(MemoryFileSystem& files) {
  SeededRandom random(4);
  const MachineRequest request{
      .name = "web",
      .disks = {{.file_name = "web.vhdx", .size_bytes = disk_size, .block_size_bytes = 1 * mib}}};
  auto web = Machine::create(files, machine, request, random);
  ASSERT_TRUE(web) << web.error().text();
  for (const char* checkpoint : {"one", "two", ""}) {
    const std::string now = machine + "/" + web->tree().disks[0].now;
    {
      auto chain = open_chain(files, now, {.mode = OpenMode::read_write}, random).value();
      WritePlan plan;
      for (int i = 0; i < 3; ++i)
        ASSERT_TRUE(chain.write(pick(random, 1300) * 4096, random_bytes(8 * kib, random), plan));
      ASSERT_TRUE(chain.close());
    }
    if (*checkpoint == '\0') break;
    const auto taken = web->take_checkpoint({.name = checkpoint});
    ASSERT_TRUE(taken) << taken.error().text();
  }
}

void make_machine_with_pending_merge(MemoryFileSystem& files) {
  make_machine(files);
  SeededRandom random(5);
  auto web = Machine::open(files, machine, random);
  ASSERT_TRUE(web->delete_subtree(web->tree().checkpoints[0].id));
}

// One run of a command in a world of its own.
struct Trial {
  MemoryFileSystem memory;
  FaultyFileSystem files{memory};
  TestWorld world{files};

  explicit Trial(const CommandCase& command) {
    make_disks(memory);
    if (command.set_up) command.set_up(memory);
  }

  Result<scenarios::ExitCode> carry_out(const CommandCase& command) {
    const auto arguments = scenarios::parse_arguments("", command.syntax(), command.words);
    EXPECT_TRUE(arguments) << arguments.error().text();
    return command.run(world.context(), *arguments);
  }

  // The path of the disk to look at: the first of the case's disks that is there, or the machine's present.
  std::string disk_of(const CommandCase& command) {
    for (const std::string& path : command.disks)
      if (memory.exists(path)) return path;
    SeededRandom random(6);
    const auto web = Machine::open(memory, machine, random);
    EXPECT_TRUE(web) << web.error().text();
    return web ? machine + "/" + web->tree().disks[0].now : "";
  }

  std::vector<std::byte> content_of(const CommandCase& command) {
    SeededRandom random(7);
    const std::string path = disk_of(command);
    auto content = read_disk(memory, path, OpenMode::read_only, random);
    EXPECT_TRUE(content) << path << ": " << content.error().text();
    return content ? *content : std::vector<std::byte>();
  }
};

// Nothing where each sector of `found` is that of `before` or of `after`; a disk that ends goes on in zeros.
std::optional<std::string> neither(Bytes found, Bytes before, Bytes after) {
  const auto same = [&](Bytes whole, uint64_t at) {
    const Bytes sector = found.subspan(at, 512);
    return at + 512 <= whole.size() ? std::ranges::equal(sector, whole.subspan(at, 512)) : all_zero(sector);
  };
  if (found.size() != before.size() && found.size() != after.size()) return "a size nobody asked for";
  for (uint64_t at = 0; at < found.size(); at += 512)
    if (!same(before, at) && !same(after, at)) return fmt::format("at {:#x} neither old nor new", at);
  return std::nullopt;
}

class EveryCommand : public testing::TestWithParam<CommandCase> {
 protected:
  void SetUp() override {
    Trial untroubled(command_);
    if (HasFatalFailure()) return;
    before_ = untroubled.content_of(command_);
    const auto done = untroubled.carry_out(command_);
    ASSERT_TRUE(done) << done.error().text();
    after_ = untroubled.content_of(command_);
  }

  // After a failure or a stop: looks, checks, runs the command again, looks again.
  void look_and_run_again(Trial& run, std::string_view allowed_leftover = {}) {
    run.files.never_fail();
    run.memory.limit_to(std::nullopt);
    run.world.stop_after_questions = -1;
    EXPECT_EQ(neither(run.content_of(command_), before_, after_), std::nullopt);
    EXPECT_EQ(fault_found_by_check(run.memory, run.disk_of(command_), Leaf::as_the_cut_left_it),
              std::nullopt);
    const auto names = run.memory.list("/disks").value();
    for (const std::string& name : names) {
      if (!allowed_leftover.empty() && name.ends_with(allowed_leftover)) continue;
      EXPECT_FALSE(name.ends_with(".partial")) << name << " is left behind";
    }
    auto again = run.carry_out(command_);
    // What was made, deleted, merged or started before the trouble cannot be again.
    const bool was_done =
        !again &&
        (again.error().kind == ErrorKind::already_exists || again.error().kind == ErrorKind::not_found ||
         again.error().kind == ErrorKind::invalid_argument || again.error().fault == "machine-state");
    EXPECT_TRUE(again || was_done) << again.error().text();
    EXPECT_EQ(neither(run.content_of(command_), after_, again ? after_ : before_), std::nullopt);
    EXPECT_EQ(fault_found_by_check(run.memory, run.disk_of(command_), Leaf::as_the_cut_left_it),
              std::nullopt);
  }

  const CommandCase& command_ = GetParam();
  std::vector<std::byte> before_;
  std::vector<std::byte> after_;
};

TEST_P(EveryCommand, OnAFailingDeviceSaysSoAndHarmsNothing) {
  // Goal: no failing write, flush, hole, rename or removal costs a byte. Method: change 0, 1, 2, ... fails,
  // alone; then each with all that follow.
  for (const bool for_good : {false, true}) {
    for (uint64_t n = 0;; ++n) {
      ASSERT_LT(n, 2000U);
      SCOPED_TRACE(fmt::format("change {} fails{}", n, for_good ? " and all that follow" : ""));
      Trial run(command_);
      run.files.fail_at(n, for_good);
      const auto done = run.carry_out(command_);
      if (run.files.changes() <= n) break;
      if (!done) {
        EXPECT_EQ(done.error().fault, "file-io") << done.error().text();
        EXPECT_TRUE(run.world.out().empty() || command_.name == "disk_repair")
            << "a failed command has no result";
      }
      // What a dying device does not let go of may stay; it is no disk of the user's.
      look_and_run_again(run, ".partial");
      if (HasFailure()) return;
    }
  }
}

TEST_P(EveryCommand, OnAFullDeviceSaysSoAndHarmsNothing) {
  // Goal: too little space is named and costs nothing. Method: no room for a page, for one, for two, ...
  // until the command succeeds.
  constexpr uint64_t page = MemoryFileSystem::page_size_bytes;
  for (uint64_t pages = 0;; ++pages) {
    ASSERT_LT(pages, 2000U);
    SCOPED_TRACE(fmt::format("room for {} pages", pages));
    Trial run(command_);
    run.memory.limit_to(run.memory.used_bytes() + pages * page);
    const auto done = run.carry_out(command_);
    if (done) break;
    EXPECT_EQ(done.error().kind, ErrorKind::no_space) << done.error().text();
    EXPECT_FALSE(done.error().hint.empty()) << "what to do about it: " << done.error().text();
    look_and_run_again(run);
    if (HasFailure()) return;
  }
}

TEST_P(EveryCommand, CanBeStoppedAtEveryQuestion) {
  // Goal: a stop is told, loses nothing, and the command can be given again. Method: stop at question 0, 1,
  // 2, ... until a run is not stopped.
  for (int question = 0;; ++question) {
    ASSERT_LT(question, 5000);
    SCOPED_TRACE(fmt::format("stopped at question {}", question));
    Trial run(command_);
    run.world.stop_after_questions = question;
    const auto done = run.carry_out(command_);
    if (done) break;
    EXPECT_EQ(done.error().kind, ErrorKind::interrupted) << done.error().text();
    EXPECT_TRUE(run.world.out().empty() || command_.name == "disk_repair");
    look_and_run_again(run);
    if (HasFailure()) return;
  }
}

#define VHDLAB_CASE(command, ...)                                              \
  CommandCase {                                                                \
    #command, scenarios::command::run, scenarios::command::syntax, __VA_ARGS__ \
  }

std::vector<CommandCase> commands() {
  using namespace scenarios;
  const std::vector<std::string> chain = {leaf, base};
  auto named = [](CommandCase command, const std::string& name) {
    command.name += name;
    return command;
  };
  return {
      named(VHDLAB_CASE(disk_create, {made, "--size", "6MiB", "--block-size", "1MiB"}, chain), ""),
      named(VHDLAB_CASE(disk_create, {made, "--size", "6MiB", "--block-size", "1MiB", "--type", "fixed"},
                        chain),
            "_fixed"),
      named(VHDLAB_CASE(disk_create, {made, "--parent", leaf}, chain), "_child"),
      named(VHDLAB_CASE(disk_convert, {leaf, made, "--block-size", "1MiB", "--quiet"}, chain), "_to_vhdx"),
      named(VHDLAB_CASE(disk_convert, {leaf, "/disks/new.raw", "--quiet"}, chain), "_to_raw"),
      named(VHDLAB_CASE(disk_convert, {leaf, "/disks/twin.vhdx", "--force", "--quiet"}, chain), "_replacing"),
      named(VHDLAB_CASE(disk_merge, {leaf, "--all", "--quiet"}, chain), "_all"),
      named(VHDLAB_CASE(disk_merge, {leaf, "--top", middle, "--layers", "1", "--quiet"}, chain), "_below"),
      VHDLAB_CASE(disk_compact, {leaf, "--quiet"}, chain),
      named(VHDLAB_CASE(disk_resize, {leaf, "--size", "7MiB"}, chain), "_larger"),
      named(VHDLAB_CASE(disk_resize, {leaf, "--size", "5MiB"}, chain), "_smaller"),
      VHDLAB_CASE(disk_relink, {leaf, middle}, chain),
      VHDLAB_CASE(disk_repair, {leaf, "--yes"}, chain, tear_a_header),
      VHDLAB_CASE(disk_write, {leaf, "/disks/bytes", "--offset", "1500000"}, chain),
      VHDLAB_CASE(vm_checkpoint, {machine, "three"}, {}, make_machine),
      VHDLAB_CASE(vm_apply, {machine, "one", "--checkpoint-first"}, {}, make_machine),
      VHDLAB_CASE(vm_delete, {machine, "one"}, {}, make_machine),
      VHDLAB_CASE(vm_delete_subtree, {machine, "one"}, {}, make_machine),
      VHDLAB_CASE(vm_rename, {machine, "one", "eins"}, {}, make_machine),
      VHDLAB_CASE(vm_start, {machine}, {}, make_machine),
      VHDLAB_CASE(vm_export, {machine, "one", made, "--quiet"}, {}, make_machine),
      VHDLAB_CASE(vm_merge, {machine, "--quiet"}, {}, make_machine_with_pending_merge),
  };
}

#undef VHDLAB_CASE

INSTANTIATE_TEST_SUITE_P(Commands, EveryCommand, testing::ValuesIn(commands()),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace vhdlab::tests
