// Two runs side by side.
#include "reports/export/run_comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/reports/sample_records.h"

namespace vhdlab::reports {
namespace {

TEST(CompareRuns, NamesTheStrongestDifferenceFirst) {
  // Goal: the sentence of `vhdlab compare`. Method: the same run with every latency 10 % higher.
  const auto result =
      compare_runs(samples::read_degradation(), "before", samples::read_degradation("engine", 1.1), "after");
  EXPECT_THAT(result.findings[0],
              testing::MatchesRegex(
                  "reads: at depth [0-9]+ after is 9\\.[0-9] % slower .*; 8 of 8 points differ\\."));
  EXPECT_EQ(result.findings[1], "merge: no difference that these repeats can show at any of 7 points.");
  EXPECT_EQ(result.table.rows.size(), 15U);
}

TEST(CompareRuns, SaysWhenThereIsNothingInCommon) {
  // Goal: no invented comparison. Method: two scenarios; no measurement at all.
  EXPECT_EQ(compare_runs(samples::single_point(), "a", samples::merge_cost(), "b").findings[0],
            "mixed: the runs have no point in common.");
  EXPECT_EQ(compare_runs(RunRecord{}, "a", RunRecord{}, "b").findings[0], "There is nothing to compare.");
}

}  // namespace
}  // namespace vhdlab::reports
