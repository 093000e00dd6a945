// Which variable of a sweep is the axis, and which lines stand over it.
#include "reports/findings/sweep_view.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/reports/sample_records.h"

namespace vhdlab::reports {
namespace {

TEST(SweepView, ReadsAlongDepth) {
  // Goal: depth is the axis, ascending. Method: a depth sweep whose points ran backwards.
  RunRecord record = samples::read_degradation();
  std::ranges::reverse(record.points);
  const SweepView view = view_of(record);
  ASSERT_EQ(view.axis, 0U);
  EXPECT_TRUE(view.numeric);
  ASSERT_EQ(view.curves.size(), 1U);
  EXPECT_EQ(view.curves[0].points.front()->parameters[0].text, "0");
  EXPECT_EQ(view.curves[0].points.back()->parameters[0].text, "50");
}

TEST(SweepView, PartsCurvesByTheOtherVariables) {
  // Goal: layers x changed x order gives four curves over changed. Method: the merge sweep.
  const RunRecord record = samples::merge_cost();
  const SweepView view = view_of(record);
  EXPECT_EQ(view.axis, 1U);
  ASSERT_EQ(view.curves.size(), 4U);
  EXPECT_EQ(label_of(view.curves[0].fixed), "layers 4, order one-pass");
  EXPECT_EQ(view.curves[0].points.size(), 4U);
}

TEST(SweepView, TakesNamesForAnAxisWhereThereAreNoNumbers) {
  // Goal: categorical sweeps work. Method: walk and index.
  const RunRecord record = samples::walk_or_index();
  EXPECT_EQ(view_of(record).axis, 0U);
  EXPECT_FALSE(view_of(record).numeric);
}

TEST(SweepView, HasNoAxisForASinglePoint) {
  // Goal: nothing varies, nothing is invented. Method: one point; no point.
  const RunRecord record = samples::single_point();
  EXPECT_FALSE(view_of(record).axis);
  EXPECT_EQ(view_of(record).curves.size(), 1U);
  const RunRecord empty;
  EXPECT_TRUE(view_of(empty).curves.empty());
}

TEST(RunNames, TellRunsApartByWhatDiffers) {
  // Goal: "engine" and "sim" in one report. Method: two targets; two equal runs.
  const RunRecord engine = samples::read_degradation("engine");
  const RunRecord sim = samples::read_degradation("sim");
  EXPECT_EQ(run_names({&engine, &sim}), (std::vector<std::string>{"engine", "sim"}));
  EXPECT_EQ(run_names({&engine, &engine}), (std::vector<std::string>{"run 1", "run 2"}));
  EXPECT_EQ(run_names({&engine}), std::vector<std::string>{"read-degradation"});
}

}  // namespace
}  // namespace vhdlab::reports
