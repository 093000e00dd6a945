// The names of measured numbers, and the values behind them.
#include "reports/results/metrics.h"

#include <set>

#include <gtest/gtest.h>

#include "tests/reports/sample_records.h"

namespace vhdlab::reports {
namespace {

TEST(Metrics, HaveDistinctNamesUnitsAndDescriptions) {
  // Goal: a table others can check against. Method: walk it.
  std::set<std::string_view> names;
  for (const Metric& metric : metric_names()) {
    EXPECT_TRUE(names.insert(metric.name).second) << metric.name;
    EXPECT_FALSE(metric.unit.empty()) << metric.name;
    EXPECT_FALSE(metric.description.empty()) << metric.name;
    EXPECT_EQ(find_metric(metric.name)->name, metric.name);
  }
  EXPECT_EQ(find_metric("reads.iops"), nullptr);
}

TEST(Metrics, FollowFromTheFieldsOfARepeat) {
  // Goal: the arithmetic. Method: a repeat and a merge with round numbers.
  Repeat repeat;
  repeat.duration_s = 2;
  repeat.all = {.operations = 1000, .bytes = 4096000, .latency = {}};
  repeat.files = {{.file = "a",
                   .read_operations = 1,
                   .write_operations = 0,
                   .bytes_read = 10,
                   .bytes_written = 5,
                   .flushes = 1},
                  {.file = "b",
                   .read_operations = 1,
                   .write_operations = 0,
                   .bytes_read = 20,
                   .bytes_written = 0,
                   .flushes = 2}};
  EXPECT_EQ(metric_value(repeat, "iops"), 500);
  EXPECT_EQ(metric_value(repeat, "bytes_per_s"), 2048000);
  EXPECT_EQ(metric_value(repeat, "bytes_read"), 30);
  EXPECT_EQ(metric_value(repeat, "flushes"), 3);
  EXPECT_FALSE(metric_value(repeat, "latency_ns_p99"));
  EXPECT_FALSE(metric_value(repeat, "write_amplification"));
  repeat.merge = MergeTotals{.layers_merged = 3,
                             .bytes_moved = 100,
                             .bytes_zeroed = 0,
                             .bytes_read = 120,
                             .bytes_written = 150,
                             .union_bytes = 100,
                             .free_space_peak_bytes = 0};
  EXPECT_EQ(metric_value(repeat, "write_amplification"), 1.5);
  EXPECT_EQ(metric_value(repeat, "moved_bytes_per_s"), 50);
}

TEST(Metrics, AreAbsentWithoutTime) {
  // Goal: no division by zero. Method: a repeat that took no time.
  EXPECT_FALSE(metric_value(Repeat{}, "iops"));
}

TEST(Metrics, OfAMergeAreNotThoseOfAWorkload) {
  // Goal: the scenario language can refuse merge.iops. Method: both kinds.
  EXPECT_FALSE(applies_to(*find_metric("iops"), MeasurementKind::merge));
  EXPECT_TRUE(applies_to(*find_metric("iops"), MeasurementKind::replay));
  EXPECT_TRUE(applies_to(*find_metric("duration_s"), MeasurementKind::merge));
  EXPECT_FALSE(applies_to(*find_metric("bytes_moved"), MeasurementKind::read));
}

TEST(Metrics, OfCheckpointsBelongToOperationsAndTheMergesBehindThem) {
  // Goal: take.iops is refused, merge.space_after_bytes is not. Method: each scope against each kind.
  const Metric& space = *find_metric("space_after_bytes");
  EXPECT_TRUE(applies_to(space, MeasurementKind::delete_subtree));
  EXPECT_TRUE(applies_to(space, MeasurementKind::merge));
  EXPECT_FALSE(applies_to(space, MeasurementKind::read));
  EXPECT_FALSE(applies_to(space, MeasurementKind::damage));
  EXPECT_FALSE(applies_to(*find_metric("iops"), MeasurementKind::take_checkpoint));
  EXPECT_TRUE(applies_to(*find_metric("bytes_written"), MeasurementKind::apply_checkpoint));
  EXPECT_TRUE(applies_to(*find_metric("duration_s"), MeasurementKind::damage));
  EXPECT_FALSE(applies_to(*find_metric("bytes_written"), MeasurementKind::damage));
  const RunRecord record = samples::machine_history();
  const Measurement& damage = *find_measurement(record.points[1], "damage");
  EXPECT_EQ(find_summary(damage, "restore_points_lost_max")->median, 9);
  EXPECT_EQ(find_summary(damage, "restore_points_unforeseen")->median, 1);
}

TEST(Metrics, SummariseInTheOrderOfTheTable) {
  // Goal: tables need no sorting. Method: the summaries' names appear in the table's order.
  const Measurement reads = samples::reads_at({100, 200, 300});
  ASSERT_NE(find_summary(reads, "iops"), nullptr);
  EXPECT_EQ(find_summary(reads, "iops")->median, 200);
  EXPECT_EQ(reads.summaries.front().metric, "iops");
  EXPECT_EQ(find_summary(reads, "latency_ns_p50"), nullptr);
}

TEST(DescribeWorkload, SpeaksTheScenariosWords) {
  // Goal: one line for people. Method: a read, a mixed workload, a replay, merges.
  Workload workload;
  workload.pattern = "random";
  workload.block_size_bytes = 4096;
  workload.queue_depth = 16;
  workload.direct = true;
  EXPECT_EQ(describe_workload(MeasurementKind::read, workload), "random 4 KiB reads, queue depth 16, direct");
  workload.read_share = 0.7;
  workload.direct = false;
  EXPECT_EQ(describe_workload(MeasurementKind::mixed, workload),
            "random 4 KiB operations, 70 % of them reads, queue depth 16, through the page cache");
  Workload replay;
  replay.trace = "mail.csv";
  EXPECT_EQ(describe_workload(MeasurementKind::replay, replay), "operations replayed from mail.csv");
  Workload merge;
  merge.merge_range = "all";
  merge.merge_order = "pairwise-newest-first";
  EXPECT_EQ(describe_workload(MeasurementKind::merge, merge),
            "merging all layers pair by pair, newest first");
  Workload checkpoint;
  checkpoint.checkpoint = "oldest";
  EXPECT_EQ(describe_workload(MeasurementKind::delete_subtree, checkpoint),
            "deleting the oldest checkpoint and all below it");
  checkpoint.checkpoint = "monday";
  EXPECT_EQ(describe_workload(MeasurementKind::apply_checkpoint, checkpoint), "applying checkpoint monday");
}

TEST(Metrics, OfALiveMergeAreThoseOfItsWorkloadOfItsBytesAndItsOwn) {
  // Goal: scopes and arithmetic. Method: a merge of three passes and a rest, and one that gave up.
  const auto of = [](size_t point, std::string_view metric) {
    return metric_value(samples::live_merge().points[point].measurements[0].repeats[0], metric);
  };
  EXPECT_DOUBLE_EQ(*of(0, "finished"), 1);
  EXPECT_DOUBLE_EQ(*of(1, "finished"), 0);
  EXPECT_DOUBLE_EQ(*of(0, "live_passes"), 4);
  EXPECT_DOUBLE_EQ(*of(0, "pause_s_total"), 0.04);
  EXPECT_DOUBLE_EQ(*of(0, "pause_s_max"), 0.02);
  EXPECT_DOUBLE_EQ(*of(0, "changed_bytes_per_s"), 84.0 * 1024 * 1024 / 10.5);
  EXPECT_DOUBLE_EQ(*of(0, "duration_to_estimate"), 10.5 / 16);
  EXPECT_FALSE(of(1, "duration_to_estimate")) << "it was not seen to end";
  for (const char* metric : {"iops", "latency_ns_p99", "bytes_moved", "finished", "duration_s"})
    EXPECT_TRUE(applies_to(*find_metric(metric), MeasurementKind::live_merge)) << metric;
  EXPECT_FALSE(applies_to(*find_metric("write_amplification"), MeasurementKind::live_merge));
  EXPECT_FALSE(applies_to(*find_metric("finished"), MeasurementKind::merge));
  EXPECT_FALSE(applies_to(*find_metric("pause_s_max"), MeasurementKind::write));
}

}  // namespace
}  // namespace vhdlab::reports
