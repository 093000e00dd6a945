// A checked scenario, as plain data: the question, the points of the sweep, and for each point the disk, the
// setup and the measured steps with every variable, percentage and default resolved to numbers. Nothing here
// can be out of range; parse.h makes these and is the only place that judges. docs/scenario-language.md
// describes the file they come from.
//
//   Scenario ─┬─ sweep          depth: 0, 4, 16
//             ├─ points ─┬─ [0] depth=0:  disk, setup tree, measured steps
//             │          ├─ [1] depth=4:  ...
//             │          └─ [2] depth=16: ...
//             └─ expectations   which metric, at which points, against which limit
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/units.h"
#include "engine/chain/chain.h"
#include "engine/merge/live_course.h"
#include "scenarios/language/checkpoint_story.h"
#include "scenarios/workload/pattern_stream.h"
#include "scenarios/workload/trace.h"

namespace vhdlab::scenarios {

// --- the disk ---

enum class DiskType { dynamic, fixed };

// The base disk (its format is vhdx, so far). Checkpoints get the same block and sector sizes.
struct DiskSettings {
  DiskType type = DiskType::dynamic;
  uint64_t size_bytes = 0;                  // 3 MiB to 64 TiB, whole logical sectors
  uint32_t block_size_bytes = 0;            // a power of two, 1 MiB to 256 MiB
  uint32_t logical_sector_size_bytes = 0;   // 512 or 4096
  uint32_t physical_sector_size_bytes = 0;  // 512 or 4096

  friend bool operator==(const DiskSettings&, const DiskSettings&) = default;
};

// --- setup: how the disk gets its history ---

struct CreateBase {};

// Takes a checkpoint: the leaf becomes read-only and an empty differencing disk takes its place.
struct TakeCheckpoint {
  std::string name{};  // where it has one; others are numbered (checkpoint_story.h)
};

// Goes back: Now becomes what the checkpoint holds.
struct ApplyCheckpoint {
  std::string checkpoint;  // a reference, as in checkpoint_story.h
};

// Writes to the leaf: `fill` and `write` of the file. operations is set (the amount, in blocks);
// read_percentage is 0.
struct SetupWrite {
  bool is_fill = false;  // for progress and messages
  PatternSettings pattern;
  uint32_t queue_depth = 1;
};

struct SetupStep;

struct SetupRepeat {
  uint32_t count = 0;  // may be 0
  std::vector<SetupStep> steps;
};

struct SetupStep {
  std::variant<CreateBase, TakeCheckpoint, ApplyCheckpoint, SetupWrite, SetupRepeat> action;
};

// --- measured steps ---

// How a measured step reads and writes files: by threads with one call at a time, through rings of requests,
// or by copying out of mapped files (what is written, and the leaf it goes to, as psync).
enum class IoKind { psync, io_uring, mapped };

enum class WorkloadKind { read, write, mixed };

// Operations that arrive at the times of a Poisson process, and do not wait for the ones before them.
struct Arrivals {
  double per_second = 0;  // within the limits of workload/arrivals.h
};

// A read, write or mixed workload. At least one of duration and pattern.operations is set; whichever is
// reached first ends the step. Warm-up comes first, by the same stream, unmeasured; the measured part goes on
// where it stopped, and pattern.operations counts from there.
struct MeasuredWorkload {
  std::string name;
  WorkloadKind kind = WorkloadKind::read;
  PatternSettings pattern;
  uint32_t queue_depth = 1;  // of each job
  uint32_t jobs = 1;
  bool direct = false;  // bypass the page cache for the backing files
  Nanoseconds warm_up{0};
  std::optional<Nanoseconds> duration;
  std::optional<Arrivals> arrivals;  // absent: a closed loop
};

enum class ReplayTiming { as_fast_as_possible, recorded };

struct MeasuredReplay {
  std::string name;
  std::string trace_path;  // ready to open
  TraceSettings trace;     // disk, sector size, wrap and limit filled in
  uint32_t queue_depth = 1;
  bool direct = false;
  ReplayTiming timing = ReplayTiming::as_fast_as_possible;
};

// `pairwise_oldest_first` merges layer 1 into the base, then layer 2, and so on; `pairwise_newest_first`
// merges the leaf into its parent, then that one into its own, and so on.
enum class MergeOrder { one_pass, pairwise_oldest_first, pairwise_newest_first };

// Merges layers first_layer .. last_layer into layer first_layer - 1, in place. Layers count from the base: 0
// is the base, 1 the oldest checkpoint's child, chain depth the leaf. Both are 0 where the chain has no
// layers: nothing to merge.
struct MeasuredMerge {
  std::string name;
  uint32_t first_layer = 0;
  uint32_t last_layer = 0;
  MergeOrder order = MergeOrder::one_pass;
  bool pending = false;  // instead of layers: what deleted checkpoints left, in the cheapest order

