// Arrivals: a Poisson process whose times are a function of the number.
#include "scenarios/workload/arrivals.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "scenarios/workload/pattern_stream.h"

namespace vhdlab::scenarios {
namespace {

std::unique_ptr<OperationStream> reads(double per_second, uint64_t seed = 7) {
  auto stream = make_pattern_stream({.range = {0, 1 * mib}}, stream_seeds(seed, 1));
  return with_arrivals(std::move(*stream), per_second, seed);
}

TEST(Arrivals, ComeAtTheRateWithTheSpreadOfAPoissonProcess) {
  // Goal: the law behind every open queue. Method: 200,000 intervals: their mean is the rate's, and their
  // standard deviation is their mean.
  const auto stream = reads(2000);
  constexpr uint64_t count = 200'000;
  double sum = 0;
  double squares = 0;
  Nanoseconds last{0};
  for (uint64_t i = 0; i < count; ++i) {
    const Nanoseconds time = stream->issued_at(i);
    const auto interval = static_cast<double>((time - last).count());
    last = time;
    sum += interval;
    squares += interval * interval;
  }
  const double mean = sum / count;
  EXPECT_NEAR(mean, 500'000, 5'000);
  EXPECT_NEAR(std::sqrt(squares / count - mean * mean), 500'000, 10'000);
}

TEST(Arrivals, AreAFunctionOfTheNumber) {
  // Goal: whoever asks, in whatever order, gets the same times. Method: forwards, backwards and by leaps.
  const auto forwards = reads(1000);
  std::vector<Nanoseconds> times;
  for (uint64_t i = 0; i < 10'000; ++i)
    times.push_back(forwards->issued_at(i));
  const auto leaping = reads(1000);
  for (uint64_t i = 0; i < 10'000; ++i) {
    const uint64_t number = i * 7919 % 10'000;
    ASSERT_EQ(leaping->issued_at(number), times[number]) << number;
  }
  for (uint64_t i = 10'000; i-- > 0;)
    ASSERT_EQ(forwards->issued_at(i), times[i]) << i;
  EXPECT_NE(reads(1000, 8)->issued_at(0), times[0]);
  EXPECT_EQ(forwards->at(17), reads(5)->at(17));  // the operations are the stream's own
}

}  // namespace
}  // namespace vhdlab::scenarios
