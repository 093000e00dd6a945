// vhdlab disk family as a user calls it: the tree, the plan, carrying it out, and everything said wrongly.
#include <filesystem>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "engine/chain/chain_open.h"
#include "scenarios/cli/commands.h"
#include "scenarios/cli/copy_rate.h"
#include "tests/cli/cli_support.h"
#include "tests/support/shared_folder.h"

namespace vhdlab::tests {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class DiskFamilyTest : public testing::Test {
 protected:
  // What the program says when called with `words` on the folder.
  ProgramResult family(std::vector<std::string> words = {}) {
    words.insert(words.begin(), {"disk", "family", folder.path().string()});
    return vhdlab(words);
  }

  TemporaryFolder folder;
};

TEST_F(DiskFamilyTest, ShowsTheTreeAndLosesNothingByLooking) {
  const TestChain chain = make_chain(folder, 3);
  PosixFileSystem files;
  SeededRandom random(9);
  ASSERT_TRUE(create_child(files, chain.paths[1], folder.file("branch.avhdx"), {}, random));
  const auto before = contents_of(folder.path());
  const ProgramResult shown = family();
  EXPECT_EQ(shown.exit_code, 0) << shown.errors;
  EXPECT_THAT(shown.output, HasSubstr("5 files, 2 leaves, a disk of 8 MiB"));
  EXPECT_THAT(shown.output, HasSubstr("├─ branch.avhdx"));
  EXPECT_THAT(shown.output, HasSubstr("└─ child2.avhdx"));
  EXPECT_THAT(shown.output, HasSubstr("5 of 5")) << "all is lost with the base";
  EXPECT_EQ(contents_of(folder.path()), before);
}

TEST_F(DiskFamilyTest, JsonHoldsFamiliesFindingsAndPlan) {
  const TestChain chain = make_chain(folder, 3);
  const auto document = vhdlab_json({"disk", "family", folder.path().string(), "--plan", "--rate", "1MiB/s"});
  EXPECT_TRUE(document.at("ok"));
  ASSERT_EQ(document.at("families").size(), 1U);
  const auto& disks = document.at("families")[0].at("disks");
  ASSERT_EQ(disks.size(), 4U);
  EXPECT_EQ(disks[0].at("role"), "base");
  EXPECT_EQ(disks[1].at("parent").at("path"), chain.base());
  EXPECT_EQ(disks[1].at("lost_with_it_paths").size(), 3U);
  const auto& plan = document.at("plan");
  EXPECT_TRUE(plan.at("fits"));
  for (const char* order : {"cost", "one_pass", "oldest_first", "newest_first"}) {
    const auto& cost = plan.at(order);
    EXPECT_DOUBLE_EQ(cost.at("time_s"), cost.at("copy_bytes").get<double>() / (1 << 20)) << order;
    EXPECT_GE(cost.at("copy_bytes"), plan.at("one_pass").at("copy_bytes")) << order;
  }
  EXPECT_EQ(plan.at("staying")[0].at("path"), chain.leaf());
  EXPECT_TRUE(vhdlab_json({"disk", "family", folder.path().string()}).at("plan").is_null());
}

TEST_F(DiskFamilyTest, ExecuteMergesWhatIsBelowTheLeafAndKeepsAJournal) {
  const TestChain chain = make_chain(folder, 4);
  const ProgramResult done = family({"--execute", "--yes"});
  EXPECT_EQ(done.exit_code, 0) << done.errors;
  EXPECT_THAT(names_in(folder.path()), ElementsAre("base.vhdx", "child4.avhdx", "vhdlab-family.journal"));
  EXPECT_TRUE(disk_content(chain.leaf()) == chain.content);
  const ProgramResult again = family({"--execute", "--yes"});
  EXPECT_EQ(again.exit_code, 0) << again.errors;
  EXPECT_THAT(again.output, HasSubstr("nothing can be merged"));
}

TEST_F(DiskFamilyTest, ExecuteWithLeavesLeavesTheBase) {
  const TestChain chain = make_chain(folder, 2);
  const ProgramResult done = family({"--execute", "--yes", "--merge-leaves"});
  EXPECT_EQ(done.exit_code, 0) << done.errors;
  EXPECT_THAT(done.output, HasSubstr("the disk is then base.vhdx"));
  EXPECT_THAT(names_in(folder.path()), ElementsAre("base.vhdx", "vhdlab-family.journal"));
  EXPECT_TRUE(disk_content(chain.base()) == chain.content);
}

TEST_F(DiskFamilyTest, NobodyToAskMeansNothingIsDone) {
  make_chain(folder, 3);
  const auto before = contents_of(folder.path());
  const ProgramResult refused = family({"--execute"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.output, HasSubstr("plan:"));
  EXPECT_THAT(refused.errors, HasSubstr("nobody is there to confirm"));
  EXPECT_EQ(contents_of(folder.path()), before);
}

TEST_F(DiskFamilyTest, AnswerNoMeansNothingIsDone) {
  make_chain(folder, 3);
  const auto before = contents_of(folder.path());
  TestWorld world;
  scenarios::CommandContext context = world.context();
  context.confirm = [](const std::string&) { return false; };
  const scenarios::Arguments arguments({folder.path().string()}, {{"execute", {}}});
  const auto ended = scenarios::disk_family::run(context, arguments);
  ASSERT_TRUE(ended) << ended.error().text();
  EXPECT_EQ(*ended, scenarios::ExitCode::failed);
  EXPECT_THAT(world.out(), HasSubstr("nothing was changed"));
  EXPECT_EQ(contents_of(folder.path()), before);
}

TEST_F(DiskFamilyTest, DiskThatIsFullIsSaidBeforeAnythingIsChanged) {
  make_chain(folder, 3);
  const auto before = contents_of(folder.path());
  TestWorld world;
  world.free_bytes = 4096;
  const scenarios::Arguments arguments({folder.path().string()}, {{"execute", {}}, {"yes", {}}});
  const auto ended = scenarios::disk_family::run(world.context(), arguments);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().fault, "family-no-space");
  EXPECT_THAT(world.out(), HasSubstr("NOT ENOUGH"));
  EXPECT_EQ(contents_of(folder.path()), before);
}

TEST_F(DiskFamilyTest, StoppedExecutionGoesOnWithoutPlanningAnew) {
  const TestChain chain = make_chain(folder, 4);
  TestWorld world;
  scenarios::CommandContext context = world.context();
  const std::string journal = folder.file("vhdlab-family.journal");
  // Stops at the first question after the journal is there: in the middle of the first merge.
  context.stop = [&] { return std::filesystem::exists(journal); };
  const scenarios::Arguments arguments({folder.path().string()}, {{"execute", {}}, {"yes", {}}});
  const auto stopped = scenarios::disk_family::run(context, arguments);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind, ErrorKind::interrupted);
  EXPECT_TRUE(disk_content(chain.leaf()) == chain.content);
  EXPECT_THAT(family().output, HasSubstr("An earlier plan was cut short"));
  const ProgramResult done = family({"--execute", "--yes"});
  EXPECT_EQ(done.exit_code, 0) << done.errors;
  EXPECT_THAT(done.output, HasSubstr("of an earlier plan"));
  EXPECT_THAT(names_in(folder.path()), ElementsAre("base.vhdx", "child4.avhdx", "vhdlab-family.journal"));
  EXPECT_TRUE(disk_content(chain.leaf()) == chain.content);
}

