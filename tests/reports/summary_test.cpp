// Medians, and intervals that say what they are.
#include "reports/statistics/summary.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/random.h"

namespace vhdlab::reports {
namespace {

TEST(Summarise, CallsFewRepeatsARange) {
  // Goal: no confidence is claimed where there is none. Method: one, two and five values.
  EXPECT_EQ(summarise(std::vector<double>{7}), (Summary{7, 7, 7, 1, IntervalKind::none}));
  EXPECT_EQ(summarise(std::vector<double>{3, 1}), (Summary{2, 1, 3, 2, IntervalKind::range}));
  EXPECT_EQ(summarise(std::vector<double>{5, 1, 4, 2, 3}), (Summary{3, 1, 5, 5, IntervalKind::range}));
}

TEST(Summarise, TakesTheOrderStatisticsOfTheSignTest) {
  // Goal: known tables. Method: 6 values give the 1st and 6th, 10 the 2nd and 9th, 20 the 6th and 15th.
  std::vector<double> values;
  for (int i = 1; i <= 20; ++i) {
    values.push_back(i);
    const Summary summary = summarise(values);
    if (i == 6) {
      EXPECT_EQ(summary, (Summary{3.5, 1, 6, 6, IntervalKind::confidence_95}));
    }
    if (i == 10) {
      EXPECT_EQ(summary, (Summary{5.5, 2, 9, 10, IntervalKind::confidence_95}));
    }
    if (i == 20) {
      EXPECT_EQ(summary, (Summary{10.5, 6, 15, 20, IntervalKind::confidence_95}));
    }
  }
}

TEST(Summarise, HoldsTheTrueMedianNineteenTimesInTwenty) {
  // Goal: the coverage promised, for a skewed distribution. Method: 4000 seeded samples of 9 from an
  // exponential.
  SeededRandom random(1);
  int held = 0;
  for (int round = 0; round < 4000; ++round) {
    std::vector<double> values;
    for (int i = 0; i < 9; ++i)
      values.push_back(-std::log(static_cast<double>((random.next_u64() >> 11) + 1) * 0x1p-53));
    const Summary summary = summarise(values);
    if (summary.low <= std::log(2.0) && std::log(2.0) <= summary.high) ++held;
  }
  EXPECT_GE(held, 3800);
}

TEST(Summarise, LeavesOutWhatIsNoNumber) {
  // Goal: a failed repeat does not poison the rest. Method: not-a-number among numbers, and alone.
  EXPECT_EQ(summarise(std::vector<double>{std::nan(""), 2, 4}).count, 2U);
  EXPECT_EQ(summarise(std::vector<double>{std::nan("")}), Summary{});
  EXPECT_EQ(summarise({}), Summary{});
}

TEST(Summarise, StaysQuickAndFiniteWithManyValues) {
  // Goal: the binomial sum does not underflow into nonsense. Method: 5000 values.
  std::vector<double> values;
  for (int i = 0; i < 5000; ++i)
    values.push_back(i);
  const Summary summary = summarise(values);
  EXPECT_NEAR(summary.low, 2430, 5);
  EXPECT_NEAR(summary.high, 2569, 5);
}

}  // namespace
}  // namespace vhdlab::reports
