// The zipf draw is held against the definition of the distribution.
#include "scenarios/workload/zipf.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/random.h"

namespace vhdlab::scenarios {
namespace {

class ZipfShape : public testing::TestWithParam<double> {};

TEST_P(ZipfShape, FollowsTheDefinition) {
  // Goal: rank k has probability k^-theta / sum. Method: chi-squared over 50 ranks and 200,000 draws; with 49
  // degrees of freedom a value above 100 has a chance under 1 in 30,000, and the seed is fixed.
  constexpr uint64_t ranks = 50;
  constexpr int draws = 200000;
  const double theta = GetParam();
  const ZipfDistribution zipf(ranks, theta);
  std::vector<double> counts(ranks, 0);
  for (int i = 0; i < draws; ++i) {
    const uint64_t rank = zipf.rank(mix64(static_cast<uint64_t>(i)));
    ASSERT_LT(rank, ranks);
    counts[rank] += 1;
  }
  double sum = 0;
  for (uint64_t k = 1; k <= ranks; ++k)
    sum += std::pow(static_cast<double>(k), -theta);
  double chi_squared = 0;
  for (uint64_t k = 1; k <= ranks; ++k) {
    const double expected = draws * std::pow(static_cast<double>(k), -theta) / sum;
    chi_squared += (counts[k - 1] - expected) * (counts[k - 1] - expected) / std::max(expected, 1e-9);
  }
  if (theta < 2.5) {
    EXPECT_LT(chi_squared, 100);
  } else {
    EXPECT_NEAR(counts[0] / draws, 1 / sum, 0.005);  // the tail is too thin for chi-squared
  }
}

INSTANTIATE_TEST_SUITE_P(Thetas, ZipfShape, testing::Values(0.1, 0.5, 0.99, 1.0, 1.0000001, 1.2, 2.0, 10.0));

TEST(ZipfDistribution, WorksForOneRankAndForMoreThanADiskHas) {
  // Goal: the ends of the domain. Method: one rank is always 0; 2^53 ranks stay inside.
  const ZipfDistribution one(1, 0.99);
  const ZipfDistribution vast(uint64_t{1} << 53, 0.5);
  for (uint64_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(one.rank(mix64(i)), 0U);
    EXPECT_LT(vast.rank(mix64(i)), uint64_t{1} << 53);
  }
  EXPECT_EQ(ZipfDistribution(10, 1.0).rank(0), ZipfDistribution(10, 1.0).rank(0));
}

}  // namespace
}  // namespace vhdlab::scenarios
