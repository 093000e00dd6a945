// Single steps; see step_run.h.
#include "scenarios/runner/step_run.h"

#include <chrono>
#include <memory>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "scenarios/workload/arrivals.h"
#include "scenarios/workload/trace.h"

namespace vhdlab::scenarios {
namespace {

using Clock = std::chrono::steady_clock;

// Ordinals of measured steps begin far above any setup's, so that a longer setup leaves their operations as
// they are.
constexpr uint64_t first_measured_ordinal = uint64_t{1} << 32;

std::string prefix(const Scenario& scenario, const ScenarioPoint& point) {
  const std::string text = describe_point(scenario, point);
  return text.empty() ? text : text + ": ";
}

PerformSettings perform_settings(const MeasuredWorkload& workload, const ScenarioPoint& point) {
  PerformSettings settings{.queue_depth = workload.queue_depth,
                           .jobs = workload.jobs,
                           .io = point.io,
                           .direct = workload.direct,
                           .only_reads = workload.kind == WorkloadKind::read,
                           .lookup = point.lookup};
  if (workload.arrivals) settings.arrivals_per_s = workload.arrivals->per_second;
  return settings;
}

// The workload's operations by `pattern`, each with its arrival where the workload has arrivals.
Result<std::unique_ptr<OperationStream>> operations_of(const MeasuredWorkload& workload,
                                                       const PatternSettings& pattern,
                                                       const StreamSeeds& seeds) {
  auto stream = TRY(make_pattern_stream(pattern, seeds));
  if (!workload.arrivals) return stream;
  return with_arrivals(std::move(stream), workload.arrivals->per_second, seeds.draws);
}

reports::Repeat repeat_of(PerformOutcome outcome, bool by_kind) {
  reports::Repeat repeat;
  repeat.duration_s = outcome.duration_s;
  if (by_kind) {
    repeat.reads = outcome.reads;
    repeat.writes = outcome.writes;
  }
  repeat.cpu_ns_per_operation = outcome.cpu_ns_per_operation;
  if (outcome.reads.operations > 0) repeat.layers_probed_per_read = outcome.layers_probed_per_read;
  repeat.metadata_reads = outcome.metadata_reads;
  repeat.metadata_hit_share = outcome.metadata_hit_share;
  repeat.files = std::move(outcome.files);
  repeat.all = std::move(outcome.all);
  return repeat;
}

}  // namespace

Result<void> StepRun::set_up(const ScenarioPoint& point) {
  const auto begin = Clock::now();
  uint64_t ordinal = 0;
  layers_set_up_ = 0;
  story_ = {};
  for (const SetupStep& step : flat_setup(point))
    TRY(set_up_step(step, point, ++ordinal));
  time_plan_.done(planned_setup(point), Clock::now() - begin);
  return {};
}

Result<void> StepRun::set_up_step(const SetupStep& step, const ScenarioPoint& point, uint64_t ordinal) {
  if (std::holds_alternative<CreateBase>(step.action)) {
    TRY(target_.prepare(point.sim));
    return point.is_machine ? target_.create_machine(point.disk, scenario_.seed)
                            : target_.create_base(point.disk, scenario_.seed);
  }
  if (const auto* taken = std::get_if<TakeCheckpoint>(&step.action)) {
    ++layers_set_up_;
    if (!point.is_machine) return target_.take_checkpoint();
    TRY(act_on_checkpoint(CheckpointAction::take, taken->name));
    return {};
  }
  if (const auto* apply = std::get_if<ApplyCheckpoint>(&step.action)) {
    TRY(act_on_checkpoint(CheckpointAction::apply, apply->checkpoint));
    layers_set_up_ = story_.depth_of_now();
    return {};
  }
  return set_up_write(std::get<SetupWrite>(step.action), point, ordinal);
}

Result<void> StepRun::set_up_write(const SetupWrite& write, const ScenarioPoint& point, uint64_t ordinal) {
  const std::string what =
      layers_set_up_ == 0 ? "the base" : fmt::format("layer {} of {}", layers_set_up_, point.chain_depth);
  begin_stage(fmt::format("{}{} {}", prefix(scenario_, point), write.is_fill ? "filling" : "writing", what),
              ProgressUnit::bytes);
  const auto stream = TRY(make_pattern_stream(write.pattern, stream_seeds(scenario_.seed, ordinal)));
  const uint64_t block_size = write.pattern.block_size_bytes;
  const auto in_bytes = [&](uint64_t done, uint64_t total) {
    progress_.update(done * block_size, total * block_size);
  };
  return target_.write(*stream, write.queue_depth, in_bytes, stop_);
}

Result<reports::Repeat> StepRun::measure(const ScenarioPoint& point, size_t step_index, uint32_t repeat) {
  const MeasuredStep& step = point.measure[step_index];
  const Stage stage{.point = point,
                    .name = fmt::format("{}{} ({} of {})", prefix(scenario_, point), name_of(step),
                                        repeat + 1, scenario_.repeat),
                    .ordinal = first_measured_ordinal + step_index};
  const auto begin = Clock::now();
  auto measured = std::visit([&](const auto& kind) { return measure_step(kind, stage); }, step);
  time_plan_.done(planned_step(step, planned_setup(point)), Clock::now() - begin);
  return measured;
}

Result<reports::Repeat> StepRun::measure_step(const MeasuredWorkload& workload, const Stage& stage) {
  begin_stage(stage.name, workload.duration ? ProgressUnit::nanoseconds : ProgressUnit::steps);
  PerformSettings settings = perform_settings(workload, stage.point);
  settings.warm_up = workload.warm_up;
  settings.duration = workload.duration;
  PatternSettings pattern = workload.pattern;
  if (pattern.operations) {  // they count from the end of the warm-up, so the stream itself goes on
    settings.operations_max =
        *pattern.operations + (pattern.flush_every > 0 ? *pattern.operations / pattern.flush_every : 0);
    pattern.operations.reset();
  }
  const auto stream = TRY(operations_of(workload, pattern, stream_seeds(scenario_.seed, stage.ordinal)));
  return repeat_of(TRY(target_.perform(*stream, settings, step_progress(), stop_)),
                   workload.kind == WorkloadKind::mixed);
}

Result<reports::Repeat> StepRun::measure_step(const MeasuredReplay& replay, const Stage& stage) {
  begin_stage(stage.name, ProgressUnit::steps);
  const auto trace = TRY(read_trace(replay.trace_path, replay.trace));
  const PerformSettings settings{.queue_depth = replay.queue_depth,
                                 .io = stage.point.io,
                                 .direct = replay.direct,
                                 .lookup = stage.point.lookup,
                                 .as_recorded = replay.timing == ReplayTiming::recorded};
  return repeat_of(TRY(target_.perform(*trace, settings, step_progress(), stop_)), true);
}

Result<reports::Repeat> StepRun::measure_step(const MeasuredMerge& merge, const Stage& stage) {
  reports::Repeat repeat;
  repeat.merge.emplace();
  if (merge.nothing_to_merge()) return repeat;
  begin_stage(stage.name, ProgressUnit::bytes);
  if (merge.pending) {
    PendingMergeMeasurement measured = TRY(target_.merge_pending(step_progress(), stop_));
    repeat.duration_s = measured.merge.duration_s;
    repeat.merge = measured.merge.totals;
    repeat.checkpoints = measured.checkpoints;
    repeat.files = std::move(measured.merge.files);
    return repeat;
  }
  MergeMeasurement measured =
      TRY(target_.merge(merge.first_layer, merge.last_layer, merge.order, step_progress(), stop_));
  repeat.duration_s = measured.duration_s;
  repeat.merge = measured.totals;
  repeat.files = std::move(measured.files);
  return repeat;
}

Result<reports::Repeat> StepRun::measure_step(const MeasuredLiveMerge& merge, const Stage& stage) {
  if (merge.nothing_to_merge()) {
    reports::Repeat repeat;
    repeat.merge.emplace();
    repeat.live = {.finished = true};
    return repeat;
  }
  begin_stage(stage.name, ProgressUnit::bytes);
  const MeasuredWorkload& workload = merge.under;
  const auto stream =
      TRY(operations_of(workload, workload.pattern, stream_seeds(scenario_.seed, stage.ordinal)));
  LiveMergeMeasurement measured =
      TRY(target_.live_merge({.first_layer = merge.first_layer,
                              .last_layer = merge.last_layer,
                              .rate_limit_bytes_per_s = merge.rate_limit_bytes_per_s,
                              .limits = merge.limits},
                             *stream, perform_settings(workload, stage.point), step_progress(), stop_));
  reports::Repeat repeat = repeat_of(std::move(measured.workload), workload.kind == WorkloadKind::mixed);
  repeat.duration_s = measured.merge.duration_s;
  repeat.merge = measured.merge.totals;
  repeat.live = std::move(measured.live);
  repeat.files = std::move(measured.merge.files);
  return repeat;
}

Result<reports::Repeat> StepRun::measure_step(const MeasuredCheckpoint& step, const Stage& stage) {
  begin_stage(stage.name, ProgressUnit::steps);
  CheckpointMeasurement measured = TRY(act_on_checkpoint(step.action, step.checkpoint));
  reports::Repeat repeat;
  repeat.duration_s = measured.duration_s;
  repeat.checkpoints = measured.totals;
  repeat.files = std::move(measured.files);
  return repeat;
}

Result<reports::Repeat> StepRun::measure_step(const MeasuredDamage& step, const Stage& stage) {
  begin_stage(stage.name, ProgressUnit::steps);
  DamageMeasurement measured =
      TRY(target_.damage_each_file(step.kind, scenario_.seed, step_progress(), stop_));
  reports::Repeat repeat;
  repeat.duration_s = measured.duration_s;
  repeat.damage = std::move(measured.totals);
  return repeat;
}

// The operation on the target, and in the story that knows what references mean. Faults:
// checkpoint-unknown, checkpoint-exists, which no scenario that was checked runs into.
Result<CheckpointMeasurement> StepRun::act_on_checkpoint(CheckpointAction action,
                                                         const std::string& reference) {
  const auto name = action == CheckpointAction::take ? story_.take(reference) : story_.find(reference);
  if (!name) {
    const bool takes = action == CheckpointAction::take;
    return failure(ErrorKind::invalid_argument, takes ? "checkpoint-exists" : "checkpoint-unknown",
                   fmt::format("there is {} checkpoint '{}'", takes ? "already a" : "no", reference));
  }
  auto measured = TRY(target_.act_on_checkpoint(action, *name));
  if (action != CheckpointAction::take) story_.carry_out(action, *name);
  return measured;
}

void StepRun::begin_stage(const std::string& name, ProgressUnit unit) {
  progress_.stage(name, unit);
  progress_.time_left(time_plan_.time_left());
}

StepProgress StepRun::step_progress() {
  return [this](uint64_t done, uint64_t total) { progress_.update(done, total); };
}

}  // namespace vhdlab::scenarios
