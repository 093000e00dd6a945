// calibrate, and what the shipped papers/ scenarios are to the command line.
#include <filesystem>

#include <gtest/gtest.h>

#include "tests/cli/cli_support.h"

namespace vhdlab::tests {
namespace {

constexpr const char* swept_scenario = R"(# How does a small disk read?
name: small
seed: 1
target: sim
disk: { size: 8MiB, block_size: 1MiB }
sweep: { depth: [0, 2, 4] }
setup:
  - create: base
  - fill: { amount: 100% }
  - repeat: $depth
    steps:
      - checkpoint
      - write: { pattern: random, block_size: 64KiB, amount: 5% }
measure:
  - read: { name: reads, queue_depth: 2, operations: 2000 }
  - write: { name: writes, operations: 100 }
)";

struct CalibrateCommand : testing::Test {
  TemporaryFolder folder;
  std::string scenario = folder.file("small.yaml");
  std::string results = folder.file("out");
  std::string profile = folder.file("here.yaml");

  void SetUp() override { write_file(scenario, swept_scenario); }
};

TEST_F(CalibrateCommand, WritesAProfileThatARunTakes) {
  // Goal: measure, fit, simulate. Method: the three commands, of which the first runs on the scenario's own
  // target.
  ASSERT_EQ(vhdlab({"run", scenario, "--output", results}).exit_code, 0);
  const ProgramResult fit = vhdlab({"calibrate", results, "--fit", "depth=0,4", "--output", profile});
  ASSERT_EQ(fit.exit_code, 0) << fit.errors;
  EXPECT_NE(fit.output.find("median error of the points held out"), std::string::npos) << fit.output;
  EXPECT_NE(fit.output.find("held out, simulated"), std::string::npos) << fit.output;
  EXPECT_NE(fit.output.find("left out: writes: no reads"), std::string::npos) << fit.output;
  const ProgramResult simulated =
      vhdlab({"run", scenario, "--device", profile, "--output", folder.file("simulated")});
  EXPECT_EQ(simulated.exit_code, 0) << simulated.errors;
  EXPECT_EQ(
      vhdlab({"report", results, folder.file("simulated"), "--output", folder.file("both.html")}).exit_code,
      0);
}

TEST_F(CalibrateCommand, GivesProgramsTheNumbersAndKeepsWhatIsThere) {
  // Goal: JSON with every point; a profile that is there is not replaced unasked.
  ASSERT_EQ(vhdlab({"run", scenario, "--output", results}).exit_code, 0);
  const ProgramResult fit = vhdlab({"calibrate", results, "--format", "json"});
  ASSERT_EQ(fit.exit_code, 0) << fit.errors;
  const auto document = nlohmann::json::parse(fit.output);
  EXPECT_EQ(document["points"].size(), 3U);
  EXPECT_TRUE(document["error_median_held_out"].is_null());
  EXPECT_TRUE(document["numbers"]["layer_probe_s"].is_number());
  write_file(profile, "mine");
  EXPECT_NE(vhdlab({"calibrate", results, "--output", profile}).exit_code, 0);
  EXPECT_EQ(read_file(profile), "mine");
}

TEST_F(CalibrateCommand, SaysWhatItCannotUse) {
  // Goal: a named fault and no profile. Method: files that are no measurement, a fit to no point, a bad
  // --fit.
  write_file(folder.file("a.xml"), "<a/>");
  write_file(folder.file("a.json"), R"({"fio version": "fio-3.33", "jobs": []})");
  write_file(folder.file("b.json"), "{}");
  write_file(folder.file("empty"), "");
  for (const char* name : {"a.xml", "a.json", "b.json", "empty", "absent"}) {
    const ProgramResult fit = vhdlab({"calibrate", folder.file(name), "--output", profile});
    EXPECT_NE(fit.exit_code, 0) << name;
    EXPECT_NE(fit.errors.find("error: "), std::string::npos) << fit.errors;
  }
  ASSERT_EQ(vhdlab({"run", scenario, "--output", results}).exit_code, 0);
  EXPECT_NE(vhdlab({"calibrate", results, "--fit", "depth=17", "--output", profile}).exit_code, 0);
  EXPECT_EQ(vhdlab({"calibrate", results, "--fit", "depth", "--output", profile}).exit_code, 2);
  EXPECT_NE(vhdlab({"calibrate", results, "--step", "writes", "--output", profile}).exit_code, 0);
  EXPECT_FALSE(std::filesystem::exists(profile));
}

TEST_F(CalibrateCommand, PapersAreListedRunByNameAndFailWhereTheyMiss) {
  // Goal: `run papers/NAME` needs no more words, and a miss is exit code 3. Method: the law, and the law on a
  // device it does not hold for.
  EXPECT_NE(vhdlab({"list"}).output.find("papers/littles-law"), std::string::npos);
  const ProgramResult law = vhdlab({"run", "papers/littles-law", "--output", results, "--format", "json"});
  ASSERT_EQ(law.exit_code, 0) << law.errors;
  EXPECT_EQ(nlohmann::json::parse(law.output)["target"], "sim");
  EXPECT_EQ(vhdlab({"check", "papers/mm1", "papers/atlas-10k"}).exit_code, 0);
  const ProgramResult missed =
      vhdlab({"run", "papers/littles-law", "--device", "hdd-7200", "--output", folder.file("missed")});
  EXPECT_EQ(missed.exit_code, 3) << missed.output;
}

}  // namespace
}  // namespace vhdlab::tests
