// What progress looks like, by a clock that the test holds.
#include "scenarios/cli/progress_line.h"

#include <sstream>

#include <gtest/gtest.h>

#include "engine/base/bytes.h"

namespace vhdlab::scenarios {
namespace {

using namespace std::chrono_literals;

struct ProgressLineTest : testing::Test {
  std::ostringstream err;
  Nanoseconds time{0};

  ProgressLine line(ProgressLineSettings settings) {
    return {err, [this] { return time; }, settings};
  }
  std::string taken() {
    std::string text = err.str();
    err.str("");
    return text;
  }
};

TEST_F(ProgressLineTest, ShowsAmountShareRateAndTimeLeft) {
  // Goal: after a second at 100 MiB/s of 400 MiB, three seconds are left.
  auto progress = line({.is_terminal = true});
  progress.stage("copying", ProgressUnit::bytes);
  progress.update(0, 400 * mib);
  taken();
  time = 1s;
  progress.update(100 * mib, 400 * mib);
  EXPECT_EQ(taken(), "\r\x1b[Kcopying  100 MiB of 400 MiB  25 %  100 MiB/s  3 s left");
}

TEST_F(ProgressLineTest, ShowsAtMostTenLinesASecond) {
  // Goal: work that tells a thousand times a second is not slowed by its terminal.
  auto progress = line({.is_terminal = true});
  progress.stage("copying", ProgressUnit::bytes);
  size_t shown = 0;
  for (int i = 0; i < 1000; ++i) {
    taken();
    time += 1ms;
    progress.update(i, 1000);
    shown += taken().empty() ? 0 : 1;
  }
  EXPECT_EQ(shown, 10U);
}

TEST_F(ProgressLineTest, ClearsItsLineAtTheEndAndOnlyThen) {
  // Goal: results stand on a clean line; finishing twice writes nothing more.
  auto progress = line({.is_terminal = true});
  progress.finished();
  EXPECT_EQ(taken(), "");
  progress.stage("copying", ProgressUnit::steps);
  taken();
  progress.finished();
  EXPECT_EQ(taken(), "\r\x1b[K");
  progress.finished();
  EXPECT_EQ(taken(), "");
}

TEST_F(ProgressLineTest, WritesPlainLinesNowAndThenElsewhere) {
  // Goal: a log gets no control characters, and nothing at all from short work.
  auto progress = line({.is_terminal = false, .interval = 10s});
  progress.stage("copying", ProgressUnit::steps);
  progress.update(1, 10);
  time = 9s;
  progress.update(2, 10);
  EXPECT_EQ(taken(), "");
  time = 11s;
  progress.update(5, 11);
  progress.finished();
  EXPECT_EQ(taken(), "copying  5 of 11  45 %  17 s left\n");
}

TEST_F(ProgressLineTest, PrefersThePlanOfAllTheWork) {
  // Goal: where the caller has told how long everything takes, one stage's guess does not replace it.
  auto progress = line({.is_terminal = true});
  progress.time_left(60s);
  progress.stage("reads", ProgressUnit::nanoseconds);
  taken();
  time = 1s;
  progress.update(1'000'000'000, 3'000'000'000);
  EXPECT_EQ(taken(), "\r\x1b[Kreads  1 s of 3 s  33 %  59 s left in all");
}

TEST_F(ProgressLineTest, SurvivesTotalsThatMakeNoSense) {
  // Goal: no division by zero, no share over 100 %, no overflow of the time left.
  auto progress = line({.is_terminal = true, .width_columns = 200});
  progress.stage("odd", ProgressUnit::steps);
  progress.update(0, 0);
  time = 1s;
  progress.update(7, 0);
  time = 2s;
  progress.update(9, 3);
  time = 3s;
  progress.update(10, UINT64_MAX);
  EXPECT_NE(taken().find("100 %"), std::string::npos);
}

}  // namespace
}  // namespace vhdlab::scenarios
