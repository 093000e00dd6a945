// Numbers as people read them.
#include "reports/results/number_text.h"

#include <gtest/gtest.h>

namespace vhdlab::reports {
namespace {

TEST(NumberText, KeepsThreeDigitsAndChoosesTheUnit) {
  // Goal: one look everywhere. Method: values on both sides of each boundary.
  EXPECT_EQ(value_text(310, "ns"), "310 ns");
  EXPECT_EQ(value_text(999.6, "ns"), "1.00 us");
  EXPECT_EQ(value_text(12400, "ns"), "12.4 us");
  EXPECT_EQ(value_text(1.5, "s"), "1.50 s");
  EXPECT_EQ(value_text(125, "s"), "2 min 5 s");
  EXPECT_EQ(value_text(1023.9, "B"), "1.00 KiB");
  EXPECT_EQ(value_text(1.3 * 1024 * 1024 * 1024, "B"), "1.30 GiB");
  EXPECT_EQ(value_text(50.5 * 1024 * 1024, "B/s"), "50.5 MiB/s");
  EXPECT_EQ(value_text(12345, "1/s"), "12,345");
  EXPECT_EQ(value_text(0.712, "%"), "71 %");
  EXPECT_EQ(value_text(0.0312, "%"), "3.1 %");
  EXPECT_EQ(value_text(0, "ns"), "0 ns");
}

TEST(NumberText, WritesASharedUnitOnce) {
  // Goal: short intervals. Method: ends in one unit and in two.
  EXPECT_EQ(span_text(31200, 35800, "ns"), "31.2 to 35.8 us");
  EXPECT_EQ(span_text(900, 1100, "ns"), "900 ns to 1.10 us");
  EXPECT_EQ(span_text(0.68, 0.74, "%"), "68 to 74 %");
  EXPECT_EQ(span_text(1, 2, "1"), "1 to 2");
}

}  // namespace
}  // namespace vhdlab::reports
