// When a queue counts as growing, and what is said then.
#include "scenarios/targets/overload.h"

#include <gtest/gtest.h>

namespace vhdlab::scenarios {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Overload, CountsWhatNobodyBeganByTheRate) {
  // Goal: no walk over arrivals, however many wait. Method: half the time is left at a million a second.
  EXPECT_EQ(operations_behind({.per_second = 1e6,
                               .done = 10,
                               .last_done = seconds(100),
                               .next_due = seconds(50),
                               .deadline = seconds(100)}),
            50'000'000U);
}

TEST(Overload, CountsWhatWasDoneAfterTheLastArrival) {
  // Method: 1,000 operations in ten seconds, of which the last arrived after five.
  EXPECT_EQ(
      operations_behind({.per_second = 200, .done = 1000, .last_done = seconds(10), .last_due = seconds(5)}),
      500U);
}

TEST(Overload, IsToldForAGrowingQueueAlone) {
  // Goal: a busy queue is no overload. Method: few behind of many, many behind of few, and no arrivals.
  const PerformSettings arriving{.arrivals_per_s = 1000};
  PerformOutcome outcome{.duration_s = 2, .operations_behind = 150};
  outcome.all.operations = 1'000'000;
  EXPECT_FALSE(overload_note(outcome, arriving));
  outcome.all.operations = 1000;
  const auto note = overload_note(outcome, arriving);
  ASSERT_TRUE(note);
  EXPECT_EQ(note->name, "overload");
  EXPECT_EQ(
      note->text,
      "operations arrive at 1000/s and 500/s are answered: about 150 were waiting when the last one arrived, "
      "so latencies grow with the length of the step and say nothing else");
  EXPECT_FALSE(overload_note(outcome, {}));
}

}  // namespace
}  // namespace vhdlab::scenarios
