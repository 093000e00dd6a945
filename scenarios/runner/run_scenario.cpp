// The runner: a straight column from scenario to record; see run_scenario.h.
#include "scenarios/runner/run_scenario.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "reports/findings/findings.h"
#include "reports/results/metrics.h"
#include "scenarios/runner/expectations.h"
#include "scenarios/runner/time_plan.h"
#include "scenarios/workload/arrivals.h"
#include "scenarios/workload/trace.h"

namespace vhdlab::scenarios {
namespace {

using Clock = std::chrono::steady_clock;

// Ordinals of measured steps begin far above any setup's, so that a longer setup leaves their operations as
// they are.
constexpr uint64_t first_measured_ordinal = uint64_t{1} << 32;

class Run {
 public:
  Run(const Scenario& scenario, Target& target, ProgressSink& progress, const StopRequested& stop)
      : scenario_(scenario), target_(target), progress_(progress), stop_(stop), time_plan_(scenario) {}

  // Every repeat goes through all points before the next one begins, so that a machine that gets slower or
  // faster on the way does not look like an effect of the sweep. What was measured before a failure stays in
  // `record`.
  Result<void> all_repeats(reports::RunRecord& record) {
    for (const ScenarioPoint& point : scenario_.points)
      record.points.push_back(describe(point));
    for (uint32_t repeat = 0; repeat < scenario_.repeat; ++repeat) {
      for (size_t i = 0; i < scenario_.points.size(); ++i) {
        TRY(provide_disk(scenario_.points[i], record.points[i], record.verification));
        TRY(one_repeat(scenario_.points[i], record.points[i], repeat));
      }
    }
    TRY(verify(record.verification));
    return target_.discard();
  }

  // One point for itself, whose repeats are all equal to the first.
  Result<void> only(const ScenarioPoint& point, reports::Point& measured,
                    reports::Verification& verification) {
    TRY(provide_disk(point, measured, verification));
    TRY(one_repeat(point, measured, 0));
    TRY(verify(verification));
    for (reports::Measurement& measurement : measured.measurements)
      measurement.repeats.resize(scenario_.repeat, measurement.repeats.front());
    return target_.discard();
  }

  [[nodiscard]] reports::Point describe(const ScenarioPoint& point) const;

 private:
  // Builds the point's disk, unless the one there is the point's own and as it was built.
  Result<void> provide_disk(const ScenarioPoint& point, reports::Point& measured,
                            reports::Verification& verification) {
    if (fresh_disk_of_ == &point) return {};
    if (has_disk_) TRY(verify(verification));
    const Nanoseconds begin = target_.now();
    TRY(build(point));
    has_disk_ = true;
    fresh_disk_of_ = &point;
    if (measured.layers.empty()) {
      measured.setup_duration_s = std::chrono::duration<double>(target_.now() - begin).count();
      measured.layers = TRY(target_.layers());
    }
    return {};
  }

  Result<void> one_repeat(const ScenarioPoint& point, reports::Point& measured, uint32_t repeat) {
    for (size_t step = 0; step < point.measure.size(); ++step) {
      measured.measurements[step].repeats.push_back(TRY(measure_step(point, step, repeat)));
      TRY(refuse_surprises(measured.measurements[step].repeats.back()));
      if (changes_disk(point.measure[step])) fresh_disk_of_ = nullptr;
    }
    return {};
  }

