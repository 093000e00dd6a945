// The simulator's chance: the same numbers everywhere, each component its own, and the laws they follow.
#include "sim/time/random_stream.h"

#include <cmath>

#include <gtest/gtest.h>

namespace vhdlab::sim {
namespace {

using std::chrono::microseconds;

TEST(RandomStream, GivesTheSameNumbersOnEveryBuild) {
  // Goal: results are byte-identical. Method: numbers kept here once and for all, drawn with whole-number
  // arithmetic.
  RandomStream stream(42, "device");
  EXPECT_EQ(stream.next_u64(), 3429722452059474313U);
  EXPECT_EQ(stream.below(1000), 779U);
  EXPECT_EQ(stream.exponential(microseconds(100)).count(), 57164);
}

TEST(RandomStream, KeepsComponentsApart) {
  RandomStream one(42, "arrivals");
  RandomStream same(42, "arrivals");
  RandomStream other(42, "service");
  RandomStream reseeded(43, "arrivals");
  const uint64_t first = one.next_u64();
  EXPECT_EQ(first, same.next_u64());
  EXPECT_NE(first, other.next_u64());
  EXPECT_NE(first, reseeded.next_u64());
}

TEST(RandomStream, DrawsExponentialTimes) {
  // Goal: mean, spread and tail of the exponential law. Method: a million draws; each bound is above six
  // standard errors, and the seed is fixed, so chance cannot fail this.
  RandomStream stream(7, "law");
  constexpr int draws = 1'000'000;
  double sum = 0;
  double sum_of_squares = 0;
  int above_three_means = 0;
  for (int i = 0; i < draws; ++i) {
    const auto value = static_cast<double>(stream.exponential(microseconds(1000)).count()) / 1e6;
    sum += value;
    sum_of_squares += value * value;
    above_three_means += value > 3 ? 1 : 0;
  }
  EXPECT_NEAR(sum / draws, 1.0, 0.006);
  EXPECT_NEAR(sum_of_squares / draws, 2.0, 0.03);
  EXPECT_NEAR(static_cast<double>(above_three_means) / draws, std::exp(-3.0), 0.0014);
}

TEST(RandomStream, StaysBelowItsBound) {
  RandomStream stream(9, "bound");
  bool met_last = false;
  for (int i = 0; i < 10000; ++i) {
    const uint64_t value = stream.below(7);
    ASSERT_LT(value, 7U);
    met_last = met_last || value == 6;
  }
  EXPECT_TRUE(met_last);
  EXPECT_EQ(stream.below(0), 0U);
}

}  // namespace
}  // namespace vhdlab::sim