  [[nodiscard]] bool nothing_to_merge() const { return first_layer == 0 && !pending; }
};

// Takes, applies or deletes a checkpoint of a machine.
struct MeasuredCheckpoint {
  std::string name;
  CheckpointAction action = CheckpointAction::take;
  std::string checkpoint;  // of a new one its name or nothing, else a reference
};

enum class DamageKind {
  header,   // the first MiB is overwritten: signature, headers, region tables
  missing,  // the file is gone
};

// Damages a copy of each file of a machine in turn and opens every restore point.
struct MeasuredDamage {
  std::string name;
  DamageKind kind = DamageKind::header;
};

// The same in one pass while a workload goes on, which begins and ends with the merge. The chain may be one
// layer higher afterwards, where the merge gave up: see engine/merge/live_merge.h.
struct MeasuredLiveMerge {
  std::string name;
  uint32_t first_layer = 0;  // both as in MeasuredMerge
  uint32_t last_layer = 0;
  uint64_t rate_limit_bytes_per_s = 0;  // 0: none
  LiveLimits limits;
  MeasuredWorkload under;  // its name, warm-up, duration and number of operations mean nothing

  [[nodiscard]] bool nothing_to_merge() const { return first_layer == 0; }
};

using MeasuredStep = std::variant<MeasuredWorkload, MeasuredReplay, MeasuredMerge, MeasuredLiveMerge,
                                  MeasuredCheckpoint, MeasuredDamage>;

[[nodiscard]] const std::string& name_of(const MeasuredStep& step);

// --- the sweep ---

struct SweepValue {
  std::string text;              // as written: "16", "2%", "64KiB"
  std::optional<double> number;  // for an axis: 16, 2 (percent), 65536 (bytes), seconds; absent for a word
};

struct SweepVariable {
  std::string name;
  std::string unit;  // of its numbers: "", "B", "s", "%"; empty also where the values' units differ
  std::vector<SweepValue> values;
};

enum class TargetKind { engine, sim };

// What only the simulator takes from a scenario; other targets leave it alone.
struct SimSettings {
  std::optional<std::string> device;  // a shipped profile's name, or a path ready to open

  friend bool operator==(const SimSettings&, const SimSettings&) = default;
};

// How measured steps find data in the chain.
struct LookupSettings {
  ResolveMode resolve = ResolveMode::walk;
  std::optional<uint64_t> metadata_cache_bytes;  // limit of table pages in memory; absent: none
};

// One combination of the sweep's values.
struct ScenarioPoint {
  std::vector<SweepValue> values;  // one for each variable of Scenario::sweep, in its order
  DiskSettings disk;
  IoKind io = IoKind::psync;  // of measured steps
  LookupSettings lookup;
  SimSettings sim;
  std::vector<SetupStep> setup;  // with nested repeats; flat_setup() unrolls it
  std::vector<MeasuredStep> measure;
  uint32_t chain_depth = 0;  // checkpoints below Now when the setup is done
  bool is_machine = false;  // checkpoints are gone back to, deleted or damaged: the target keeps a whole tree
};

// The setup in the order it is carried out, repeats unrolled, no SetupRepeat left: at most setup_steps_max
// steps.
[[nodiscard]] std::vector<SetupStep> flat_setup(const ScenarioPoint& point);

// --- expectations ---

enum class LimitDirection { at_least, at_most };

// The metric's value at each compared point, or its share of the value at the baseline, must keep to the
// limit.
struct Expectation {
  struct Comparison {
    size_t point;                    // index into Scenario::points
    std::optional<size_t> baseline;  // present exactly if the limit is relative
  };

  std::string step;    // a measured step's name
  std::string metric;  // a name of reports/results/metrics.h that applies to the step
  std::string unit;    // that metric's unit: "1/s", "B", "ns", ...
  LimitDirection direction = LimitDirection::at_least;
  double limit = 0;  // in the metric's unit, or a fraction (0.4 for 40%) when relative
  std::string text;  // "reads.iops at depth=16 is at least 40% of depth=0", for messages
  std::vector<Comparison> comparisons;
};

// --- the whole ---

struct VariableValue {
  std::string name;
  std::string text;
};

struct Scenario {
  std::string file;    // as given to the parser; for messages
  std::string source;  // the file's whole text, for the result record
  std::string name;
  std::string question;      // the first sentence of the introduction
  std::string introduction;  // the comment that opens the file, without its '#'
  uint64_t seed = 0;
  uint32_t repeat = 1;
  std::optional<TargetKind> target;      // where it runs unless the user says otherwise; absent: the engine
  std::vector<VariableValue> variables;  // with --set applied; for the result record
  std::vector<std::string> overrides;    // the --set arguments, as given
  std::vector<SweepVariable> sweep;      // empty where nothing is swept; then there is one point
  std::vector<ScenarioPoint> points;     // never empty; the first variable of the sweep changes slowest
  std::vector<Expectation> expectations;
  std::vector<std::string> notes;  // what --set made inapplicable: "expectation skipped: ..."
};

// "depth=16, share=2%"; empty where nothing is swept.
[[nodiscard]] std::string describe_point(const Scenario& scenario, const ScenarioPoint& point);

// Limits that keep a faulty or hostile file from asking for more than a run can do.
inline constexpr size_t points_max = 1000;
inline constexpr size_t setup_steps_max = 10000;  // of one point, unrolled
inline constexpr size_t measured_steps_max = 50;
inline constexpr uint32_t repeat_max = 1000;
inline constexpr uint32_t queue_depth_max = 1024;  // of all jobs of a step together
inline constexpr uint32_t jobs_max = 64;
inline constexpr size_t machine_checkpoints_max = 1000;  // at once, where a point is a machine

}  // namespace vhdlab::scenarios
