// The table of metrics, and the arithmetic that turns a repeat into its numbers.
#include "reports/results/metrics.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "engine/base/units.h"

namespace vhdlab::reports {
namespace {

using Value = std::optional<double>;

Value per_second(uint64_t count, double duration_s) {
  if (duration_s <= 0) return std::nullopt;
  return static_cast<double>(count) / duration_s;
}

// A number of the repeat's latencies; absent where operations were not timed.
template <typename T>
Value of(const OperationTotals& totals, T Latency::* field) {
  if (!totals.latency) return std::nullopt;
  return static_cast<double>((*totals.latency).*field);
}

template <typename T>
Value of(const std::optional<OperationTotals>& totals, T Latency::* field) {
  return totals ? of(*totals, field) : std::nullopt;
}

Value of(const Repeat& repeat, uint64_t MergeTotals::* field) {
  if (!repeat.merge) return std::nullopt;
  return static_cast<double>((*repeat.merge).*field);
}

Value of(const Repeat& repeat, uint64_t CheckpointTotals::* field) {
  if (!repeat.checkpoints) return std::nullopt;
  return static_cast<double>((*repeat.checkpoints).*field);
}

// Summed over the damaged files.
Value of_damage(const Repeat& repeat, std::vector<std::string> DamagedFile::* field) {
  if (!repeat.damage) return std::nullopt;
  size_t sum = 0;
  for (const DamagedFile& file : repeat.damage->files)
    sum += (file.*field).size();
  return static_cast<double>(sum);
}

// Of the file that takes the most restore points with it.
Value most_lost(const Repeat& repeat) {
  if (!repeat.damage) return std::nullopt;
  size_t most = 0;
  for (const DamagedFile& file : repeat.damage->files)
    most = std::max(most, file.lost.size());
  return static_cast<double>(most);
}

// A number of all passes of a live merge.
template <typename Count>
Value of_passes(const Repeat& repeat, const Count& count) {
  return repeat.live ? Value(count(repeat.live->passes)) : std::nullopt;
}

double sum_of(const std::vector<LiveMergePass>& passes, double LiveMergePass::* field) {
  double sum = 0;
  for (const LiveMergePass& pass : passes)
    sum += pass.*field;
  return sum;
}

// A sum over the backing files; absent where their traffic was not watched.
Value sum_over_files(const Repeat& repeat, uint64_t FileTraffic::* field) {
  if (repeat.files.empty()) return std::nullopt;
  uint64_t sum = 0;
  for (const FileTraffic& file : repeat.files)
    sum += file.*field;
  return static_cast<double>(sum);
}

struct Row {
  Metric metric;
  Value (*value)(const Repeat&);
};

constexpr auto higher = Better::higher;
constexpr auto lower = Better::lower;
constexpr auto workload = MetricScope::workload;
constexpr auto merge = MetricScope::merge;
constexpr auto checkpoints = MetricScope::checkpoints;
constexpr auto damage = MetricScope::damage;
constexpr auto at_rest = MetricScope::merge_at_rest;
constexpr auto live = MetricScope::live_merge;

constexpr std::array rows = {
    Row{{"iops", "1/s", higher, workload, "operations finished per second"},
        [](const Repeat& r) { return per_second(r.all.operations, r.duration_s); }},
    Row{{"bytes_per_s", "B/s", higher, workload, "guest bytes moved per second"},
        [](const Repeat& r) { return per_second(r.all.bytes, r.duration_s); }},
    Row{{"latency_ns_p50", "ns", lower, workload, "time within which half of the operations finish"},
        [](const Repeat& r) { return of(r.all, &Latency::p50_ns); }},
    Row{{"latency_ns_p90", "ns", lower, workload, "time within which 90 % of the operations finish"},
        [](const Repeat& r) { return of(r.all, &Latency::p90_ns); }},
    Row{{"latency_ns_p99", "ns", lower, workload, "time within which 99 % of the operations finish"},
        [](const Repeat& r) { return of(r.all, &Latency::p99_ns); }},
    Row{{"latency_ns_p999", "ns", lower, workload, "time within which 99.9 % of the operations finish"},
        [](const Repeat& r) { return of(r.all, &Latency::p999_ns); }},
    Row{{"latency_ns_mean", "ns", lower, workload, "mean time of an operation"},
        [](const Repeat& r) { return of(r.all, &Latency::mean_ns); }},
    Row{{"latency_ns_min", "ns", lower, workload, "time of the fastest operation"},
        [](const Repeat& r) { return of(r.all, &Latency::min_ns); }},
    Row{{"latency_ns_max", "ns", lower, workload, "time of the slowest operation"},
        [](const Repeat& r) { return of(r.all, &Latency::max_ns); }},
    Row{{"read_iops", "1/s", higher, workload, "reads per second of a mixed workload or a replay"},
        [](const Repeat& r) {
          return r.reads ? per_second(r.reads->operations, r.duration_s) : std::nullopt;
        }},
    Row{{"write_iops", "1/s", higher, workload, "writes per second of a mixed workload or a replay"},
        [](const Repeat& r) {
          return r.writes ? per_second(r.writes->operations, r.duration_s) : std::nullopt;
        }},
    Row{{"read_latency_ns_p50", "ns", lower, workload, "time within which half of the reads finish"},
        [](const Repeat& r) { return of(r.reads, &Latency::p50_ns); }},
    Row{{"read_latency_ns_p99", "ns", lower, workload, "time within which 99 % of the reads finish"},
        [](const Repeat& r) { return of(r.reads, &Latency::p99_ns); }},
    Row{{"write_latency_ns_p50", "ns", lower, workload, "time within which half of the writes finish"},
        [](const Repeat& r) { return of(r.writes, &Latency::p50_ns); }},
    Row{{"write_latency_ns_p99", "ns", lower, workload, "time within which 99 % of the writes finish"},
        [](const Repeat& r) { return of(r.writes, &Latency::p99_ns); }},
    Row{{"cpu_ns_per_operation", "ns", lower, workload, "processor time of the process for one operation"},
        [](const Repeat& r) { return r.cpu_ns_per_operation; }},
    Row{{"layers_probed_per_read", "1", lower, workload, "layers asked before the data was found, per read"},
        [](const Repeat& r) { return r.layers_probed_per_read; }},
    Row{{"metadata_reads", "1", lower, workload, "pieces of metadata fetched from files"},
        [](const Repeat& r) {
          return r.metadata_reads ? Value(static_cast<double>(*r.metadata_reads)) : std::nullopt;
        }},
    Row{{"metadata_hit_share", "1", higher, workload, "share of metadata lookups answered from memory"},
        [](const Repeat& r) { return r.metadata_hit_share; }},
    Row{{"operations", "1", higher, workload, "operations finished"},
        [](const Repeat& r) { return Value(static_cast<double>(r.all.operations)); }},
    Row{{"duration_s", "s", lower, MetricScope::both, "time the step took"},
        [](const Repeat& r) { return Value(r.duration_s); }},
    Row{{"moved_bytes_per_s", "B/s", higher, merge, "guest data moved per second of merging"},
        [](const Repeat& r) {
          return r.merge ? per_second(r.merge->bytes_moved, r.duration_s) : std::nullopt;
        }},
    Row{{"bytes_moved", "B", lower, merge, "guest data copied into the target of the merge"},
        [](const Repeat& r) { return of(r, &MergeTotals::bytes_moved); }},
    Row{{"bytes_zeroed", "B", lower, merge, "guest ranges made zero in the target of the merge"},
        [](const Repeat& r) { return of(r, &MergeTotals::bytes_zeroed); }},
    Row{{"union_bytes", "B", lower, merge, "guest bytes that any merged layer holds"},
        [](const Repeat& r) { return of(r, &MergeTotals::union_bytes); }},
    Row{{"write_amplification", "1", lower, at_rest,
         "bytes written to files per guest byte that any merged layer holds"},
        [](const Repeat& r) -> Value {
          if (!r.merge || r.merge->union_bytes == 0) return std::nullopt;
          return static_cast<double>(r.merge->bytes_written) / static_cast<double>(r.merge->union_bytes);
        }},
    Row{{"layers_merged", "1", higher, merge, "layers that went into the target"},
        [](const Repeat& r) { return of(r, &MergeTotals::layers_merged); }},
    Row{{"free_space_peak_bytes", "B", lower, at_rest, "extra space taken at the worst moment"},
        [](const Repeat& r) { return of(r, &MergeTotals::free_space_peak_bytes); }},
    Row{{"finished", "1", higher, live, "1 where the merge came to its end, 0 where it gave up"},
        [](const Repeat& r) { return r.live ? Value(r.live->finished ? 1 : 0) : std::nullopt; }},
    Row{{"live_passes", "1", lower, live,
         "passes over what had changed, the rest in the last pause included"},
        [](const Repeat& r) {
          return of_passes(r, [](const auto& passes) { return static_cast<double>(passes.size()); });
        }},
    Row{{"pause_s_total", "s", lower, live, "time in which the workload's I/O waited for the merge"},
        [](const Repeat& r) {
          return of_passes(r, [](const auto& passes) { return sum_of(passes, &LiveMergePass::pause_s); });
        }},
    Row{{"pause_s_max", "s", lower, live, "the longest such pause"},
        [](const Repeat& r) {
          return of_passes(r, [](const auto& passes) {
            double longest = 0;
            for (const LiveMergePass& pass : passes)
              longest = std::max(longest, pass.pause_s);
            return longest;
          });
        }},
    Row{{"changed_bytes_per_s", "B/s", lower, live,
         "what the workload changed per second and the merge had to move after it"},
        [](const Repeat& r) -> Value {
          if (!r.live) return std::nullopt;
          uint64_t bytes = 0;
          for (const LiveMergePass& pass : r.live->passes)
            bytes += pass.bytes_written;
          if (bytes == 0) return std::nullopt;  // nothing was, or the merge lay below what was written
          return per_second(bytes, sum_of(r.live->passes, &LiveMergePass::duration_s));
        }},
    Row{{"estimated_s", "s", lower, live,
         "time the merge was expected to take, a tenth of the first pass in"},
        [](const Repeat& r) { return r.live ? r.live->estimated_s : std::nullopt; }},
    Row{{"duration_to_estimate", "1", lower, live, "time the merge took, per second it was expected to take"},
        [](const Repeat& r) -> Value {
          if (!r.live || !r.live->finished || r.live->estimated_s.value_or(0) <= 0) return std::nullopt;
          return r.duration_s / *r.live->estimated_s;
        }},
    Row{{"bytes_read", "B", lower, MetricScope::both, "bytes read from backing files, metadata included"},
        [](const Repeat& r) {
          return r.merge ? of(r, &MergeTotals::bytes_read) : sum_over_files(r, &FileTraffic::bytes_read);
        }},
    Row{{"bytes_written", "B", lower, MetricScope::both, "bytes written to backing files, metadata included"},
        [](const Repeat& r) {
          return r.merge ? of(r, &MergeTotals::bytes_written)
                         : sum_over_files(r, &FileTraffic::bytes_written);
        }},
    Row{{"flushes", "1", lower, MetricScope::both, "flushes of backing files"},
        [](const Repeat& r) { return sum_over_files(r, &FileTraffic::flushes); }},
    Row{{"passes", "1", lower, merge, "runs of files merged, each at once"},
        [](const Repeat& r) {
          return r.merge && r.merge->passes ? Value(static_cast<double>(*r.merge->passes)) : std::nullopt;
        }},
    Row{{"checkpoints", "1", lower, checkpoints, "checkpoints there are afterwards"},
        [](const Repeat& r) { return of(r, &CheckpointTotals::checkpoints); }},
    Row{{"files_created", "1", lower, checkpoints, "files of the disk that were made"},
        [](const Repeat& r) { return of(r, &CheckpointTotals::files_created); }},
    Row{{"files_removed", "1", higher, checkpoints, "files of the disk that went"},
        [](const Repeat& r) { return of(r, &CheckpointTotals::files_removed); }},
    Row{{"space_before_bytes", "B", lower, checkpoints, "what the disk's files took, all restore points"},
        [](const Repeat& r) { return of(r, &CheckpointTotals::space_before_bytes); }},
    Row{{"space_after_bytes", "B", lower, checkpoints, "what they take afterwards"},
        [](const Repeat& r) { return of(r, &CheckpointTotals::space_after_bytes); }},
    Row{{"pending_files", "1", lower, checkpoints, "files left to be merged away"},
        [](const Repeat& r) { return of(r, &CheckpointTotals::pending_files); }},
    Row{{"pending_bytes", "B", lower, checkpoints, "what merging them will move"},
        [](const Repeat& r) { return of(r, &CheckpointTotals::pending_bytes); }},
    Row{{"files_damaged", "1", higher, damage, "files of which a copy was damaged"},
        [](const Repeat&
               r) { return r.damage ? Value(static_cast<double>(r.damage->files.size())) : std::nullopt; }},
    Row{{"restore_points_lost_max", "1", lower, damage, "restore points lost with the file that costs most"},
        most_lost},
    Row{{"restore_points_unforeseen", "1", lower, damage, "where the rule had said otherwise, all files"},
        [](const Repeat& r) { return of_damage(r, &DamagedFile::unforeseen); }},
};

constexpr std::array metrics = [] {
  std::array<Metric, rows.size()> table{};
  std::ranges::transform(rows, table.begin(), &Row::metric);
  return table;
}();

std::string merge_range_words(const std::string& range) {
  if (range.empty() || range == "all") return "all layers";
  if (range == "leaf") return "the leaf";
  if (range == "pending") return "what deleted checkpoints left";
  return "layers " + range;
}

// "the oldest checkpoint", "checkpoint monday".
std::string checkpoint_words(const Workload& w) {
  const std::string which = w.checkpoint.value_or("");
  if (which == "oldest" || which == "middle" || which == "newest") return "the " + which + " checkpoint";
  return which.empty() ? "a checkpoint" : "checkpoint " + which;
}

}  // namespace

std::span<const Metric> metric_names() {
  return metrics;
}

const Metric* find_metric(std::string_view name) {
  const auto found = std::ranges::find(metrics, name, &Metric::name);
  return found == metrics.end() ? nullptr : &*found;
}

bool applies_to(const Metric& metric, MeasurementKind kind) {
  switch (metric.scope) {
    case MetricScope::workload:
      return is_workload(kind) || kind == MeasurementKind::live_merge;
    case MetricScope::merge:
      return kind == MeasurementKind::merge || kind == MeasurementKind::live_merge;
    case MetricScope::merge_at_rest:
      return kind == MeasurementKind::merge;
    case MetricScope::live_merge:
      return kind == MeasurementKind::live_merge;
    case MetricScope::checkpoints:
      return is_checkpoint_operation(kind) || kind == MeasurementKind::merge;
    case MetricScope::damage:
      return kind == MeasurementKind::damage;
    case MetricScope::both:
      break;
  }
  return kind != MeasurementKind::damage || metric.name == "duration_s";
}

bool is_workload(MeasurementKind kind) {
  return kind == MeasurementKind::read || kind == MeasurementKind::write || kind == MeasurementKind::mixed ||
         kind == MeasurementKind::replay;
}

bool is_checkpoint_operation(MeasurementKind kind) {
  return kind == MeasurementKind::take_checkpoint || kind == MeasurementKind::apply_checkpoint ||
         kind == MeasurementKind::delete_checkpoint || kind == MeasurementKind::delete_subtree;
}

MeasurementKind kind_of(const Repeat& repeat) {
  if (repeat.damage) return MeasurementKind::damage;
  if (repeat.live) return MeasurementKind::live_merge;
  if (repeat.merge) return MeasurementKind::merge;
  return repeat.checkpoints ? MeasurementKind::take_checkpoint : MeasurementKind::read;
}

std::string_view main_metric(MeasurementKind kind) {
  return is_workload(kind) ? "iops" : "duration_s";
}

std::optional<double> metric_value(const Repeat& repeat, std::string_view metric) {
  const auto row = std::ranges::find(rows, metric, [](const Row& r) { return r.metric.name; });
  return row == rows.end() ? std::nullopt : row->value(repeat);
}

std::vector<double> metric_values(const Measurement& measurement, std::string_view metric) {
  std::vector<double> values;
  for (const Repeat& repeat : measurement.repeats) {
    if (const auto value = metric_value(repeat, metric)) values.push_back(*value);
  }
  return values;
}

void summarise_measurement(Measurement& measurement) {
  measurement.summaries.clear();
  for (const Metric& metric : metrics) {
    if (!applies_to(metric, measurement.kind)) continue;
    const Summary summary = summarise(metric_values(measurement, metric.name));
    if (summary.count != 0) measurement.summaries.push_back({std::string(metric.name), summary});
  }
}

const Summary* find_summary(const Measurement& measurement, std::string_view metric) {
  const auto found = std::ranges::find(measurement.summaries, metric, &MetricSummary::metric);
  return found == measurement.summaries.end() ? nullptr : &found->summary;
}

const Measurement* find_measurement(const Point& point, std::string_view name) {
  const auto found = std::ranges::find(point.measurements, name, &Measurement::name);
  return found == point.measurements.end() ? nullptr : &*found;
}

std::string_view kind_name(MeasurementKind kind) {
  switch (kind) {
    case MeasurementKind::read:
      return "read";
    case MeasurementKind::write:
      return "write";
    case MeasurementKind::mixed:
      return "mixed";
    case MeasurementKind::replay:
      return "replay";
    case MeasurementKind::merge:
      return "merge";
    case MeasurementKind::take_checkpoint:
      return "checkpoint";
    case MeasurementKind::apply_checkpoint:
      return "apply";
    case MeasurementKind::delete_checkpoint:
      return "delete";
    case MeasurementKind::delete_subtree:
      return "delete_subtree";
    case MeasurementKind::damage:
      return "damage";
    case MeasurementKind::live_merge:
      return "live_merge";
  }
  return "";
}

namespace {

// The kind of the workload a live merge runs under.
MeasurementKind kind_under(const Workload& w) {
  return w.under == "read"    ? MeasurementKind::read
         : w.under == "write" ? MeasurementKind::write
                              : MeasurementKind::mixed;
}

}  // namespace

std::string describe_operations(MeasurementKind kind, const Workload& w) {
  std::string words;
  auto add = [&words](std::string_view word) {
    if (!words.empty() && !word.empty()) words += ' ';
    words += word;
  };
  switch (kind) {
    case MeasurementKind::merge:
      return "merging " + merge_range_words(w.merge_range);
    case MeasurementKind::take_checkpoint:
      return "taking a checkpoint";
    case MeasurementKind::apply_checkpoint:
      return "applying " + checkpoint_words(w);
    case MeasurementKind::delete_checkpoint:
      return "deleting " + checkpoint_words(w);
    case MeasurementKind::delete_subtree:
      return "deleting " + checkpoint_words(w) + " and all below it";
    case MeasurementKind::damage:
      return w.damage.value_or("") == "missing" ? "each file in turn missing"
                                                : "each file in turn damaged in its header";
    case MeasurementKind::live_merge:
      return describe_operations(kind_under(w), w) + " under a live merge of " +
             merge_range_words(w.merge_range);
    case MeasurementKind::replay:
      return w.trace.empty() ? "replayed operations" : "operations replayed from " + w.trace;
    default:
      break;
  }
  add(w.pattern);
  if (w.block_size_bytes) add(format_size(*w.block_size_bytes));
  if (kind == MeasurementKind::mixed && w.read_share) {
    add(fmt::format("operations, {:.0f} % of them reads", *w.read_share * 100));
  } else {
    add(kind == MeasurementKind::read    ? "reads"
        : kind == MeasurementKind::write ? "writes"
                                         : "reads and writes");
  }
  return words;
}

std::string merge_order_words(std::string_view order) {
  if (order == "one-pass") return "in one pass";
  if (order == "pairwise-newest-first") return "pair by pair, newest first";
  if (order == "pairwise-oldest-first") return "pair by pair, oldest first";
  return std::string(order);
}

std::string describe_workload(MeasurementKind kind, const Workload& w) {
  std::string words = describe_operations(kind, w);
  if (kind == MeasurementKind::merge) {
    if (!w.merge_order.empty()) words += " " + merge_order_words(w.merge_order);
    return words;
  }
  if (!is_workload(kind) && kind != MeasurementKind::live_merge) return words;
  if (kind == MeasurementKind::live_merge && w.rate_limit_bytes_per_s)
    words += fmt::format(" at up to {}/s", format_size(*w.rate_limit_bytes_per_s));
  if (w.arrivals_per_s) words += fmt::format(", {:.6g} arrivals a second", *w.arrivals_per_s);
  if (w.queue_depth) words += fmt::format(", queue depth {}", *w.queue_depth);
  if (w.jobs.value_or(1) > 1) words += fmt::format(" in each of {} jobs", *w.jobs);
  if (w.io && *w.io != "psync") words += *w.io == "mapped" ? ", out of mapped files" : ", by " + *w.io;
  if (w.direct) words += *w.direct ? ", direct" : ", through the page cache";
  return words;
}

}  // namespace vhdlab::reports
