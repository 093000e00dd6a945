// Claims only where the repeats can carry them.
#include "reports/statistics/compare.h"

#include <gtest/gtest.h>

namespace vhdlab::reports {
namespace {

using Values = std::vector<double>;

TEST(Compare, ShowsADifferenceWithManyRepeats) {
  // Goal: the common case. Method: eight repeats each, 12 % apart, 1 % noise.
  const Values a = {100, 101, 99, 100.5, 99.5, 100, 101, 99};
  Values b = a;
  for (double& value : b)
    value *= 0.88;
  const Comparison comparison = compare(a, b, 1);
  EXPECT_EQ(comparison.verdict, Verdict::lower);
  EXPECT_EQ(comparison.interval.kind, IntervalKind::confidence_95);
  EXPECT_TRUE(comparison.interval.contains(0.88));
  EXPECT_EQ(describe(comparison, "B", Better::higher).substr(0, 14), "B is 12 % slow");
}

TEST(Compare, ClaimsNothingWhereRepeatsOverlap) {
  // Goal: noise is not a finding. Method: the same source twice, few and many repeats.
  EXPECT_EQ(compare(Values{100, 102, 98, 101}, Values{99, 103, 97, 100}, 1).verdict, Verdict::not_shown);
  const Comparison many =
      compare(Values{98, 99, 100, 101, 102, 103, 97}, Values{97.5, 99, 100.5, 101, 102, 103, 98}, 1);
  EXPECT_EQ(many.verdict, Verdict::not_shown);
  EXPECT_TRUE(describe(many, "B", Better::higher).starts_with("no difference that these repeats can show ("));
}

TEST(Compare, WantsEnoughRepeatsBeforeSeparationCounts) {
  // Goal: three and three part by chance one time in ten. Method: the same gap with 3+3, 3+5 and 4+4 repeats.
  EXPECT_EQ(compare(Values{100, 101, 102}, Values{90, 91, 92}, 1).verdict, Verdict::too_few);
  EXPECT_EQ(compare(Values{100, 101, 102}, Values{90, 91, 92, 93, 94}, 1).verdict, Verdict::lower);
  EXPECT_EQ(compare(Values{100, 101, 102, 103}, Values{90, 91, 92, 93}, 1).verdict, Verdict::lower);
}

TEST(Compare, TakesEveryDifferenceForOneWhereThereIsNoChance) {
  // Goal: in virtual time one value is the value. Method: one against one, apart and equal.
  const Comparison apart = compare(Values{100}, Values{90}, 1, Chance::none);
  EXPECT_EQ(apart.verdict, Verdict::lower);
  EXPECT_EQ(describe(apart, "B", Better::higher), "B is 10 % slower");
  const Comparison equal = compare(Values{100, 100}, Values{100}, 1, Chance::none);
  EXPECT_EQ(equal.verdict, Verdict::same);
  EXPECT_EQ(describe(equal, "B", Better::higher), "no difference");
}

TEST(Compare, GivesTheExtremeRatiosAsRangeOfFewRepeats) {
  // Goal: the documented interval. Method: two repeats each.
  const Comparison comparison = compare(Values{100, 110}, Values{50, 55}, 1);
  EXPECT_DOUBLE_EQ(comparison.interval.low, 50.0 / 110);
  EXPECT_DOUBLE_EQ(comparison.interval.high, 55.0 / 100);
  EXPECT_EQ(comparison.interval.kind, IntervalKind::range);
}

TEST(Compare, SpeaksOfFasterWhereLowerIsBetter) {
  // Goal: the direction of good follows the metric. Method: latencies that fall.
  const Comparison comparison = compare(Values{100, 101, 102, 103}, Values{50, 51, 52, 53}, 1);
  EXPECT_NE(describe(comparison, "B", Better::lower).find("faster"), std::string::npos);
  EXPECT_NE(describe(comparison, "B", Better::higher).find("slower"), std::string::npos);
}

TEST(Compare, RefusesToDivideByNothing) {
  // Goal: no ratio without a base. Method: an empty side, and a median of zero.
  EXPECT_EQ(compare({}, Values{1}, 1).verdict, Verdict::not_comparable);
  EXPECT_EQ(compare(Values{0, 0}, Values{1}, 1).verdict, Verdict::not_comparable);
}

}  // namespace
}  // namespace vhdlab::reports
