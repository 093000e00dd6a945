// Resampling with a seed.
#include "reports/statistics/bootstrap.h"

#include <gtest/gtest.h>

namespace vhdlab::reports {
namespace {

double median_of_first(std::span<const std::vector<double>> groups) {
  return median_of(groups[0]);
}

TEST(Bootstrap, GivesTheSameIntervalForTheSameSeed) {
  // Goal: reports can be repeated byte for byte. Method: twice with one seed.
  const std::vector<std::vector<double>> groups = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}};
  EXPECT_EQ(bootstrap_interval(groups, median_of_first, 5), bootstrap_interval(groups, median_of_first, 5));
}

TEST(Bootstrap, SpansTheMedianAndStaysWithinTheValues) {
  // Goal: sane ends. Method: ten values; the interval of their median lies inside and holds it.
  const std::vector<std::vector<double>> groups = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}};
  const Interval interval = bootstrap_interval(groups, median_of_first, 5);
  EXPECT_TRUE(interval.contains(5.5));
  EXPECT_GE(interval.low, 1);
  EXPECT_LE(interval.high, 10);
  EXPECT_LT(interval.high - interval.low, 8);
}

}  // namespace
}  // namespace vhdlab::reports