TEST_F(DiskFamilyTest, InUseNamesALeafOfTheFolder) {
  const TestChain chain = make_chain(folder, 2);
  write_file(folder.file("notes.txt"), "none");
  EXPECT_THAT(family({"--in-use", chain.leaf()}).output, HasSubstr("in use, as you said"));
  for (const std::string& path : {chain.paths[1], folder.file("notes.txt"), folder.file("gone")}) {
    const ProgramResult refused = family({"--in-use", path});
    EXPECT_NE(refused.exit_code, 0) << path;
    EXPECT_THAT(refused.errors, HasSubstr(path));
  }
}

TEST_F(DiskFamilyTest, OrphanIsDamageAndTheExitCodeSaysSo) {
  const TestChain chain = make_chain(folder, 2);
  std::filesystem::remove(chain.base());
  const ProgramResult shown = family({"--plan"});
  EXPECT_EQ(shown.exit_code, 1);
  EXPECT_THAT(shown.output, HasSubstr("(missing: base.vhdx)"));
  EXPECT_THAT(shown.output, HasSubstr("damage family-parent-missing"));
  EXPECT_THAT(shown.output, HasSubstr("plan: nothing can be merged"));
}

TEST_F(DiskFamilyTest, RealAvhdxWithoutItsParentIsAnOrphan) {
  // Goal: a file made by Windows is understood. Method: the sample, unpacked into an empty folder.
  const auto sample = shared_path("samples/vhdx/hyperv-differencing.avhdx.gz");
  if (!sample) GTEST_SKIP() << sample.error().text();
  std::filesystem::copy_file(*sample, folder.file("disk.avhdx.gz"));
  const auto unpacked = run_program({"gzip", "-d", folder.file("disk.avhdx.gz")});
  ASSERT_TRUE(unpacked && unpacked->succeeded());
  const ProgramResult shown = family({"--format", "json"});
  EXPECT_EQ(shown.exit_code, 1);
  const auto document = nlohmann::json::parse(shown.output);
  ASSERT_THAT(document.at("findings"), SizeIs(1));
  EXPECT_EQ(document.at("findings")[0].at("name"), "family-parent-missing");
  EXPECT_FALSE(document.at("families")[0].at("disks")[0].at("parent").at("sought_paths").empty());
}