  // Takes the disk through the point's setup, from nothing.
  Result<void> build(const ScenarioPoint& point) {
    const std::string where = prefix(point);
    const auto begin = Clock::now();
    uint64_t ordinal = 0;
    uint32_t checkpoint = 0;
    story_ = {};
    for (const SetupStep& step : flat_setup(point)) {
      ++ordinal;
      if (std::holds_alternative<CreateBase>(step.action)) {
        TRY(target_.prepare(point.sim));
        TRY(point.is_machine ? target_.create_machine(point.disk, scenario_.seed)
                             : target_.create_base(point.disk, scenario_.seed));
      } else if (const auto* taken = std::get_if<TakeCheckpoint>(&step.action)) {
        ++checkpoint;
        if (point.is_machine) {
          TRY(act_on_checkpoint(CheckpointAction::take, taken->name));
        } else {
          TRY(target_.take_checkpoint());
        }
      } else if (const auto* apply = std::get_if<ApplyCheckpoint>(&step.action)) {
        TRY(act_on_checkpoint(CheckpointAction::apply, apply->checkpoint));
        checkpoint = story_.depth_of_now();
      } else {
        const auto& write = std::get<SetupWrite>(step.action);
        const std::string what =
            checkpoint == 0 ? "the base" : fmt::format("layer {} of {}", checkpoint, point.chain_depth);
        begin_stage(fmt::format("{}{} {}", where, write.is_fill ? "filling" : "writing", what),
                    ProgressUnit::bytes);
        const auto stream = TRY(make_pattern_stream(write.pattern, stream_seeds(scenario_.seed, ordinal)));
        const uint64_t block_size = write.pattern.block_size_bytes;
        TRY(target_.write(
            *stream, write.queue_depth,
            [&](uint64_t done, uint64_t total) { progress_.update(done * block_size, total * block_size); },
            stop_));
      }
    }
    time_plan_.done(planned_setup(point), Clock::now() - begin);
    return {};
  }

  Result<reports::Repeat> measure_step(const ScenarioPoint& point, size_t step_index, uint32_t repeat) {
    const MeasuredStep& step = point.measure[step_index];
    const std::string name =
        fmt::format("{}{} ({} of {})", prefix(point), name_of(step), repeat + 1, scenario_.repeat);
    const uint64_t ordinal = first_measured_ordinal + step_index;
    const auto begin = Clock::now();
    auto measured = std::visit([&](const auto& kind) { return measure(kind, point, name, ordinal); }, step);
    time_plan_.done(planned_step(step, planned_setup(point)), Clock::now() - begin);
    return measured;
  }

  Result<reports::Repeat> measure(const MeasuredWorkload& workload, const ScenarioPoint& point,
                                  const std::string& name, uint64_t ordinal) {
    begin_stage(name, workload.duration ? ProgressUnit::nanoseconds : ProgressUnit::steps);
    PatternSettings pattern = workload.pattern;
    PerformSettings settings{.queue_depth = workload.queue_depth,
                             .jobs = workload.jobs,
                             .io = point.io,
                             .direct = workload.direct,
                             .only_reads = workload.kind == WorkloadKind::read,
                             .lookup = point.lookup,
                             .warm_up = workload.warm_up,
                             .duration = workload.duration};
    if (workload.arrivals) settings.arrivals_per_s = workload.arrivals->per_second;
    if (pattern.operations) {  // they count from the end of the warm-up, so the stream itself goes on
      settings.operations_max =
          *pattern.operations + (pattern.flush_every > 0 ? *pattern.operations / pattern.flush_every : 0);
      pattern.operations.reset();
    }
    const StreamSeeds seeds = stream_seeds(scenario_.seed, ordinal);
    auto stream = TRY(make_pattern_stream(pattern, seeds));
    if (workload.arrivals)
      stream = with_arrivals(std::move(stream), workload.arrivals->per_second, seeds.draws);
    return repeat_of(TRY(target_.perform(*stream, settings, step_progress(), stop_)),
                     workload.kind == WorkloadKind::mixed);
  }

  Result<reports::Repeat> measure(const MeasuredReplay& replay, const ScenarioPoint& point,
                                  const std::string& name, uint64_t) {
    begin_stage(name, ProgressUnit::steps);
    const auto trace = TRY(read_trace(replay.trace_path, replay.trace));
    const PerformSettings settings{.queue_depth = replay.queue_depth,
                                   .io = point.io,
                                   .direct = replay.direct,
                                   .lookup = point.lookup,
                                   .as_recorded = replay.timing == ReplayTiming::recorded};
    return repeat_of(TRY(target_.perform(*trace, settings, step_progress(), stop_)), true);
  }

