// --set: what it can name, and what it says about names it cannot.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "scenarios/language/parse.h"

namespace vhdlab::scenarios {
namespace {

const std::string text =
    "name: t\nseed: 1\nvariables: { depth: 16 }\nsweep: { layers: [0, 2, 4] }\ndisk: { size: 64MiB }\n"
    "setup:\n  - create: base\n  - { repeat: $layers, steps: [checkpoint] }\n"
    "measure:\n  - read: { name: reads, queue_depth: $depth }\n"
    "expect:\n  - { metric: reads.iops, at: { layers: 4 }, at_least: 1 }\n";

std::expected<Scenario, Findings> with(std::vector<std::string> overrides) {
  ParseOptions options;
  options.overrides = std::move(overrides);
  return parse_scenario(text, "t.yaml", options);
}

Scenario good(std::vector<std::string> overrides) {
  auto scenario = with(std::move(overrides));
  if (!scenario) {
    ADD_FAILURE() << render_findings(scenario.error());
    return {};
  }
  return std::move(*scenario);
}

std::string bad(const std::string& override) {
  const auto scenario = with({override});
  return scenario ? "none" : scenario.error().at(0).text();
}

const MeasuredWorkload& reads(const Scenario& scenario) {
  return std::get<MeasuredWorkload>(scenario.points.at(0).measure.at(0));
}

TEST(Override, ReplacesAVariable) {
  // Goal: declared variables take the value; the last one wins. Method: two overrides.
  const Scenario scenario = good({"depth=4", "depth=8"});
  EXPECT_EQ(reads(scenario).queue_depth, 8U);
  ASSERT_EQ(scenario.variables.size(), 1U);
  EXPECT_EQ(scenario.variables[0].text, "8");
}

TEST(Override, ReplacesASweepAndSkipsExpectationsOfPointsItRemoved) {
  // Goal: a shorter sweep needs no edit of the file. Method: both spellings.
  for (const char* override : {"layers=0, 2", "layers=[0, 2]", "sweep.layers=[0, 2]"}) {
    const Scenario scenario = good({override});
    EXPECT_EQ(scenario.points.size(), 2U) << override;
    EXPECT_TRUE(scenario.expectations.empty());
    ASSERT_EQ(scenario.notes.size(), 1U);
    EXPECT_EQ(scenario.notes[0],
              "expectation skipped: reads.iops at layers=4 is at least 1: --set leaves no such point");
  }
  EXPECT_EQ(good({"layers=4"}).expectations.size(), 1U);
}

TEST(Override, ReachesAnyKeyByPathAlsoOnesTheFileLeavesOut) {
  // Goal: paths by key, number and step name. Method: one of each.
  EXPECT_EQ(good({"seed=9"}).seed, 9U);
  EXPECT_EQ(good({"repeat=3"}).repeat, 3U);
  EXPECT_EQ(good({"disk.size=1GiB"}).points.at(0).disk.size_bytes, gib);
  EXPECT_TRUE(reads(good({"io.direct=true"})).direct);
  EXPECT_EQ(reads(good({"measure.0.read.block_size=64KiB"})).pattern.block_size_bytes, 64 * kib);
  EXPECT_EQ(reads(good({"reads.duration=1s"})).duration, std::chrono::seconds(1));
}

TEST(Override, FindingsPointIntoTheArgument) {
  // Goal: a mistake on the command line is shown on the command line. Method: the rendered text.
  EXPECT_EQ(bad("disk.size=1Zib"),
            "--set:1:11: error: 'size' of 'disk' is '1Zib', expected a size from 3 MiB to 64 TiB\n  "
            "disk.size=1Zib\n"
            "            ^\n  hint: write a number and B, KiB, MiB, GiB or TiB, as in '64KiB'");
  EXPECT_EQ(bad("lyers=3"),
            "--set:1:1: error: --set names 'lyers', which this scenario does not have\n  lyers=3\n  ^\n"
            "  hint: did you mean 'layers'?");
  EXPECT_NE(bad("reads.duratoin=1s").find("did you mean 'duration'?"), std::string::npos);
  EXPECT_NE(bad("read.duration=1s").find("did you mean 'reads'?"), std::string::npos);
  EXPECT_NE(bad("measure.7.x=1").find("items count from 0 to 0"), std::string::npos);
  EXPECT_NE(bad("seed.x=1").find("has no keys"), std::string::npos);
  EXPECT_NE(bad("depth").find("is not NAME=VALUE"), std::string::npos);
  EXPECT_NE(bad("=3").find("is not NAME=VALUE"), std::string::npos);
  EXPECT_NE(bad("layers=").find("not a single value"), std::string::npos);
  EXPECT_NE(bad("seed=[1").find("YAML syntax"), std::string::npos);
  EXPECT_NE(bad("depth=many").find("is 'many' (from $depth)"), std::string::npos);
}

}  // namespace
}  // namespace vhdlab::scenarios
