// The course of a merge of the leaf, against the law D / (C - W) and for every way it can go.
#include "engine/merge/live_course.h"

#include <cmath>

#include <gtest/gtest.h>

namespace vhdlab::tests {
namespace {

// What a merge at rate `copy` does of `delta` under writes at rate `write`, all in bytes and seconds.
struct Played {
  LiveStep end = LiveStep::another_pass;
  uint32_t passes = 0;
  double seconds = 0;
};

Played play(double delta, double copy, double write, const LiveLimits& limits = {}) {
  LiveCourse course(limits);
  Played played;
  while (played.end == LiveStep::another_pass) {
    const double seconds = delta / copy;
    const double left = seconds * write;
    played.end = course.after_pass(static_cast<uint64_t>(delta), static_cast<uint64_t>(left));
    played.seconds += seconds;
    ++played.passes;
    delta = left;
  }
  played.seconds += delta / copy;
  return played;
}

TEST(LiveCourse, TakesTheTimeTheLawSays) {
  // Goal: passes add up to D / (C - W), but for the rest that is merged at once. Method: play W/C up to 0.95.
  for (const double share : {0.0, 0.1, 0.5, 0.75, 0.9, 0.95}) {
    const double delta = 1.0 * gib;
    const double copy = 100.0 * mib;
    const Played played = play(delta, copy, share * copy);
    EXPECT_EQ(played.end, LiveStep::end_in_pause) << share;
    const double law = *seconds_to_merge(static_cast<uint64_t>(delta), {copy, share * copy});
    const double cut_off = 4.0 * mib / (copy - share * copy);  // the rest's own series
    EXPECT_LE(played.seconds, law * 1.000001) << share;
    EXPECT_GE(played.seconds, law - cut_off) << share;
  }
}

TEST(LiveCourse, GivesUpAfterTwoPassesThatDoNotShrink) {
  for (const double share : {0.98, 1.0, 1.5, 10.0}) {
    const Played played = play(1.0 * gib, 100.0 * mib, share * 100.0 * mib);
    EXPECT_EQ(played.end, LiveStep::give_up) << share;
    EXPECT_EQ(played.passes, 2U) << share;
  }
}

TEST(LiveCourse, ForgivesOnePassThatDidNotShrink) {
  LiveCourse course({});
  EXPECT_EQ(course.after_pass(100 * mib, 120 * mib), LiveStep::another_pass);
  EXPECT_EQ(course.after_pass(120 * mib, 60 * mib), LiveStep::another_pass);
  EXPECT_EQ(course.after_pass(60 * mib, 70 * mib), LiveStep::another_pass);
  EXPECT_EQ(course.after_pass(70 * mib, 4 * mib), LiveStep::end_in_pause);
}

TEST(LiveCourse, IsBoundedInPasses) {
  // Goal: always an end. Method: a rest that shrinks by a tenth each time and is never small enough.
  LiveCourse course({.pause_bytes_max = 0, .passes_max = 5});
  uint64_t left = 1 * gib;
  uint32_t passes = 0;
  for (LiveStep step = LiveStep::another_pass; step == LiveStep::another_pass; ++passes) {
    step = course.after_pass(left, left / 10 * 9);
    left = left / 10 * 9;
  }
  EXPECT_EQ(passes, 5U);
}

TEST(LiveCourse, SaysWhyItGaveUpWithBothRates) {
  EXPECT_EQ(LiveCourse::why_not({.bytes_merged = 100 * mib, .duration_s = 2, .bytes_written = 240 * mib}),
            "cannot finish: the guest writes 120 MiB/s, the merge copies 50 MiB/s");
}

TEST(LiveForecast, CountsWhatIsLeftOfThePassAndWhatWasWrittenMeanwhile) {
  const LiveForecast expected = forecast(100 * mib, 400 * mib, 50 * mib, 2);
  ASSERT_TRUE(expected.seconds_left);
  EXPECT_DOUBLE_EQ(*expected.seconds_left, 350.0 / (50 - 25));
  EXPECT_FALSE(expected.cannot_finish());
}

TEST(LiveForecast, NamesNoTimeWhereThereIsNone) {
  EXPECT_TRUE(forecast(100 * mib, 400 * mib, 100 * mib, 2).cannot_finish());
  EXPECT_FALSE(forecast(100 * mib, 400 * mib, 100 * mib, 2).seconds_left);
  EXPECT_FALSE(forecast(0, 400 * mib, 0, 0).seconds_left) << "nothing is known yet";
  EXPECT_FALSE(forecast(0, 400 * mib, 0, 0).cannot_finish());
}

}  // namespace
}  // namespace vhdlab::tests
