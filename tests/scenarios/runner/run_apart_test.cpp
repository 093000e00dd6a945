// Points on targets of their own: the record does not tell how many threads there were.
#include <gtest/gtest.h>

#include "reports/results/result_file.h"
#include "scenarios/language/parse.h"
#include "scenarios/runner/run_scenario.h"
#include "scenarios/targets/sim_target.h"
#include "tests/sim/device/sample_profiles.h"

namespace vhdlab::tests {
namespace {

using namespace scenarios;

Scenario swept(const std::string& disk_sizes) {
  const std::string text =
      "name: t\nseed: 3\ndisk: { size: $size, block_size: 1MiB }\nrepeat: 3\n"
      "sweep: { size: [" +
      disk_sizes +
      "], depth: [0, 1, 5] }\n"
      "setup:\n  - create: base\n  - fill: { amount: 100% }\n  - repeat: $depth\n    steps:\n      - "
      "checkpoint\n"
      "      - write: { block_size: 64KiB, amount: 5% }\n"
      "measure:\n  - mixed: { name: load, read_percentage: 70, queue_depth: 4, operations: 500 }\n"
      "  - read: { name: late, arrivals: { rate: 100000/s }, direct: true, operations: 5000 }\n  - merge: "
      "{}\n";
  auto scenario = parse_scenario(text, "t.yaml");
  if (!scenario) {
    ADD_FAILURE() << render_findings(scenario.error());
    return {};
  }
  return *std::move(scenario);
}

std::unique_ptr<Target> on_small_disk() {
  return make_sim_target({.device = profile_of("hdd", small_hdd())});
}

RunOutcome run(const Scenario& scenario, uint32_t threads) {
  SilentProgress quiet;
  return run_scenario_apart(scenario, on_small_disk, threads, {}, quiet, {});
}

TEST(RunApart, GivesTheSameBytesWithAnyNumberOfThreads) {
  // Goal: speed changes nothing. Method: results of one, two and nine threads, as text; with notes of
  // overload.
  const Scenario scenario = swept("32MiB, 48MiB");
  const RunOutcome one = run(scenario, 1);
  ASSERT_FALSE(one.failure) << one.failure->text();
  EXPECT_EQ(one.record.points.size(), 6U);
  EXPECT_EQ(one.record.notes.size(), 6U);
  EXPECT_EQ(one.record.notes.front().name, "overload");
  EXPECT_GT(one.record.verification.sectors_checked, 0U);
  const std::string expected = reports::result_text(one.record);
  EXPECT_EQ(reports::result_text(run(scenario, 2).record), expected);
  EXPECT_EQ(reports::result_text(run(scenario, 9).record), expected);
}

TEST(RunApart, MeasuresAsTheRunOnOneTargetDoes) {
  // Goal: one meaning of a sweep. Method: the same scenario in the plain column; every measurement is equal,
  // the repeats among them.
  const Scenario scenario = swept("32MiB");
  SilentProgress quiet;
  const auto target = on_small_disk();
  const RunOutcome plain = run_scenario(scenario, *target, {}, quiet, {});
  ASSERT_FALSE(plain.failure) << plain.failure->text();
  const RunOutcome apart = run(scenario, 2);
  ASSERT_EQ(apart.record.points.size(), plain.record.points.size());
  for (size_t i = 0; i < plain.record.points.size(); ++i)
    EXPECT_EQ(apart.record.points[i], plain.record.points[i]) << i;
}

TEST(RunApart, EndsAtTheFirstPointThatFails) {
  // Goal: a failure is the same whoever was fastest. Method: the second size is more than the device holds.
  const Scenario scenario = swept("32MiB, 1TiB, 48MiB");
  const RunOutcome one = run(scenario, 1);
  const RunOutcome three = run(scenario, 3);
  ASSERT_TRUE(one.failure && three.failure);
  EXPECT_EQ(one.failure->fault, "sim-device-full");
  EXPECT_EQ(one.record.points.size(), 3U);
  EXPECT_EQ(reports::result_text(one.record), reports::result_text(three.record));
}

}  // namespace
}  // namespace vhdlab::tests
