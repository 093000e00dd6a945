// Where a scenario runs. A target owns one virtual disk at a time, takes it through its history and measures
// it; the runner tells it what to do and never how. The same calls reach real files, modelled devices, qemu
// and a live host.
//
//   create_base ─► write, take_checkpoint ... ─► perform, merge ... ─► verify ─► discard
//
// A machine's disk has branches: act_on_checkpoint and merge_pending take the places of take_checkpoint and
// merge.
//
// Implementations: engine_target, sim_target. All pass tests/conformance/target_conformance.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/units.h"
#include "engine/merge/live_course.h"
#include "reports/results/run_record.h"
#include "scenarios/language/scenario.h"
#include "scenarios/workload/operation_stream.h"

namespace vhdlab::scenarios {

// Told how much of one step is done, from the thread that called the target. Steps bounded by time count
// nanoseconds.
using StepProgress = std::function<void(uint64_t done, uint64_t total)>;

// Asked between operations, from any thread; true means stop soon.
using StopRequested = std::function<bool()>;

// How one stream of operations is carried out.
struct PerformSettings {
  uint32_t queue_depth = 1;  // operations in flight at once, of each job
  uint32_t jobs = 1;         // that share the stream
  IoKind io = IoKind::psync;
  bool direct = false;      // bypass the page cache
  bool only_reads = false;  // the stream holds nothing but reads
  LookupSettings lookup;
  Nanoseconds warm_up{0};  // unmeasured, by the same stream; the measured part goes on where it stopped
  std::optional<Nanoseconds> duration;  // of the measured part; absent: until the stream ends
  uint64_t operations_max = endless;    // of the measured part
  bool as_recorded = false;             // issue operations at their recorded times, not as fast as possible
  // The times are those of arrivals: latencies count from them, however long an operation waits for its turn.
  std::optional<double> arrivals_per_s = {};

  [[nodiscard]] bool has_times() const { return as_recorded || arrivals_per_s.has_value(); }
};

// What was measured while a stream was performed. Files are those of the chain, base first.
struct PerformOutcome {
  double duration_s = 0;
  reports::OperationTotals all;
  reports::OperationTotals reads;
  reports::OperationTotals writes;
  double cpu_ns_per_operation = 0;
  double layers_probed_per_read = 0;
  uint64_t metadata_reads = 0;
  double metadata_hit_share = 1;
  std::vector<reports::FileTraffic> files;
  uint64_t late_operations = 0;    // as_recorded only: issued more than 1 ms after their time
  uint64_t operations_behind = 0;  // arrivals only: those not done when the last one arrived
};

// What a merge cost. Files are those of the chain before it, base first.
struct MergeMeasurement {
  double duration_s = 0;
  reports::MergeTotals totals;
  std::vector<reports::FileTraffic> files;
};

// What an operation on checkpoints cost. Files are all that were touched, the manifest's included.
struct CheckpointMeasurement {
  double duration_s = 0;
  reports::CheckpointTotals totals;
  std::vector<reports::FileTraffic> files;
};

// What the merge of everything pending cost; totals.passes is there.
struct PendingMergeMeasurement {
  MergeMeasurement merge;
  reports::CheckpointTotals checkpoints;
};

// Every file damaged in turn.
struct DamageMeasurement {
  double duration_s = 0;
  reports::DamageTotals totals;
};

// A merge under a running workload: of layers first_layer .. last_layer into the one below them.
struct LiveMergeRequest {
  uint32_t first_layer = 0;
  uint32_t last_layer = 0;
  uint64_t rate_limit_bytes_per_s = 0;  // 0: none
  LiveLimits limits{};
};

// What it cost, and what the workload did meanwhile. A merge that gave up is measured like any other.
struct LiveMergeMeasurement {
  MergeMeasurement merge;  // of the totals, those that are counted under a workload
  reports::LiveMergeTotals live;
  PerformOutcome workload;  // from the merge's beginning to its end; files are in `merge`
};

// One thread calls a target. Every call may take long; each asks `stop` and fails with the kind interrupted
// then.
class Target {
 public:
  virtual ~Target() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;  // "engine"

  // The clock durations are counted by: a steady one, or the simulator's own time.
  [[nodiscard]] virtual Nanoseconds now() const {
    return std::chrono::steady_clock::now().time_since_epoch();
  }

