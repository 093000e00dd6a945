// The histogram against the samples it stands for.
#include "reports/statistics/histogram.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "engine/base/random.h"
#include "tests/support/test_seed.h"

namespace vhdlab::reports {
namespace {

uint64_t nearest_rank(const std::vector<uint64_t>& sorted, double percent) {
  const auto rank =
      static_cast<size_t>(std::ceil(percent / 100 * static_cast<double>(sorted.size()) * (1 - 1e-15)));
  return sorted[std::max<size_t>(rank, 1) - 1];
}

TEST(Histogram, AnswersEveryPercentileWithinFourPerMilleOfTheSortedSamples) {
  // Goal: the promised error, from 1 ns to hours. Method: log-uniform random samples, compared with sorting
  // them.
  SeededRandom random(tests::test_seed());
  for (int round = 0; round < 50; ++round) {
    Histogram histogram;
    std::vector<uint64_t> samples(1 + random.next_u64() % 3000);
    for (uint64_t& sample : samples) {
      sample = random.next_u64() >> (16 + random.next_u64() % 48);
      histogram.record(sample);
    }
    std::ranges::sort(samples);
    for (const double percent : {0.0, 0.1, 1.0, 10.0, 25.0, 50.0, 75.0, 90.0, 99.0, 99.9, 99.99, 100.0}) {
      const auto exact = static_cast<double>(nearest_rank(samples, percent));
      const auto answer = static_cast<double>(histogram.percentile_ns(percent));
      EXPECT_LE(std::abs(answer - exact), 0.004 * exact) << percent << " % of " << samples.size();
    }
    EXPECT_EQ(histogram.min_ns(), samples.front());
    EXPECT_EQ(histogram.max_ns(), samples.back());
  }
}

TEST(Histogram, MergesIntoWhatOneHistogramWouldHaveRecorded) {
  // Goal: a histogram per worker loses nothing. Method: deal samples to three, merge, compare with one.
  SeededRandom random(tests::test_seed());
  Histogram all;
  std::vector<Histogram> workers(3);
  for (int i = 0; i < 10000; ++i) {
    const uint64_t sample = random.next_u64() >> (20 + random.next_u64() % 40);
    all.record(sample);
    workers[random.next_u64() % 3].record(sample);
  }
  Histogram merged;
  for (const Histogram& worker : workers)
    merged.merge(worker);
  EXPECT_EQ(merged.buckets(), all.buckets());
  EXPECT_EQ(merged.count(), all.count());
  EXPECT_EQ(merged.min_ns(), all.min_ns());
  EXPECT_EQ(merged.max_ns(), all.max_ns());
  EXPECT_NEAR(merged.mean_ns(), all.mean_ns(), 1e-9 * all.mean_ns());
}

TEST(Histogram, ComesBackFromItsBuckets) {
  // Goal: results.json keeps enough. Method: buckets of a histogram made from buckets are the same.
  Histogram histogram;
  for (uint64_t value = 1; value < (uint64_t{1} << 47); value = value * 5 / 4 + 1)
    histogram.record(value, value % 7 + 1);
  const auto buckets = histogram.buckets();
  EXPECT_EQ(Histogram(buckets).buckets(), buckets);
  EXPECT_EQ(Histogram(buckets).percentile_ns(99), histogram.percentile_ns(99));
}

TEST(Histogram, CountsValuesBeyondItsRangeAsTheLargest) {
  // Goal: no value can write outside of the array. Method: the largest numbers there are.
  Histogram histogram;
  histogram.record(UINT64_MAX);
  histogram.record(Histogram::value_ns_max);
  EXPECT_EQ(histogram.count(), 2U);
  EXPECT_EQ(histogram.max_ns(), Histogram::value_ns_max);
  EXPECT_EQ(histogram.buckets().size(), 1U);
}

TEST(Histogram, AnswersZeroWhenEmpty) {
  // Goal: no division by zero. Method: ask everything of an empty one, and of one that recorded nothing.
  Histogram histogram;
  histogram.record(5, 0);
  EXPECT_EQ(histogram.percentile_ns(50), 0U);
  EXPECT_EQ(histogram.min_ns(), 0U);
  EXPECT_EQ(histogram.max_ns(), 0U);
  EXPECT_EQ(histogram.mean_ns(), 0);
  EXPECT_TRUE(histogram.buckets().empty());
}

TEST(Histogram, TakesTheNearestRank) {
  // Goal: the documented definition. Method: values below 256 are exact, so ranks can be told apart.
  Histogram histogram;
  for (uint64_t value = 1; value <= 10; ++value)
    histogram.record(value);
  EXPECT_EQ(histogram.percentile_ns(0), 1U);
  EXPECT_EQ(histogram.percentile_ns(50), 5U);
  EXPECT_EQ(histogram.percentile_ns(50.1), 6U);
  EXPECT_EQ(histogram.percentile_ns(90), 9U);
  EXPECT_EQ(histogram.percentile_ns(100), 10U);
}

}  // namespace
}  // namespace vhdlab::reports