  Result<reports::Repeat> measure(const MeasuredMerge& merge, const ScenarioPoint&, const std::string& name,
                                  uint64_t) {
    reports::Repeat repeat;
    repeat.merge.emplace();
    if (merge.nothing_to_merge()) return repeat;
    begin_stage(name, ProgressUnit::bytes);
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

  Result<reports::Repeat> measure(const MeasuredCheckpoint& step, const ScenarioPoint&,
                                  const std::string& name, uint64_t) {
    begin_stage(name, ProgressUnit::steps);
    CheckpointMeasurement measured = TRY(act_on_checkpoint(step.action, step.checkpoint));
    reports::Repeat repeat;
    repeat.duration_s = measured.duration_s;
    repeat.checkpoints = measured.totals;
    repeat.files = std::move(measured.files);
    return repeat;
  }

  Result<reports::Repeat> measure(const MeasuredDamage& step, const ScenarioPoint&, const std::string& name,
                                  uint64_t) {
    begin_stage(name, ProgressUnit::steps);
    DamageMeasurement measured =
        TRY(target_.damage_each_file(step.kind, scenario_.seed, step_progress(), stop_));
    reports::Repeat repeat;
    repeat.duration_s = measured.duration_s;
    repeat.damage = std::move(measured.totals);
    return repeat;
  }

  // The operation on the target, and in the story that knows what references mean. Faults:
  // checkpoint-unknown, checkpoint-exists, which no scenario that was checked runs into.
  Result<CheckpointMeasurement> act_on_checkpoint(CheckpointAction action, const std::string& reference) {
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

  Result<reports::Repeat> measure(const MeasuredLiveMerge& merge, const ScenarioPoint& point,
                                  const std::string& name, uint64_t ordinal) {
    if (merge.nothing_to_merge()) {
      reports::Repeat repeat;
      repeat.merge.emplace();
      repeat.live = {.finished = true};
      return repeat;
    }
    begin_stage(name, ProgressUnit::bytes);
    const MeasuredWorkload& workload = merge.under;
    PerformSettings settings{.queue_depth = workload.queue_depth,
                             .jobs = workload.jobs,
                             .io = point.io,
                             .direct = workload.direct,
                             .only_reads = workload.kind == WorkloadKind::read,
                             .lookup = point.lookup};
    const StreamSeeds seeds = stream_seeds(scenario_.seed, ordinal);
    auto stream = TRY(make_pattern_stream(workload.pattern, seeds));
    if (workload.arrivals) {
      settings.arrivals_per_s = workload.arrivals->per_second;
      stream = with_arrivals(std::move(stream), workload.arrivals->per_second, seeds.draws);
    }
    LiveMergeMeasurement measured =
        TRY(target_.live_merge({.first_layer = merge.first_layer,
                                .last_layer = merge.last_layer,
                                .rate_limit_bytes_per_s = merge.rate_limit_bytes_per_s,
                                .limits = merge.limits},
                               *stream, settings, step_progress(), stop_));
    reports::Repeat repeat = repeat_of(std::move(measured.workload), workload.kind == WorkloadKind::mixed);
    repeat.duration_s = measured.merge.duration_s;
    repeat.merge = measured.merge.totals;
    repeat.live = std::move(measured.live);
    repeat.files = std::move(measured.merge.files);
    return repeat;
  }

  static reports::Repeat repeat_of(PerformOutcome outcome, bool by_kind) {
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

  // A loss that the rule did not foresee fails the run, and stays in the record.
  static Result<void> refuse_surprises(const reports::Repeat& repeat) {
    if (!repeat.damage) return {};
    for (const reports::DamagedFile& file : repeat.damage->files) {
      if (file.unforeseen.empty()) continue;
      return failure(ErrorKind::wrong_data, "damage-unforeseen",
                     fmt::format("with {} damaged, {}", file.file, file.unforeseen.front()),
                     "this is a fault of vhdlab: its rule of what is lost with a file is wrong; report it");
    }
    return {};
  }

  // A wrong byte fails the run: no number measured on such a disk means anything.
  Result<void> verify(reports::Verification& total) {
    const reports::Verification found = TRY(target_.verify(scenario_.seed));
    total.sectors_checked += found.sectors_checked;
    total.sectors_wrong += found.sectors_wrong;
    if (total.first_wrong.empty()) total.first_wrong = found.first_wrong;
    if (found.sectors_wrong == 0) return {};
    return failure(
        ErrorKind::wrong_data, "verify-wrong-data",
        fmt::format("the disk does not hold what was written to it: {}", found.first_wrong),
        "this is a fault of vhdlab or of the storage below it: keep the work folder and report it");
  }

  [[nodiscard]] std::string prefix(const ScenarioPoint& point) const {
    const std::string text = describe_point(scenario_, point);
    return text.empty() ? text : text + ": ";
  }

  void begin_stage(const std::string& name, ProgressUnit unit) {
    progress_.stage(name, unit);
    progress_.time_left(time_plan_.time_left());
  }

  [[nodiscard]] StepProgress step_progress() {
    return [this](uint64_t done, uint64_t total) { progress_.update(done, total); };
  }

  const Scenario& scenario_;
  Target& target_;
  ProgressSink& progress_;
  const StopRequested& stop_;
  TimePlan time_plan_;
  CheckpointStory story_;  // of the disk that is there
  bool has_disk_ = false;
  const ScenarioPoint* fresh_disk_of_ =
      nullptr;  // the point whose setup the disk has been through, and nothing else
};

// ---- Describing ----

std::string_view pattern_name(AccessPattern pattern) {
  switch (pattern) {
    case AccessPattern::sequential:
      return "sequential";
    case AccessPattern::random:
      return "random";
    case AccessPattern::zipf:
      return "zipf";
  }
  return {};
}

std::string_view order_name(MergeOrder order) {
  switch (order) {
    case MergeOrder::one_pass:
      return "one-pass";
    case MergeOrder::pairwise_oldest_first:
      return "pairwise-oldest-first";
    case MergeOrder::pairwise_newest_first:
      return "pairwise-newest-first";
  }
  return {};
}

std::string_view io_name(IoKind io) {
  switch (io) {
    case IoKind::psync:
      return "psync";
    case IoKind::io_uring:
      return "io_uring";
    case IoKind::mapped:
      return "mapped";
  }
  return {};
}

reports::Measurement describe_step(const MeasuredWorkload& workload, const ScenarioPoint& point) {
  reports::Measurement measurement;
  measurement.kind = workload.kind == WorkloadKind::read    ? reports::MeasurementKind::read
                     : workload.kind == WorkloadKind::write ? reports::MeasurementKind::write
                                                            : reports::MeasurementKind::mixed;
  measurement.workload.pattern = pattern_name(workload.pattern.pattern);
  measurement.workload.block_size_bytes = workload.pattern.block_size_bytes;
  measurement.workload.queue_depth = workload.queue_depth;
  measurement.workload.jobs = workload.jobs;
  measurement.workload.io = std::string(io_name(point.io));
  measurement.workload.direct = workload.direct;
  if (workload.arrivals) measurement.workload.arrivals_per_s = workload.arrivals->per_second;
  if (workload.kind == WorkloadKind::mixed)
    measurement.workload.read_share = workload.pattern.read_percentage / 100.0;
  return measurement;
}

reports::Measurement describe_step(const MeasuredReplay& replay, const ScenarioPoint& point) {
  reports::Measurement measurement;
  measurement.kind = reports::MeasurementKind::replay;
  measurement.workload.trace = std::filesystem::path(replay.trace_path).filename().string();
  measurement.workload.queue_depth = replay.queue_depth;
  measurement.workload.io = std::string(io_name(point.io));
  measurement.workload.direct = replay.direct;
  return measurement;
}

std::string merge_range_of(uint32_t first_layer, uint32_t last_layer, const ScenarioPoint& point) {
  if (first_layer <= 1 && last_layer == point.chain_depth) return "all";
  const bool leaf = first_layer == point.chain_depth && last_layer == point.chain_depth;
  return leaf ? "leaf" : fmt::format("{}..{}", first_layer, last_layer);
}

reports::Measurement describe_step(const MeasuredMerge& merge, const ScenarioPoint& point) {
  reports::Measurement measurement;
  measurement.kind = reports::MeasurementKind::merge;
  measurement.workload.merge_range =
      merge.pending ? "pending" : merge_range_of(merge.first_layer, merge.last_layer, point);
  if (merge.pending) return measurement;
  measurement.workload.merge_order = order_name(merge.order);
  return measurement;
}

reports::Measurement describe_step(const MeasuredCheckpoint& step, const ScenarioPoint&) {
  reports::Measurement measurement;
  if (!step.checkpoint.empty()) measurement.workload.checkpoint = step.checkpoint;
  switch (step.action) {
    case CheckpointAction::take:
      measurement.kind = reports::MeasurementKind::take_checkpoint;
      break;
    case CheckpointAction::apply:
      measurement.kind = reports::MeasurementKind::apply_checkpoint;
      break;
    case CheckpointAction::remove:
      measurement.kind = reports::MeasurementKind::delete_checkpoint;
      break;
    case CheckpointAction::remove_subtree:
      measurement.kind = reports::MeasurementKind::delete_subtree;
      break;
  }
  return measurement;
}

reports::Measurement describe_step(const MeasuredDamage& step, const ScenarioPoint&) {
  reports::Measurement measurement;
  measurement.kind = reports::MeasurementKind::damage;
  measurement.workload.damage = step.kind == DamageKind::header ? "header" : "missing";
  return measurement;
}

reports::Measurement describe_step(const MeasuredLiveMerge& merge, const ScenarioPoint& point) {
  reports::Measurement measurement = describe_step(merge.under, point);
  measurement.workload.under = std::string(reports::kind_name(measurement.kind));
  measurement.kind = reports::MeasurementKind::live_merge;
  measurement.workload.merge_range = merge_range_of(merge.first_layer, merge.last_layer, point);
  if (merge.rate_limit_bytes_per_s > 0)
    measurement.workload.rate_limit_bytes_per_s = merge.rate_limit_bytes_per_s;
  return measurement;
}

reports::Point Run::describe(const ScenarioPoint& point) const {
  reports::Point description;
  for (size_t i = 0; i < point.values.size(); ++i) {
    description.parameters.push_back({scenario_.sweep[i].name, point.values[i].number, point.values[i].text});
  }
  description.disk = {.format = "vhdx",
                      .size_bytes = point.disk.size_bytes,
                      .block_size_bytes = point.disk.block_size_bytes,
                      .logical_sector_bytes = point.disk.logical_sector_size_bytes,
                      .resolve = point.lookup.resolve == ResolveMode::walk ? "walk" : "index"};
  for (const MeasuredStep& step : point.measure) {
    reports::Measurement measurement =
        std::visit([&](const auto& kind) { return describe_step(kind, point); }, step);
    measurement.name = name_of(step);
    measurement.workload.description = reports::describe_workload(measurement.kind, measurement.workload);
    description.measurements.push_back(std::move(measurement));
  }
  return description;
}

reports::RunRecord describe_run(const Scenario& scenario, const Target& target, const RunOptions& options) {
  reports::RunRecord record;
  record.tool_version = options.tool_version;
  record.tool_commit = options.tool_commit;
  record.scenario_name = scenario.name;
  record.scenario_question = scenario.question;
  record.scenario_source = scenario.source;
  record.target = target.name();
  record.seed = scenario.seed;
  record.started_at = options.started_at;
  record.environment = options.environment;
  for (const std::string& override_text : scenario.overrides) {
    const size_t equals = override_text.find('=');
    record.settings.push_back({override_text.substr(0, equals), override_text.substr(equals + 1)});
  }
  for (const SweepVariable& variable : scenario.sweep)
    record.sweep.push_back({variable.name, variable.unit});
  for (const std::string& note : scenario.notes) {
    record.notes.push_back({reports::Note::Severity::note, "scenario", note});
  }
  return record;
}

// Points that a failure left without a single whole repeat go; the others are summed up.
void keep_measured_points(reports::RunRecord& record) {
  std::erase_if(record.points, [](const reports::Point& point) {
    return std::ranges::any_of(point.measurements,
                               [](const auto& measurement) { return measurement.repeats.empty(); });
  });
  for (reports::Point& point : record.points) {
    for (reports::Measurement& measurement : point.measurements)
      reports::summarise_measurement(measurement);
  }
}

std::optional<Error> check_space(const Scenario& scenario, const RunOptions& options) {
  const uint64_t needed = space_needed_bytes(scenario);
  if (!options.space_available_bytes || needed <= *options.space_available_bytes) return std::nullopt;
  return Error{ErrorKind::no_space, "run-no-space",
               fmt::format("the scenario may need {} of disk, and the work folder has {} free",
                           format_size(needed), format_size(*options.space_available_bytes)),
               "choose another folder with --output, or a smaller disk with --set disk.size=..."};
}

// What is known only when the points are through.
void conclude(const Scenario& scenario, RunOutcome& outcome) {
  reports::RunRecord& record = outcome.record;
  record.complete = !outcome.failure;
  if (record.complete) record.expectations = judge(scenario, record);
  record.findings = reports::find_out(record);
}

// ---- Points on targets of their own ----

class PointsApart {
 public:
  PointsApart(const Scenario& scenario, const TargetMaker& make_target, ProgressSink& progress,
              const StopRequested& stop, reports::RunRecord& record)
      : scenario_(scenario),
        make_target_(make_target),
        progress_(progress),
        stop_(stop),
        record_(record),
        ends_(scenario.points.size()) {}

  // The failure of the first point that failed, in the order of the points.
  std::optional<Error> run(uint32_t threads) {
    const auto count = std::min<size_t>(std::max<uint32_t>(threads, 1), scenario_.points.size());
    const bool is_single = scenario_.points.size() == 1;
    if (!is_single) {
      progress_.stage(fmt::format("simulating {} points", scenario_.points.size()), ProgressUnit::steps);
      progress_.update(0, scenario_.points.size());
    }
    std::vector<std::jthread> workers;
    for (size_t i = 1; i < count; ++i)
      workers.emplace_back([this] { work(false); });
    work(is_single);
    workers.clear();  // joins
    return gather();
  }

 private:
  // What a point leaves besides its measurements.
  struct End {
    std::optional<Error> failure;
    reports::Verification verification;
    std::vector<reports::Note> notes;
    Nanoseconds took{0};
  };

  void work(bool shows_progress) {
    for (size_t i = next_++; i < scenario_.points.size() && !has_failed_; i = next_++) {
      const std::unique_ptr<Target> target = make_target_();
      SilentProgress quiet;
      ProgressSink& progress = shows_progress ? progress_ : quiet;
      const Nanoseconds begin = target->now();
      auto ran = Run(scenario_, *target, progress, stop_)
                     .only(scenario_.points[i], record_.points[i], ends_[i].verification);
      ends_[i].took = target->now() - begin;
      ends_[i].notes = target->notes();
      const std::lock_guard lock(mutex_);
      if (!ran) {
        ends_[i].failure = std::move(ran).error();
        has_failed_ = true;
      }
      if (!shows_progress) progress_.update(++points_done_, scenario_.points.size());
    }
  }

  // Points were begun in order, so the first failure is the same whoever was fastest; what others did after
  // it is left out. A run that was stopped keeps everything.
  std::optional<Error> gather() {
    Nanoseconds took{0};
    std::optional<Error> failure;
    for (size_t i = 0; i < ends_.size(); ++i) {
      if (failure && failure->kind != ErrorKind::interrupted) {
        for (reports::Measurement& measurement : record_.points[i].measurements)
          measurement.repeats.clear();
        continue;
      }
      took += ends_[i].took;
      record_.verification.sectors_checked += ends_[i].verification.sectors_checked;
      record_.verification.sectors_wrong += ends_[i].verification.sectors_wrong;
      if (record_.verification.first_wrong.empty())
        record_.verification.first_wrong = ends_[i].verification.first_wrong;
      std::ranges::copy(ends_[i].notes, std::back_inserter(record_.notes));
      if (!failure) failure = std::move(ends_[i].failure);
    }
    record_.duration_s = std::chrono::duration<double>(took).count();
    return failure;
  }

  const Scenario& scenario_;
  const TargetMaker& make_target_;
  ProgressSink& progress_;
  const StopRequested& stop_;
  reports::RunRecord& record_;
  std::vector<End> ends_;  // beside the points
  std::atomic<size_t> next_ = 0;
  std::atomic<bool> has_failed_ = false;
  std::mutex mutex_;  // of progress_ and points_done_
  size_t points_done_ = 0;
};

}  // namespace

uint64_t space_needed_bytes(const Scenario& scenario) {
  uint64_t needed = 0;
  for (const ScenarioPoint& point : scenario.points) {
    uint64_t written = 0;
    for (const SetupStep& step : flat_setup(point)) {
      const auto* write = std::get_if<SetupWrite>(&step.action);
      if (write == nullptr) continue;
      const PatternSettings& pattern = write->pattern;
      written += std::min(pattern.operations.value_or(0) * pattern.block_size_bytes, pattern.range.length);
    }
    const bool copies_files = std::ranges::any_of(
        point.measure, [](const MeasuredStep& step) { return std::holds_alternative<MeasuredDamage>(step); });
    if (copies_files) written += std::min(written, point.disk.size_bytes);  // the largest file, once more
    needed = std::max(needed, point.disk.type == DiskType::fixed ? written + point.disk.size_bytes : written);
  }
  return needed;
}

RunOutcome run_scenario(const Scenario& scenario, Target& target, const RunOptions& options,
                        ProgressSink& progress, const StopRequested& stop) {
  RunOutcome outcome{describe_run(scenario, target, options), check_space(scenario, options)};
  reports::RunRecord& record = outcome.record;
  if (!outcome.failure) {
    const Nanoseconds begin = target.now();
    const auto ran = Run(scenario, target, progress, stop).all_repeats(record);
    if (!ran) outcome.failure = ran.error();
    keep_measured_points(record);
    record.duration_s = std::chrono::duration<double>(target.now() - begin).count();
  }
  progress.finished();
  std::ranges::copy(target.notes(), std::back_inserter(record.notes));
  conclude(scenario, outcome);
  return outcome;
}

RunOutcome run_scenario_apart(const Scenario& scenario, const TargetMaker& make_target, uint32_t threads,
                              const RunOptions& options, ProgressSink& progress, const StopRequested& stop) {
  const std::unique_ptr<Target> any = make_target();
  RunOutcome outcome{describe_run(scenario, *any, options), check_space(scenario, options)};
  if (!outcome.failure) {
    const Run run(scenario, *any, progress, stop);
    for (const ScenarioPoint& point : scenario.points)
      outcome.record.points.push_back(run.describe(point));
    outcome.failure = PointsApart(scenario, make_target, progress, stop, outcome.record).run(threads);
    keep_measured_points(outcome.record);
  }
  progress.finished();
  conclude(scenario, outcome);
  return outcome;
}

}  // namespace vhdlab::scenarios