  // What the scenario asks of the simulator for the disk that is built next. Others leave it alone.
  [[nodiscard]] virtual Result<void> prepare(const SimSettings& /*settings*/) { return {}; }

  // Makes an empty base disk; a disk the target holds already is discarded. Equal seeds and calls give equal
  // disks.
  [[nodiscard]] virtual Result<void> create_base(const DiskSettings& disk, uint64_t seed) = 0;

  // The same, as the disk of a machine (engine/checkpoint): all its checkpoints can be gone back to, deleted
  // and looked at, for what keeping track of each one's content takes. Layers are those Now stands on.
  // Faults: target-no-machine (of targets that keep none).
  [[nodiscard]] virtual Result<void> create_machine(const DiskSettings& disk, uint64_t seed);

  // Freezes the leaf and puts an empty differencing disk on it. Faults: target-machine (the disk is one's).
  [[nodiscard]] virtual Result<void> take_checkpoint() = 0;

  // Carries out a stream of writes as setup: everything durable on return, nothing measured.
  [[nodiscard]] virtual Result<void> write(const OperationStream& stream, uint32_t queue_depth,
                                           const StepProgress& progress, const StopRequested& stop) = 0;

  [[nodiscard]] virtual Result<PerformOutcome> perform(const OperationStream& stream,
                                                       const PerformSettings& settings,
                                                       const StepProgress& progress,
                                                       const StopRequested& stop) = 0;

  // Merges layers first..last (counted from the base, which is 0) into the one below them. Faults:
  // target-machine.
  [[nodiscard]] virtual Result<MergeMeasurement> merge(uint32_t first_layer, uint32_t last_layer,
                                                       MergeOrder order, const StepProgress& progress,
                                                       const StopRequested& stop) = 0;

  // The same while a workload goes on, which begins and ends with the merge: the stream is endless, and of
  // `settings` warm-up, duration and operations_max are not heeded. Where the leaf is among the merged layers
  // the chain may be one layer higher afterwards than without a workload: see engine/merge/live_merge.h.
  [[nodiscard]] virtual Result<LiveMergeMeasurement> live_merge(const LiveMergeRequest& request,
                                                                const OperationStream& stream,
                                                                const PerformSettings& settings,
                                                                const StepProgress& progress,
                                                                const StopRequested& stop) = 0;

  // Takes, applies or deletes a checkpoint of the machine, by its name. Nothing is merged by this. Faults of
  // this and the following: target-no-machine (the disk is none); checkpoint-unknown.
  [[nodiscard]] virtual Result<CheckpointMeasurement> act_on_checkpoint(CheckpointAction action,
                                                                        const std::string& checkpoint);

  // Merges everything that deleting left pending, in the engine's order.
  [[nodiscard]] virtual Result<PendingMergeMeasurement> merge_pending(const StepProgress& progress,
                                                                      const StopRequested& stop);

  // Damages a copy of each of the machine's files in turn, opens and reads every restore point, and holds
  // what happens against engine/checkpoint's rule. The machine stays as it is. Faults: sim-damage (there are
  // no bytes to damage).
  [[nodiscard]] virtual Result<DamageMeasurement> damage_each_file(DamageKind kind, uint64_t seed,
                                                                   const StepProgress& progress,
                                                                   const StopRequested& stop);

  // The chain as it stands, base first.
  [[nodiscard]] virtual Result<std::vector<reports::LayerState>> layers() = 0;

  // Reads a sample of the disk, chosen by `seed`, and compares it with what was written; of a machine's disk,
  // Now and every checkpoint.
  [[nodiscard]] virtual Result<reports::Verification> verify(uint64_t seed) = 0;

  // Lets go of the disk and everything it took.
  [[nodiscard]] virtual Result<void> discard() = 0;

  // What the reader of the numbers should know, such as direct I/O that was refused. Asked once, at the end.
  [[nodiscard]] virtual std::vector<reports::Note> notes() const = 0;

 protected:
  // What take_checkpoint() and merge() of a machine's disk answer: the fault target-machine.
  [[nodiscard]] static std::unexpected<Error> refuse_beside_machine();
};

}  // namespace vhdlab::scenarios
