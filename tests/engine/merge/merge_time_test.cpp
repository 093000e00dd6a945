// How long a merge takes, and the pace it keeps: arithmetic, held against the law and a simulated iteration.
#include "engine/merge/merge_time.h"

#include <gtest/gtest.h>

#include "engine/base/bytes.h"
#include "engine/merge/pace.h"

namespace vhdlab::tests {
namespace {

TEST(SecondsToMerge, FollowTheLawOfIteratedCopying) {
  // Goal: D / (C - W). Method: add up the rounds, each copying what was written during the one before.
  for (const double write_rate : {0.0, 10.0, 50.0, 99.0}) {
    double seconds = 0;
    double delta = 1000;
    for (int round = 0; round < 10'000; ++round) {
      const double took = delta / 100;
      seconds += took;
      delta = took * write_rate;
    }
    const auto told = seconds_to_merge(1000, {.copy_bytes_per_s = 100, .write_bytes_per_s = write_rate});
    ASSERT_TRUE(told) << write_rate;
    EXPECT_NEAR(*told, seconds, 1e-6 * seconds) << write_rate;
  }
}

TEST(SecondsToMerge, AreNeverWhereWritesComeAsFastAsTheyAreCopied) {
  EXPECT_EQ(seconds_to_merge(1, {.copy_bytes_per_s = 100, .write_bytes_per_s = 100}), std::nullopt);
  EXPECT_EQ(seconds_to_merge(1, {.copy_bytes_per_s = 100, .write_bytes_per_s = 101}), std::nullopt);
  EXPECT_EQ(seconds_to_merge(1, {}), std::nullopt) << "nothing has been copied yet";
  EXPECT_EQ(seconds_to_merge(0, {.copy_bytes_per_s = 1, .write_bytes_per_s = 9}), 0.0) << "nothing is left";
}

TEST(Pace, LetsNoMoreThanItsRateThrough) {
  // Goal: n bytes take n / rate, whatever the pieces. Method: wait as told, on a clock of numbers.
  for (const uint64_t piece : {uint64_t{1} * kib, 64 * kib, 1 * mib}) {
    Pace pace(10 * mib, Nanoseconds{0});
    Nanoseconds now{0};
    for (uint64_t sent = 0; sent <= 20 * mib; sent += piece)
      now += pace.wait_before(piece, now);
    EXPECT_NEAR(static_cast<double>(now.count()), 2e9, 1e7) << piece;
  }
}

TEST(Pace, DoesNotSaveUpIdleTime) {
  // An hour of nothing buys one piece, not an hour of them.
  Pace pace(1 * mib, Nanoseconds{0});
  const Nanoseconds later = std::chrono::hours(1);
  EXPECT_EQ(pace.wait_before(mib, later).count(), 0);
  EXPECT_EQ(pace.wait_before(mib, later), std::chrono::seconds(1));
}

TEST(Pace, WithoutALimitNeverWaits) {
  Pace pace(0, Nanoseconds{0});
  EXPECT_EQ(pace.wait_before(uint64_t{1} << 60, Nanoseconds{0}).count(), 0);
  EXPECT_EQ(pace.wait_before(uint64_t{1} << 60, Nanoseconds{0}).count(), 0);
  EXPECT_EQ(pace.piece_bytes_max(32 * mib), 32 * mib);
}

TEST(Pace, CutsPiecesToATenthOfASecond) {
  EXPECT_EQ(Pace(100 * mib, Nanoseconds{0}).piece_bytes_max(64 * mib), 8 * mib);
  EXPECT_EQ(Pace(1, Nanoseconds{0}).piece_bytes_max(64 * mib), 64 * kib);
  EXPECT_EQ(Pace(100 * gib, Nanoseconds{0}).piece_bytes_max(64 * mib), 64 * mib);
}

}  // namespace
}  // namespace vhdlab::tests
