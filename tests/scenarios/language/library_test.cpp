// The shipped scenarios parse, say their question first, and stay within what they promise to take.
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "scenarios/language/parse.h"
#include "tests/support/checkout.h"

namespace vhdlab::scenarios {
namespace {

std::string library(const std::string& name) {
  return tests::checkout_path("scenarios/library/" + name + ".yaml");
}

Scenario loaded(const std::string& name, std::vector<std::string> overrides = {}) {
  ParseOptions options;
  options.overrides = std::move(overrides);
  auto scenario = load_scenario(library(name), options);
  if (!scenario) {
    ADD_FAILURE() << render_findings(scenario.error());
    return {};
  }
  return std::move(*scenario);
}

TEST(Library, EveryFileParsesIsNamedAsItsFileAndOpensWithAQuestion) {
  // Goal: `vhdlab list` has something to show for each. Method: every .yaml of the folder.
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(tests::checkout_path("scenarios/library"))) {
    if (entry.path().extension() != ".yaml") continue;
    ++files;
    ParseOptions options;
    options.accept_unset_variables = true;
    const auto scenario = load_scenario(entry.path().string(), options);
    ASSERT_TRUE(scenario.has_value()) << render_findings(scenario.error());
    EXPECT_EQ(scenario->name, entry.path().stem().string());
    EXPECT_TRUE(scenario->question.ends_with('?')) << scenario->question;
    EXPECT_NE(scenario->introduction.find("How to read the answer"), std::string::npos) << scenario->name;
  }
  EXPECT_EQ(files, 12U);
}

TEST(Library, ReadDegradationSweepsTheDepthsOfItsQuestion) {
  // Goal: depths 0 to 50, each layer 2 % of the blocks, measuring within two minutes. Method: the parsed
  // plan.
  const Scenario scenario = loaded("read-degradation");
  std::vector<uint32_t> depths;
  Nanoseconds measured{0};
  for (const ScenarioPoint& point : scenario.points) {
    depths.push_back(point.chain_depth);
    const auto& reads = std::get<MeasuredWorkload>(point.measure.at(0));
    measured += scenario.repeat * (reads.warm_up + *reads.duration);
  }
  EXPECT_EQ(depths, (std::vector<uint32_t>{0, 1, 2, 4, 8, 16, 32, 50}));
  EXPECT_LT(measured, std::chrono::seconds(60));

  const auto steps = flat_setup(scenario.points.back());
  ASSERT_EQ(steps.size(), 102U);
  EXPECT_TRUE(std::holds_alternative<CreateBase>(steps[0].action));
  EXPECT_TRUE(std::holds_alternative<TakeCheckpoint>(steps[2].action));
  const auto& write = std::get<SetupWrite>(steps[3].action);
  EXPECT_TRUE(write.pattern.each_block_once);
  EXPECT_EQ(block_count(write.pattern), 8192U);
  EXPECT_EQ(write.pattern.operations, 164U);
  EXPECT_TRUE(std::get<MeasuredMerge>(scenario.points.front().measure.at(1)).nothing_to_merge());
  EXPECT_EQ(std::get<MeasuredMerge>(scenario.points.back().measure.at(1)).last_layer, 50U);
}

TEST(Library, CheckpointScenariosAreMachines) {
  // Goal: depths as asked, and a tree with a branch. Method: the parsed plans.
  const Scenario operations = loaded("checkpoint-operations");
  EXPECT_EQ(operations.points.back().chain_depth, 50U);
  const Scenario backup = loaded("not-a-backup");
  for (const ScenarioPoint& point : backup.points) {
    EXPECT_TRUE(point.is_machine);
    EXPECT_EQ(point.chain_depth, 2U);
  }
}

TEST(Library, TraceReplayNeedsItsTraceAndTakesItFromTheCurrentFolder) {
  // Goal: the unset variable is a finding that says what to do. Method: with and without --set.
  const auto without = load_scenario(library("trace-replay"));
  ASSERT_FALSE(without.has_value());
  ASSERT_EQ(without.error().size(), 1U);
  EXPECT_EQ(without.error()[0].message, "the variable '$trace' has no value");
  EXPECT_NE(without.error()[0].hint.find("--set trace=VALUE"), std::string::npos);

  const Scenario scenario = loaded("trace-replay", {"trace=w: 1 #.csv.gz"});
  ASSERT_EQ(scenario.points.size(), 2U);
  EXPECT_EQ(scenario.points[1].chain_depth, 16U);
  EXPECT_EQ(std::get<MeasuredReplay>(scenario.points[0].measure.at(0)).trace_path, "w: 1 #.csv.gz");
}

TEST(Library, SummaryNeedsNoFaultlessFile) {
  // Goal: list works on any file. Method: a broken one.
  const auto summary = summarize_scenario("# What now?\n# More.\nname: broken\ndisk: 3\n");
  EXPECT_EQ(summary.name, "broken");
  EXPECT_EQ(summary.question, "What now?");
  EXPECT_EQ(summary.introduction, "What now?\nMore.");
}

}  // namespace
}  // namespace vhdlab::scenarios
