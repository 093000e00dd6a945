// Everything one run leaves behind: what was asked, where it ran, and every number it measured. The runner
// fills it in, result_file keeps it as results.json, and reports are made from it alone: they never look back
// at the runner.
//
//   RunRecord ── Point (one per combination of sweep values) ── Measurement ("reads", "merge") ── Repeat
//                  └ LayerState (the chain's files)               └ MetricSummary (over the repeats)
//
// Plain data: no invariants beyond the comments, free to copy, safe to read from several threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "reports/statistics/histogram.h"
#include "reports/statistics/summary.h"

namespace vhdlab::reports {

// The version of results.json this program writes. It rises when a reader of the older one would
// misunderstand the newer one; fields that may be absent are added without raising it.
inline constexpr uint32_t result_format_version = 1;

struct NamedText {
  std::string name;
  std::string text;
  friend bool operator==(const NamedText&, const NamedText&) = default;
};

// The machine and the folder a run was measured on. Unknown texts are empty, unknown numbers 0.
struct Environment {
  std::string machine;  // what the firmware or hypervisor says it is: "QEMU Standard PC"; not the host's name
  std::string cpu;      // "AMD EPYC 7763 64-Core Processor"
  uint32_t cores = 0;   // processors this process may use
  uint64_t memory_bytes = 0;
  std::string kernel;       // "Linux 6.1.0-18-amd64"
  std::string file_system;  // of the work folder: "ext4", "overlay", "tmpfs"
  std::string mount;  // mount options that matter, or the device's kind: "rw,relatime on /dev/vda1 (SSD)"
  uint64_t direct_alignment_bytes = 0;  // what direct I/O demands in the work folder; 0 where it is refused
  std::string compiler;                 // "g++ 12.2.0, RelWithDebInfo"
  std::vector<NamedText> libraries;     // {"fmt", "9.1.0"}
  friend bool operator==(const Environment&, const Environment&) = default;
};

// A variable the scenario sweeps over, outermost first.
struct SweepVariable {
  std::string name;  // "depth"
  std::string unit;  // of its numbers: "", "B", "s", "%"
  friend bool operator==(const SweepVariable&, const SweepVariable&) = default;
};

// One sweep variable's value at a point. A value that is no quantity ("one-pass") has no number.
struct ParameterValue {
  std::string name;
  std::optional<double> number;  // in the variable's unit: 65536 for "64KiB"
  std::string text;              // as a person reads it
  friend bool operator==(const ParameterValue&, const ParameterValue&) = default;
};

struct DiskDescription {
  std::string format;  // "vhdx"
  uint64_t size_bytes = 0;
  uint64_t block_size_bytes = 0;
  uint32_t logical_sector_bytes = 0;
  std::string resolve;  // how the chain finds data: "walk" or "index"
  friend bool operator==(const DiskDescription&, const DiskDescription&) = default;
};

struct BlockStateCount {
  std::string state;  // in the format's words: "fully present", "partially present", "not present", "zero"
  uint64_t blocks = 0;
  friend bool operator==(const BlockStateCount&, const BlockStateCount&) = default;
};

// A file of the chain when setup was done and measuring had not begun.
struct LayerState {
  std::string name;  // "base", "checkpoint 3"
  std::string file;  // its name in the work folder, without the folder
  uint64_t size_bytes = 0;
  uint64_t allocated_bytes = 0;  // what the file system gave it
  std::vector<BlockStateCount> block_states;
  friend bool operator==(const LayerState&, const LayerState&) = default;
};

// Times of single operations, from submission to completion.
struct Latency {
  uint64_t min_ns = 0;
  double mean_ns = 0;
  uint64_t p50_ns = 0;
  uint64_t p90_ns = 0;
  uint64_t p99_ns = 0;
  uint64_t p999_ns = 0;
  uint64_t max_ns = 0;
  std::vector<HistogramBucket> buckets;  // ascending; every sample is in one
  friend bool operator==(const Latency&, const Latency&) = default;
};

// The one way to make a Latency: `latency_of(worker_histograms_merged)`.
[[nodiscard]] Latency latency_of(const Histogram& histogram);

struct OperationTotals {
  uint64_t operations = 0;
  uint64_t bytes = 0;
  std::optional<Latency> latency;  // absent where single operations were not timed
  friend bool operator==(const OperationTotals&, const OperationTotals&) = default;
};

// What reached one backing file during a repeat.
struct FileTraffic {
  std::string file;
  uint64_t read_operations = 0;
  uint64_t write_operations = 0;
  uint64_t bytes_read = 0;
  uint64_t bytes_written = 0;
  uint64_t flushes = 0;
  friend bool operator==(const FileTraffic&, const FileTraffic&) = default;
};

// What a merge did in one repeat. Bytes per file are in Repeat::files.
struct MergeTotals {
  uint64_t layers_merged = 0;
  uint64_t bytes_moved = 0;            // guest data copied into the target
  uint64_t bytes_zeroed = 0;           // guest ranges made zero in the target
  uint64_t bytes_read = 0;             // from all files, metadata included
  uint64_t bytes_written = 0;          // to all files, metadata included
  uint64_t union_bytes = 0;            // guest bytes that any merged layer holds: the least a merge must move
  uint64_t free_space_peak_bytes = 0;  // extra space taken at the worst moment
  std::optional<uint64_t> passes;      // of what checkpoints left pending: runs of files merged, each at once
  friend bool operator==(const MergeTotals&, const MergeTotals&) = default;
};

// What an operation on a machine's checkpoints did in one repeat, or the merge of what such operations left
// pending. Traffic, the manifest's included, is in Repeat::files.
struct CheckpointTotals {
  uint64_t checkpoints = 0;         // there are afterwards
  uint64_t files_created = 0;       // of the disk; the manifest is not one of them
  uint64_t files_removed = 0;       // likewise
  uint64_t space_before_bytes = 0;  // what the disk's files take, all restore points together
  uint64_t space_after_bytes = 0;   // likewise
  uint64_t pending_files = 0;       // afterwards still to be merged away
  uint64_t pending_bytes = 0;       // what merging them will move
  friend bool operator==(const CheckpointTotals&, const CheckpointTotals&) = default;
};

// One file of a machine, a copy of it damaged, and what every restore point did then.
struct DamagedFile {
  std::string file;   // its name in the work folder
  std::string holds;  // whose state it holds: "monday", "checkpoint 3", "Now"; empty: nobody's any more
  std::vector<std::string> lost;        // restore points that could not be opened and read as they were taken
  std::vector<std::string> survived;    // those that could
  std::vector<std::string> unforeseen;  // of both: where the rule had said otherwise, and what happened
  friend bool operator==(const DamagedFile&, const DamagedFile&) = default;
};

// What was found when each file was damaged in turn.
struct DamageTotals {
  std::vector<DamagedFile> files;  // those further down first
  friend bool operator==(const DamageTotals&, const DamageTotals&) = default;
};

// One pass of a live merge over what its layers held, or over what was written during the pass before.
struct LiveMergePass {
  uint64_t bytes_merged = 0;  // of the virtual disk: copied or made zero in the target
  double duration_s = 0;      // the pause at its end included; 0 for the rest, which was merged in that pause
  double pause_s = 0;         // of that, the time in which the workload's I/O waited
  // That the workload had changed meanwhile and that must be merged in their turn.
  uint64_t bytes_written = 0;
  friend bool operator==(const LiveMergePass&, const LiveMergePass&) = default;
};

// What only a merge under a running workload knows.
struct LiveMergeTotals {
  bool finished = false;
  std::string explanation;            // why not: "cannot finish: the guest writes 120 MiB/s, ..."
  std::optional<double> estimated_s;  // told a tenth of the first pass in; absent: it was not seen to end
  std::vector<LiveMergePass> passes;
  friend bool operator==(const LiveMergeTotals&, const LiveMergeTotals&) = default;
};

// One execution of a measured step. Rates follow from these fields and are not stored twice: ask
// metric_value().
struct Repeat {
  double duration_s = 0;
  OperationTotals all;                    // guest operations; a merge at rest leaves this empty
  std::optional<OperationTotals> reads;   // mixed and replay: the share that were reads
  std::optional<OperationTotals> writes;  // and the share that were writes
  std::optional<double> cpu_ns_per_operation;
  std::optional<double> layers_probed_per_read;
  std::optional<uint64_t> metadata_reads;         // pieces of metadata fetched from a file
  std::optional<double> metadata_hit_share;       // of lookups answered from memory, 0..1
  std::optional<MergeTotals> merge;               // a merge, and nothing else
  std::optional<LiveMergeTotals> live{};          // beside `merge`, of a merge under a running workload
  std::optional<CheckpointTotals> checkpoints{};  // operations on checkpoints, merges of what they left
  std::optional<DamageTotals> damage{};           // a damage step, and nothing else
  std::vector<FileTraffic> files;                 // base first; flushes are here
  friend bool operator==(const Repeat&, const Repeat&) = default;
};

enum class MeasurementKind {
  read,
  write,
  mixed,
  replay,
  merge,
  live_merge,
  take_checkpoint,
  apply_checkpoint,
  delete_checkpoint,
  delete_subtree,
  damage,
};

// The workload of a measured step in the scenario's words. A live merge has the fields of both, the merge and
// the workload it runs under. Fields that do not apply are absent or empty.
struct Workload {
  std::string description;  // one line for people: describe_workload() makes it from the fields
  std::string pattern;      // "random", "sequential", "zipf"
  std::optional<uint64_t> block_size_bytes;
  std::optional<uint32_t> queue_depth;  // of each job
  std::optional<uint32_t> jobs;
  std::optional<std::string> io;  // how files are read and written: "psync", "io_uring", "mapped"
  std::optional<bool> direct;
  std::optional<double> arrivals_per_s;  // absent: a closed loop
  std::optional<double> read_share;      // mixed: 0..1
  std::string trace;                     // replay: the file's name
  std::string merge_range;               // merge: "all", "leaf", "2..5", "pending"
  std::string merge_order;  // merge: "one-pass", "pairwise-newest-first", "pairwise-oldest-first"
  std::optional<std::string> checkpoint{};  // the checkpoint operated on, as the scenario says: "oldest"
  std::optional<std::string> damage{};      // what is done to a file: "header", "missing"
  std::optional<std::string> under;         // live merge: the workload's kind, "read", "write", "mixed"
  std::optional<uint64_t> rate_limit_bytes_per_s;  // live merge
  friend bool operator==(const Workload&, const Workload&) = default;
};

struct MetricSummary {
  std::string metric;  // a name of metrics.h, without the measurement's name
  Summary summary;
  friend bool operator==(const MetricSummary&, const MetricSummary&) = default;
};

struct Measurement {
  std::string name;  // "reads"; unique within a point, the same at every point
  MeasurementKind kind = MeasurementKind::read;
  Workload workload;
  std::vector<Repeat> repeats;
  // In the order of metric_names(): summarise_measurement() fills it in.
  std::vector<MetricSummary> summaries;
  friend bool operator==(const Measurement&, const Measurement&) = default;
};

// One combination of sweep values; a scenario without a sweep has one point without parameters.
struct Point {
  std::vector<ParameterValue> parameters;  // in the order of RunRecord::sweep
  DiskDescription disk;
  double setup_duration_s = 0;
  std::vector<LayerState> layers;  // base first, leaf last
  std::vector<Measurement> measurements;
  friend bool operator==(const Point&, const Point&) = default;
};

// The check that what was read back is what had been written.
struct Verification {
  uint64_t sectors_checked = 0;
  uint64_t sectors_wrong = 0;
  std::string first_wrong;  // where, found, expected; empty when none is wrong
  friend bool operator==(const Verification&, const Verification&) = default;
};

// An `expect` of the scenario. A value that could not be observed leaves `observed` absent and is not met.
struct Expectation {
  std::string text;    // "reads.iops at depth=16 is at least 40 % of depth=0"
  std::string metric;  // "reads.iops"
  std::optional<double> observed;
  double limit = 0;  // in the unit of `observed`: a share (0.4) for a relative limit
  std::string unit;  // "%" for shares, else the metric's unit
  bool met = false;
  friend bool operator==(const Expectation&, const Expectation&) = default;
};

// Something the reader of the numbers should know.
struct Note {
  enum class Severity { note, warning };
  Severity severity = Severity::note;
  std::string name;  // stable, dashed: "direct-refused"
  std::string text;
  friend bool operator==(const Note&, const Note&) = default;
};

struct RunRecord {
  uint32_t format_version = result_format_version;
  std::string tool_version;  // "0.1.0"
  std::string tool_commit;   // full hash, with "+changes" when the tree was not clean; empty when unknown
  std::string scenario_name;
  std::string scenario_question;  // "How much of their speed do random reads keep under checkpoints?"
  std::string scenario_source;    // the scenario file's full text
  std::string target;             // "engine", "sim", "qemu", "hyperv"
  uint64_t seed = 0;
  std::string started_at;  // ISO 8601 with offset: "2026-03-01T12:34:56Z"
  double duration_s = 0;
  bool complete = true;             // false when the run was stopped and points are missing
  std::vector<NamedText> settings;  // what --set and the command line changed
  Environment environment;
  std::vector<SweepVariable> sweep;  // outermost first
  std::vector<Point> points;         // in the order they ran
  Verification verification;
  std::vector<Expectation> expectations;
  std::vector<Note> notes;
  std::vector<std::string> findings;  // sentences, the answer first: find_out() in finding.h writes them
  friend bool operator==(const RunRecord&, const RunRecord&) = default;
};

// Whether a modelled clock told the times. Then a number follows from the scenario and the seed alone:
// repeats are copies of one another, and one is as good as a hundred.
[[nodiscard]] inline bool is_in_virtual_time(const RunRecord& record) {
  return record.target == "sim";
}

}  // namespace vhdlab::reports
