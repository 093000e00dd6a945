// Lines through measurements.
#include "reports/statistics/linear_fit.h"

#include <gtest/gtest.h>

namespace vhdlab::reports {
namespace {

const std::vector<double> depths = {0, 1, 2, 4, 8, 16, 32, 50};

std::vector<double> line(double slope, double intercept) {
  std::vector<double> y;
  for (const double x : depths)
    y.push_back(intercept + slope * x);
  return y;
}

TEST(LinearFit, FindsAnExactLineBothWays) {
  // Goal: both fits agree where there is no noise. Method: points on a line.
  for (const auto& fit : {fit_least_squares(depths, line(0.31, 80)), fit_theil_sen(depths, line(0.31, 80))}) {
    ASSERT_TRUE(fit);
    EXPECT_NEAR(fit->slope, 0.31, 1e-12);
    EXPECT_NEAR(fit->intercept, 80, 1e-12);
  }
}

TEST(LinearFit, IsNotMovedByOneWildValueWhenRobust) {
  // Goal: why findings use Theil-Sen. Method: one of eight values is ten times too large.
  std::vector<double> y = line(0.31, 80);
  y[3] *= 10;
  EXPECT_NEAR(fit_theil_sen(depths, y)->slope, 0.31, 0.02);
  EXPECT_GT(std::abs(fit_least_squares(depths, y)->slope - 0.31), 0.5);
}

TEST(LinearFit, RefusesALineThroughOnePlace) {
  // Goal: no division by zero. Method: all x equal, and none.
  const std::vector<double> same = {2, 2, 2};
  EXPECT_FALSE(fit_least_squares(same, std::vector<double>{1, 2, 3}));
  EXPECT_FALSE(fit_theil_sen(same, std::vector<double>{1, 2, 3}));
  EXPECT_FALSE(fit_theil_sen({}, {}));
}

TEST(LinearFit, GivesNoIntervalForFewerThanThreeRepeats) {
  // Goal: honesty with few repeats. Method: two, then three repeats at each depth.
  std::vector<std::vector<double>> y;
  for (const double value : line(0.31, 80))
    y.push_back({value * 0.99, value * 1.01});
  EXPECT_EQ(fit_repeats(depths, y, 1)->interval.kind, IntervalKind::none);
  for (auto& repeats : y)
    repeats.push_back(repeats[0] / 0.99);
  const auto fit = fit_repeats(depths, y, 1);
  EXPECT_EQ(fit->interval.kind, IntervalKind::confidence_95);
  EXPECT_TRUE(fit->interval.contains(0.31));
}

TEST(LinearFit, NeedsThreePlacesToSpeakOfALine) {
  // Goal: two depths prove no law. Method: two x.
  const std::vector<double> two = {0, 8};
  const std::vector<std::vector<double>> y = {{1, 1, 1}, {2, 2, 2}};
  EXPECT_FALSE(fit_repeats(two, y, 1));
}

}  // namespace
}  // namespace vhdlab::reports
