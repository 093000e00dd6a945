// Power cuts in the middle of operations on a machine: before every barrier, states a cut can leave are
// opened, read, cleared up by the next command and looked at again.
#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/crash/crash_check.h"
#include "tests/engine/checkpoint/machine_workbench.h"
#include "tests/support/same_bytes.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

constexpr const char* folder = "/m";

Guid named(const Machine& machine, const std::string& name) {
  return must(find_checkpoint_by_word(machine.tree(), name));
}

// Two disks; first - second - {third, Now}, and the file below first's waits to be merged with it.
void make_machine(FileSystem& files, RandomSource& random) {
  Machine machine = must(Machine::create(
      files, folder, {.name = "m", .disks = {{"a.vhdx", 3 * mib, 1 * mib}, {"b.vhdx", 3 * mib, 1 * mib}}},
      random));
  for (const char* name : {"zeroth", "first", "second", "third"}) {
    write_noise(files, folder, machine.tree(), random, 1);
    must(machine.take_checkpoint({.name = name}));
  }
  must(machine.apply(named(machine, "second")));
  write_noise(files, folder, machine.tree(), random, 1);
  must(machine.delete_checkpoint(named(machine, "zeroth")));
}

struct Operation {
  std::string name;
  std::function<void(Machine&)> run;
};

const std::vector<Operation>& operations() {
  static const std::vector<Operation> all = {
      {"checkpoint", [](Machine& m) { must(m.take_checkpoint({.name = "new"})); }},
      {"apply", [](Machine& m) { must(m.apply(named(m, "third"))); }},
      {"delete", [](Machine& m) { must(m.delete_checkpoint(named(m, "third"))); }},
      {"delete-subtree", [](Machine& m) { must(m.delete_subtree(named(m, "second"))); }},
      {"rename", [](Machine& m) { must(m.rename(named(m, "third"), "other")); }},
      {"merge", [](Machine& m) { must(m.merge_pending({}, {})); }},
  };
  return all;
}

class MachinePowerCut : public testing::TestWithParam<size_t> {};

TEST_P(MachinePowerCut, LeavesTheOldTreeOrTheNewOneWithNothingLost) {
  // Goal: after a cut at any moment the manifest is there and whole, every restore point it names reads as it
  // did, and after the next command no file is left over. Method: before each barrier of the operation,
  // states a cut can leave, each judged before and after the next command with its merges.
  const Operation& operation = operations()[GetParam()];
  const uint64_t seed = test_seed();
  SeededRandom random(seed);
  SeededRandom cutting(mix64(seed));
  PowerCutFileSystem building;
  make_machine(building, random);
  const auto files = building.copy();
  CrashTally tally;
  Machine machine = must(Machine::open(*files, folder, random));
  const MachineContents before = contents_of(*files, folder, machine.tree(), random);
  const Guid third = named(machine, "third");

  const auto same = [](const auto& one, const auto& other) {
    return std::ranges::equal(one, other, same_bytes);
  };
  auto fits = [&](FileSystem& disk) -> std::string {
    const auto manifest = read_manifest(disk, folder);
    if (!manifest) return manifest.error().text();
    for (const auto& [point, content] : contents_of(disk, folder, manifest->tree, random)) {
      const bool is_known = !point || before.contains(*point);
      const auto& expected = before.at(is_known ? point : restore_point_now);
      const bool is_applied = !point && operation.name == "apply" && same(content, before.at(third));
      if (!same(content, expected) && !is_applied) return "a restore point reads as something else";
    }
    return "";
  };
  auto judge = [&](FileSystem& disk) -> std::string {
    try {
      if (auto trouble = fits(disk); !trouble.empty()) return trouble;
      Machine recovered = must(Machine::open(disk, folder, cutting));
      must(recovered.merge_pending({}, {}));
      if (auto trouble = leaked_files(disk, folder, recovered.tree()); !trouble.empty()) return trouble;
      return fits(disk);
    } catch (const std::exception& fault) {
      return fault.what();
    }
  };
  files->set_before_barrier([&] {
    if (tally.trouble) return;
    ++tally.moments;
    tally.cuts += explore_cuts(*files, {.exhaustive_max = 8, .random_cuts = 3, .singles_max = 2}, cutting,
                               [&](auto disk) {
                                 if (auto trouble = judge(*disk); !trouble.empty()) tally.trouble = trouble;
                                 return !tally.trouble;
                               });
  });
  operation.run(machine);
  files->set_before_barrier({});
  tally.print(operation.name);
  EXPECT_FALSE(tally.trouble) << *tally.trouble << "; seed " << seed;
  EXPECT_EQ(fits(*files), "");
}

INSTANTIATE_TEST_SUITE_P(Every, MachinePowerCut, testing::Range(size_t{0}, operations().size()),
                         [](const auto& parameter) {
                           std::string name = operations()[parameter.param].name;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace vhdlab::tests