TEST_F(DiskFamilyTest, WrongUseIsRefusedBeforeAnythingIsDone) {
  make_chain(folder, 2);
  const auto before = contents_of(folder.path());
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--rate", "fast"}, "--rate"},
      {{"--rate", "0"}, "more than 0"},
      {{"--rate", "1MiB/s", "--measure-rate"}, "exclude each other"},
      {{"--plan", "--execute"}, "exclude each other"},
      {{"--yes"}, "nothing to say yes to"},
      {{"--format", "xml"}, "--format"},
      {{"--exekute"}, "--execute"},
  };
  for (const auto& [words, said] : cases) {
    const ProgramResult refused = family(words);
    EXPECT_EQ(refused.exit_code, 2) << words[0];
    EXPECT_THAT(refused.errors, HasSubstr(said));
    EXPECT_THAT(refused.output, IsEmpty());
  }
  EXPECT_EQ(vhdlab({"disk", "family", folder.file("none")}).exit_code, 1);
  EXPECT_EQ(vhdlab({"disk", "family", folder.file("base.vhdx")}).exit_code, 1);
  EXPECT_EQ(contents_of(folder.path()), before);
}

TEST_F(DiskFamilyTest, MeasuringTheRateLeavesNothingBehind) {
  // Also where it is stopped, and where there is too little space.
  TestWorld world;
  world.free_bytes = 256 * mib;  // for a source of 64 MiB
  scenarios::CommandContext context = world.context();
  context.now = [&world] { return world.time += std::chrono::milliseconds(1); };
  const auto rate = scenarios::measure_copy_rate(context, folder.path().string());
  ASSERT_TRUE(rate) << rate.error().text();
  EXPECT_EQ(rate->bytes, 64 * mib);
  EXPECT_GT(rate->bytes_per_s, 0U);
  EXPECT_THAT(names_in(folder.path()), IsEmpty());
  world.stop_after_questions = 5;
  EXPECT_FALSE(scenarios::measure_copy_rate(world.context(), folder.path().string()));
  EXPECT_THAT(names_in(folder.path()), IsEmpty());
  world.stop_after_questions = -1;
  world.free_bytes = 64 * mib;
  const auto refused = scenarios::measure_copy_rate(world.context(), folder.path().string());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, "rate-no-space");
}

}  // namespace
}  // namespace vhdlab::tests
