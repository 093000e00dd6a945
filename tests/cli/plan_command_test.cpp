// vhdlab plan as a user calls it: the dates it tells from files whose times are known, and what it refuses.
#include <chrono>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/chain/chain_open.h"
#include "tests/cli/cli_support.h"

namespace vhdlab::tests {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

constexpr double day_s = 86400;

class PlanCommand : public testing::Test {
 protected:
  // A chain whose base was frozen so many days ago, and whose first child half as long ago.
  TestChain chain_over(double days) {
    TestChain chain = make_chain(folder, 2);
    age(chain.paths[0], days);
    age(chain.paths[1], days / 2);
    return chain;
  }

  static void age(const std::string& path, double days) {
    fs::last_write_time(
        path, fs::file_time_type::clock::now() - std::chrono::seconds(static_cast<int64_t>(days * day_s)));
  }

  TemporaryFolder folder;
};

TEST_F(PlanCommand, TellsTheDatesThatFollowFromTheFiles) {
  // Goal: growth is what the layers hold over the time they were made in, and the dates are lines to their
  // ends. Method: ten days of history, 4 MiB free, the numbers worked out again from the answer's own.
  const TestChain chain = chain_over(10);
  const auto before = contents_of(folder.path());
  const auto plans = vhdlab_json({"plan", chain.leaf(), "--free", "4MiB"});
  ASSERT_EQ(plans.size(), 1U);
  const auto& plan = plans[0];
  const auto& layers = plan["disks"][0]["layers"];
  ASSERT_EQ(layers.size(), 2U);
  const double held = layers[0]["allocated_bytes"].get<double>() + layers[1]["allocated_bytes"].get<double>();
  const double growth = plan["growth_bytes_per_s"];
  EXPECT_NEAR(growth, held / (10 * day_s), growth / 1000);
  EXPECT_NEAR(plan["full_after_s"].get<double>(), 4.0 * mib / growth, day_s / 1000);
  EXPECT_TRUE(plan["merge_fits_now"]);
  EXPECT_LT(plan["merge_fits_until_s"], plan["full_after_s"]);
  EXPECT_GT(plan["copy_bytes"], 0);
  const auto merge = vhdlab_json({"disk", "merge", chain.leaf(), "--all", "--dry-run"});
  EXPECT_EQ(plan["copy_bytes"], merge["copy_bytes"]);
  EXPECT_EQ(plan["space_needed_bytes"], merge["space_needed_bytes"]);
  EXPECT_TRUE(contents_of(folder.path()) == before);
}

TEST_F(PlanCommand, SaysTheAnswerFirstAndWithDates) {
  const TestChain chain = chain_over(10);
  const ProgramResult told =
      vhdlab({"plan", chain.leaf(), "--growth", "1GiB/d", "--free", "100GiB", "--rate", "1MiB/s"});
  EXPECT_EQ(told.exit_code, 0) << told.errors;
  EXPECT_THAT(told.output, HasSubstr("2 layers of 1 disk hold "));
  EXPECT_THAT(told.output, HasSubstr(" and grow by 1 GiB a day; 100 GiB are free.\nThe volume does not fill"))
      << "the disk has 8 MiB";
  EXPECT_THAT(told.output, HasSubstr("Merging everything now moves "));
  EXPECT_THAT(told.output, HasSubstr("; at 1 MiB/s that is "));
  EXPECT_THAT(told.output, HasSubstr("child2.avhdx"));
  const ProgramResult tight = vhdlab({"plan", chain.leaf(), "--growth", "1MiB/d", "--free", "3MiB"});
  EXPECT_THAT(tight.output, HasSubstr("The volume is full in 2 days, on 20"));
}

TEST_F(PlanCommand, SaysThatAMergeDoesNotFitAnyMore) {
  const TestChain chain = chain_over(10);
  const auto merge = vhdlab_json({"disk", "merge", chain.leaf(), "--all", "--dry-run"});
  ASSERT_GT(merge["space_needed_bytes"], 0);
  const ProgramResult told = vhdlab({"plan", chain.leaf(), "--growth", "1MiB/d", "--free", "1B"});
  EXPECT_EQ(told.exit_code, 0);
  EXPECT_THAT(told.output, HasSubstr("That does not fit: free "));
  EXPECT_THAT(told.output, HasSubstr("disk family"));
}

TEST_F(PlanCommand, AsksForTheGrowthThatYoungFilesDoNotTell) {
  // Goal: files that were just copied make no forecast. Method: a chain made this second.
  const TestChain chain = make_chain(folder, 2);
  const ProgramResult told = vhdlab({"plan", chain.leaf()});
  EXPECT_THAT(told.output, HasSubstr("give --growth"));
  EXPECT_THAT(told.output, Not(HasSubstr("full in")));
  EXPECT_TRUE(vhdlab_json({"plan", chain.leaf()})[0]["full_after_s"].is_null());
}

TEST_F(PlanCommand, TakesMachinesAndFoldersAndTheirDisksOnce) {
  // Goal: a machine's disks, a folder's leaves; a disk named twice counts once. Method: each, and both.
  const std::string machine = folder.file("web");
  ASSERT_EQ(vhdlab({"vm", "create", machine, "--disk", "a.vhdx=8MiB", "--disk", "b.vhdx=8MiB"}).exit_code, 0);
  ASSERT_EQ(vhdlab({"vm", "checkpoint", machine, "one"}).exit_code, 0);
  const auto plans = vhdlab_json({"plan", machine, machine, "--growth", "1GiB/d"});
  ASSERT_EQ(plans.size(), 1U);
  EXPECT_EQ(plans[0]["disks"].size(), 2U);
  EXPECT_DOUBLE_EQ(plans[0]["growth_bytes_per_s"].get<double>(), 2.0 * gib / day_s) << "each disk's";
  const TestChain chain = make_chain(folder, 2);
  PosixFileSystem files;
  SeededRandom random(3);
  ASSERT_TRUE(create_child(files, chain.paths[1], folder.file("branch.avhdx"), {}, random));
  fs::remove_all(machine);
  const auto branches = vhdlab_json({"plan", folder.path().string()});
  ASSERT_EQ(branches[0]["disks"].size(), 2U);
  EXPECT_EQ(branches[0]["disks"][0]["other_children"].size(), 1U);
}

TEST_F(PlanCommand, RefusesWhatMakesNoSense) {
  // Goal: each refusal names the option or the path. Method: one of each.
  const TestChain chain = make_chain(folder, 1);
  for (const char* growth : {"5GiB", "5GiB/", "x/d", "5GiB/fortnight", "5/0", "5GiB/0d"}) {
    const ProgramResult refused = vhdlab({"plan", chain.leaf(), "--growth", growth});
    EXPECT_EQ(refused.exit_code, 2) << growth;
    EXPECT_THAT(refused.errors, HasSubstr("--growth: '")) << growth;
  }
  EXPECT_EQ(vhdlab({"plan"}).exit_code, 2);
  EXPECT_EQ(vhdlab({"plan", folder.file("absent.vhdx")}).exit_code, 1);
  fs::create_directory(folder.file("empty"));
  const ProgramResult empty = vhdlab({"plan", folder.file("empty")});
  EXPECT_EQ(empty.exit_code, 1);
  EXPECT_THAT(empty.errors, HasSubstr("no disk in it can be opened"));
}

}  // namespace
}  // namespace vhdlab::tests
