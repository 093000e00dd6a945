// The names by which measured numbers are addressed: "reads.iops" is metric `iops` of the measurement named
// "reads". One table serves the scenario language (is this a metric?), the summaries, the charts and the
// tables.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reports/results/run_record.h"
#include "reports/statistics/compare.h"

namespace vhdlab::reports {

// Which kinds of measurement have it. `both`: workloads, merges and operations on checkpoints. A live merge
// has the metrics of workloads and of merges, too, but those of merges at rest.
enum class MetricScope { workload, merge, merge_at_rest, live_merge, both, checkpoints, damage };

struct Metric {
  std::string_view name;  // "latency_ns_p99"
  std::string_view unit;  // of the value: "1/s", "B/s", "ns", "s", "B", "1" (a plain count or ratio)
  Better better;          // which direction is good
  MetricScope scope;
  std::string_view description;  // "time below which 99 % of operations finish"
};

// Every metric there is, in the order tables show them.
[[nodiscard]] std::span<const Metric> metric_names();

// Null when there is none of that name. The name is without the measurement: "iops".
[[nodiscard]] const Metric* find_metric(std::string_view name);

// Metrics of checkpoints belong to merges, too: to those of what operations on checkpoints left pending.
[[nodiscard]] bool applies_to(const Metric& metric, MeasurementKind kind);

// Reads, writes, mixtures and replays: what has a rate.
[[nodiscard]] bool is_workload(MeasurementKind kind);

// Taking, applying and deleting.
[[nodiscard]] bool is_checkpoint_operation(MeasurementKind kind);

// What kind of measurement such a repeat belongs to, as far as its metrics go.
[[nodiscard]] MeasurementKind kind_of(const Repeat& repeat);

// The metric that says most about a measurement of this kind: "iops" or "duration_s".
[[nodiscard]] std::string_view main_metric(MeasurementKind kind);

// The metric's value in one repeat, in the metric's unit; absent when the repeat does not know it.
[[nodiscard]] std::optional<double> metric_value(const Repeat& repeat, std::string_view metric);

// The values of a metric in all repeats that know it, in the order of the repeats.
[[nodiscard]] std::vector<double> metric_values(const Measurement& measurement, std::string_view metric);

// Sets measurement.summaries from measurement.repeats; metrics no repeat knows are left out.
void summarise_measurement(Measurement& measurement);

// Null when the measurement has no such summary.
[[nodiscard]] const Summary* find_summary(const Measurement& measurement, std::string_view metric);

// Null when the point has no measurement of that name.
[[nodiscard]] const Measurement* find_measurement(const Point& point, std::string_view name);

// The word of the scenario language: "read", "merge", "delete_subtree".
[[nodiscard]] std::string_view kind_name(MeasurementKind kind);

// What is done, without how: "random 4 KiB reads", "merging all layers".
[[nodiscard]] std::string describe_operations(MeasurementKind kind, const Workload& workload);

// "one-pass" as words after a verb: "in one pass"; "pair by pair, newest first". Other names stay as they
// are.
[[nodiscard]] std::string merge_order_words(std::string_view order);

// "random 4 KiB reads, queue depth 16, direct"; "merging all layers in one pass". Leaves workload.description
// alone.
[[nodiscard]] std::string describe_workload(MeasurementKind kind, const Workload& workload);

}  // namespace vhdlab::reports
