// The laws behind the made-up results.
#include "tests/reports/sample_records.h"

#include <cmath>

#include <fmt/format.h>

#include "engine/base/bytes.h"
#include "engine/base/random.h"
#include "reports/findings/findings.h"
#include "reports/results/metrics.h"

namespace vhdlab::reports::samples {
namespace {

class Noise {
 public:
  explicit Noise(uint64_t seed) : random_(seed) {}
  double uniform() { return static_cast<double>(random_.next_u64() >> 11) * 0x1p-53; }
  // About 1, give or take `spread`.
  double around_one(double spread) { return 1 + spread * (2 * uniform() - 1); }

 private:
  SeededRandom random_;
};

Environment sample_environment() {
  return {.machine = "Sample machine",
          .cpu = "Sample CPU 2.4 GHz",
          .cores = 2,
          .memory_bytes = 8 * gib,
          .kernel = "Linux 6.1.0-18-amd64",
          .file_system = "ext4",
          .mount = "rw,relatime",
          .direct_alignment_bytes = 512,
          .compiler = "g++ 12.2.0, RelWithDebInfo",
          .libraries = {{"fmt", "9.1.0"}, {"liburing", "2.3"}}};
}

RunRecord sample_frame(const std::string& name, const std::string& question) {
  RunRecord record;
  record.tool_version = "0.1.0";
  record.tool_commit = "0123456789abcdef0123456789abcdef01234567";
  record.scenario_name = name;
  record.scenario_question = question;
  record.scenario_source = "# " + question + "\nname: " + name + "\nseed: 42\n";
  record.target = "engine";
  record.seed = 42;
  record.started_at = "2026-03-01T12:34:56Z";
  record.duration_s = 95.5;
  record.environment = sample_environment();
  record.verification = {.sectors_checked = 4096, .sectors_wrong = 0, .first_wrong = ""};
  return record;
}

DiskDescription sample_disk() {
  return {.format = "vhdx",
          .size_bytes = 2 * gib,
          .block_size_bytes = 2 * mib,
          .logical_sector_bytes = 512,
          .resolve = "walk"};
}

std::string file_of(size_t layer) {
  return layer == 0 ? "base.vhdx" : fmt::format("checkpoint-{}.avhdx", layer);
}

std::vector<LayerState> sample_layers(size_t depth) {
  std::vector<LayerState> layers;
  for (size_t i = 0; i <= depth; ++i) {
    const uint64_t allocated = i == 0 ? 2 * gib : 84 * mib + i * 131072;
    layers.push_back({.name = i == 0 ? "base" : fmt::format("checkpoint {}", i),
                      .file = file_of(i),
                      .size_bytes = i == 0 ? 2 * gib + 4 * mib : 1300 * mib,
                      .allocated_bytes = allocated,
                      .block_states = i == 0 ? std::vector<BlockStateCount>{{"fully present", 1024}}
                                             : std::vector<BlockStateCount>{{"partially present", 480},
                                                                            {"not present", 544}}});
  }
  return layers;
}

// A thousand operations around a median, with a tail: most within 20 %, one in fifty up to five times as
// slow.
OperationTotals sample_operations(Noise& noise, double median_ns, double queue_depth, double duration_s) {
  Histogram histogram;
  constexpr int samples = 1000;
  const double operations = queue_depth / (median_ns * 1e-9) * duration_s;
  const auto each = static_cast<uint64_t>(operations / samples);
  for (int i = 0; i < samples; ++i) {
    double value = median_ns * noise.around_one(0.2);
    if (noise.uniform() < 0.02) value *= 1 + 4 * noise.uniform();
    histogram.record(static_cast<uint64_t>(value), each);
  }
  return {.operations = each * samples, .bytes = each * samples * 4096, .latency = latency_of(histogram)};
}

Workload random_reads() {
  Workload workload;
  workload.pattern = "random";
  workload.block_size_bytes = 4096;
  workload.queue_depth = 16;
  workload.direct = true;
  workload.description = describe_workload(MeasurementKind::read, workload);
  return workload;
}

Measurement sample_reads(Noise& noise, size_t depth, double median_us, uint32_t repeats) {
  Measurement reads{.name = "reads",
                    .kind = MeasurementKind::read,
                    .workload = random_reads(),
                    .repeats = {},
                    .summaries = {}};
  for (uint32_t r = 0; r < repeats; ++r) {
    Repeat repeat;
    repeat.duration_s = 3;
    repeat.all = sample_operations(noise, median_us * 1000 * noise.around_one(0.004), 16, 3);
    repeat.cpu_ns_per_operation = (1500 + 90 * static_cast<double>(depth)) * noise.around_one(0.01);
    repeat.layers_probed_per_read = 1 + 0.62 * static_cast<double>(depth) * noise.around_one(0.002);
    repeat.metadata_reads = 12 * depth;
    repeat.metadata_hit_share = 0.999;
    for (size_t i = 0; i <= depth; ++i) {
      const uint64_t share = repeat.all.operations / (depth + 1);
      repeat.files.push_back({.file = file_of(i),
                              .read_operations = share,
                              .write_operations = 0,
                              .bytes_read = share * 4096,
                              .bytes_written = 0,
                              .flushes = 0});
    }
    reads.repeats.push_back(std::move(repeat));
  }
  summarise_measurement(reads);
  return reads;
}

Measurement sample_merge(Noise& noise, const std::string& order, uint64_t layers, uint64_t union_bytes,
                         double moved_factor, uint32_t repeats) {
  Measurement merge{
      .name = "merge", .kind = MeasurementKind::merge, .workload = {}, .repeats = {}, .summaries = {}};
  merge.workload.merge_range = "all";
  merge.workload.merge_order = order;
  merge.workload.description = describe_workload(merge.kind, merge.workload);
  for (uint32_t r = 0; r < repeats; ++r) {
    const auto moved = static_cast<uint64_t>(static_cast<double>(union_bytes) * moved_factor);
    Repeat repeat;
    repeat.duration_s = (0.02 + static_cast<double>(moved) / 1.6e9) * noise.around_one(0.03);
    repeat.merge = MergeTotals{.layers_merged = layers,
                               .bytes_moved = moved,
                               .bytes_zeroed = 0,
                               .bytes_read = moved + layers * mib,
                               .bytes_written = moved + moved / 50,
                               .union_bytes = union_bytes,
                               .free_space_peak_bytes = 0};
    repeat.files = {{.file = "base.vhdx",
                     .read_operations = 0,
                     .write_operations = moved / mib,
                     .bytes_read = 0,
                     .bytes_written = moved + moved / 50,
                     .flushes = 3}};
    merge.repeats.push_back(std::move(repeat));
  }
  summarise_measurement(merge);
  return merge;
}

ParameterValue number_parameter(const std::string& name, double number, const std::string& suffix = "") {
  return {.name = name, .number = number, .text = fmt::format("{}{}", number, suffix)};
}

}  // namespace

RunRecord read_degradation(const std::string& target, double latency_factor) {
  RunRecord record =
      sample_frame("read-degradation", "How much of their speed do random reads keep under checkpoints?");
  record.target = target;
  record.sweep = {{"depth", ""}};
  record.expectations = {{.text = "reads.iops at depth=16 is at least 40 % of depth=0",
                          .metric = "reads.iops",
                          .observed = 0.942,
                          .limit = 0.4,
                          .unit = "%",
                          .met = true}};
  record.notes = {{Note::Severity::warning, "few-cores",
                   "The workload keeps 16 operations in flight on 2 cores: latencies hold waiting time."}};
  Noise noise(7);
  for (const size_t depth : {0, 1, 2, 4, 8, 16, 32, 50}) {
    Point point;
    point.parameters = {number_parameter("depth", static_cast<double>(depth))};
    point.disk = sample_disk();
    point.setup_duration_s = 1.5 + 0.1 * static_cast<double>(depth);
    point.layers = sample_layers(depth);
    point.measurements.push_back(
        sample_reads(noise, depth, latency_factor * (80 + 0.31 * static_cast<double>(depth)), 5));
    if (depth > 0) {
      const double untouched = std::pow(0.98, static_cast<double>(depth));
      const auto changed = static_cast<uint64_t>((1 - untouched) * 2 * gib);
      point.measurements.push_back(sample_merge(noise, "one-pass", depth, changed, 1, 5));
    }
    record.points.push_back(std::move(point));
  }
  record.findings = find_out(record);
  return record;
}

RunRecord merge_cost() {
  RunRecord record = sample_frame("merge-cost", "What does merging cost, in one pass and pair by pair?");
  record.sweep = {{"layers", ""}, {"changed", "%"}, {"order", ""}};
  Noise noise(8);
  for (const uint64_t layers : {4, 16}) {
    for (const int percent : {1, 5, 10, 20}) {
      for (const std::string order : {"one-pass", "pairwise-newest-first"}) {
        const double each = percent / 100.0;
        const double united = 1 - std::pow(1 - each, static_cast<double>(layers));
        const double factor = order == "one-pass" ? 1 : static_cast<double>(layers) * 0.45;
        Point point;
        point.parameters = {number_parameter("layers", static_cast<double>(layers)),
                            {.name = "changed", .number = each, .text = fmt::format("{} %", percent)},
                            {.name = "order", .number = {}, .text = order}};
        point.disk = sample_disk();
        point.layers = sample_layers(layers);
        point.measurements.push_back(
            sample_merge(noise, order, layers, static_cast<uint64_t>(united * 2 * gib), factor, 4));
        record.points.push_back(std::move(point));
      }
    }
  }
  record.findings = find_out(record);
  return record;
}

RunRecord single_point() {
  RunRecord record = sample_frame("quick", "Does the lab work here?");
  Noise noise(9);
  Measurement mixed{.name = "mixed",
                    .kind = MeasurementKind::mixed,
                    .workload = random_reads(),
                    .repeats = {},
                    .summaries = {}};
  mixed.workload.read_share = 0.7;
  mixed.workload.description = describe_workload(mixed.kind, mixed.workload);
  Repeat repeat;
  repeat.duration_s = 1;
  repeat.all = sample_operations(noise, 100000, 16, 1);
  repeat.reads = sample_operations(noise, 90000, 11, 1);
  repeat.writes = sample_operations(noise, 130000, 5, 1);
  mixed.repeats = {repeat};
  summarise_measurement(mixed);
  Point point;
  point.disk = sample_disk();
  point.layers = sample_layers(3);
  point.measurements = {mixed};
  record.points = {point};
  record.findings = find_out(record);
  return record;
}

RunRecord walk_or_index() {
  RunRecord record = sample_frame("resolve", "What does depth need not cost?");
  record.sweep = {{"resolve", ""}};
  Noise noise(10);
  for (const std::string resolve : {"walk", "index"}) {
    Point point;
    point.parameters = {{.name = "resolve", .number = {}, .text = resolve}};
    point.disk = sample_disk();
    point.disk.resolve = resolve;
    point.layers = sample_layers(16);
    point.measurements.push_back(sample_reads(noise, 16, resolve == "walk" ? 120 : 81, 8));
    record.points.push_back(std::move(point));
  }
  record.findings = find_out(record);
  return record;
}

namespace {

Measurement machine_step(const std::string& name, MeasurementKind kind, Repeat repeat) {
  Measurement step{.name = name, .kind = kind, .workload = {}, .repeats = {}, .summaries = {}};
  if (kind == MeasurementKind::delete_checkpoint) step.workload.checkpoint = "oldest";
  if (kind == MeasurementKind::merge) step.workload.merge_range = "pending";
  if (kind == MeasurementKind::damage) step.workload.damage = "header";
  step.workload.description = describe_workload(kind, step.workload);
  repeat.files = {{.file = "machine.vhdlab.new",
                   .read_operations = 0,
                   .write_operations = 3,
                   .bytes_read = 0,
                   .bytes_written = 3000,
                   .flushes = 3}};
  for (int r = 0; r < 3; ++r)
    step.repeats.push_back(repeat);
  summarise_measurement(step);
  return step;
}

}  // namespace

RunRecord machine_history() {
  RunRecord record = sample_frame("machine", "What do operations on checkpoints cost?");
  record.sweep = {{"depth", ""}};
  for (const uint64_t depth : {1, 8}) {
    Point point;
    point.parameters = {number_parameter("depth", static_cast<double>(depth))};
    point.disk = sample_disk();
    point.layers = sample_layers(depth);
    CheckpointTotals totals{.checkpoints = depth + 1,
                            .files_created = 1,
                            .files_removed = 0,
                            .space_before_bytes = 2 * gib,
                            .space_after_bytes = 2 * gib + 4 * mib,
                            .pending_files = 0,
                            .pending_bytes = 0};
    Repeat repeat;
    repeat.duration_s = 0.012;
    repeat.checkpoints = totals;
    point.measurements.push_back(machine_step("take", MeasurementKind::take_checkpoint, repeat));
    totals.checkpoints = depth;
    totals.files_created = 0;
    totals.pending_files = 1;
    totals.pending_bytes = 84 * mib;
    repeat.checkpoints = totals;
    point.measurements.push_back(machine_step("delete", MeasurementKind::delete_checkpoint, repeat));
    totals.files_removed = 1;
    totals.pending_files = totals.pending_bytes = 0;
    repeat.checkpoints = totals;
    repeat.merge = MergeTotals{.layers_merged = 1,
                               .bytes_moved = 84 * mib,
                               .bytes_read = 85 * mib,
                               .bytes_written = 85 * mib,
                               .union_bytes = 84 * mib,
                               .free_space_peak_bytes = 20 * mib,
                               .passes = 1};
    point.measurements.push_back(machine_step("merge", MeasurementKind::merge, repeat));
    DamageTotals damage;
    std::vector<std::string> points;
    for (uint64_t i = 1; i <= depth; ++i)
      points.push_back(fmt::format("checkpoint {}", i));
    points.emplace_back("Now");
    for (size_t i = 0; i < points.size(); ++i) {
      const auto middle = points.begin() + static_cast<std::ptrdiff_t>(i);
      damage.files.push_back({.file = file_of(i),
                              .holds = points[i],
                              .lost = {middle, points.end()},
                              .survived = {points.begin(), middle},
                              .unforeseen = {}});
    }
    if (depth == 8) damage.files.back().unforeseen = {"Now: lost although the rule says it survives"};
    Repeat damaged;
    damaged.duration_s = 0.3;
    damaged.damage = damage;
    point.measurements.push_back(machine_step("damage", MeasurementKind::damage, damaged));
    record.points.push_back(std::move(point));
  }
  record.findings = find_out(record);
  return record;
}

RunRecord live_merge() {
  RunRecord record = sample_frame("live", "When does a live merge never end?");
  record.sweep = {{"writes", "1/s"}};
  Noise noise(11);
  for (const bool finishes : {true, false}) {
    Measurement merge{
        .name = "merge", .kind = MeasurementKind::live_merge, .workload = {}, .repeats = {}, .summaries = {}};
    merge.workload = random_reads();
    merge.workload.under = "write";
    merge.workload.merge_range = "leaf";
    merge.workload.rate_limit_bytes_per_s = 32 * mib;
    merge.workload.description = describe_workload(merge.kind, merge.workload);
    Repeat repeat;
    repeat.all = sample_operations(noise, 256, 2, 1);
    LiveMergeTotals live{.finished = finishes, .explanation = {}, .estimated_s = {}, .passes = {}};
    if (finishes) {
      live.estimated_s = 16;
      live.passes = {{256 * mib, 8, 0.01, 64 * mib},
                     {64 * mib, 2, 0.02, 16 * mib},
                     {16 * mib, 0.5, 0.01, 4 * mib},
                     {4 * mib, 0, 0, 0}};
    } else {
      live.explanation = "cannot finish: the guest writes 40 MiB/s, the merge copies 32 MiB/s";
      live.passes = {{256 * mib, 8, 0.01, 320 * mib}, {320 * mib, 10, 0.01, 400 * mib}};
    }
    uint64_t moved = 0;
    for (const LiveMergePass& pass : live.passes) {
      moved += pass.bytes_merged;
      repeat.duration_s += pass.duration_s;
    }
    repeat.merge = MergeTotals{
        .layers_merged = 1, .bytes_moved = moved, .bytes_written = moved + mib, .union_bytes = 256 * mib};
    repeat.live = std::move(live);
    merge.repeats = {repeat};
    summarise_measurement(merge);
    Point point;
    const double rate = finishes ? 256 : 640;
    point.parameters = {{.name = "writes", .number = rate, .text = fmt::format("{}/s", rate)}};
    point.disk = sample_disk();
    point.layers = sample_layers(1);
    point.measurements = {merge};
    record.points.push_back(std::move(point));
  }
  record.findings = find_out(record);
  return record;
}

Measurement reads_at(std::initializer_list<double> iops) {
  Measurement reads{.name = "reads",
                    .kind = MeasurementKind::read,
                    .workload = random_reads(),
                    .repeats = {},
                    .summaries = {}};
  for (const double rate : iops) {
    Repeat repeat;
    repeat.duration_s = 1;
    repeat.all.operations = static_cast<uint64_t>(rate);
    reads.repeats.push_back(repeat);
  }
  summarise_measurement(reads);
  return reads;
}

}  // namespace vhdlab::reports::samples
