// Describing what is going to be measured; see describe_run.h.
#include "scenarios/runner/describe_run.h"

#include <filesystem>
#include <string_view>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "reports/results/metrics.h"
#include "scenarios/language/measurement_kind.h"

namespace vhdlab::scenarios {
namespace {

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

reports::Workload describe(const MeasuredWorkload& workload, const ScenarioPoint& point) {
  reports::Workload described;
  described.pattern = pattern_name(workload.pattern.pattern);
  described.block_size_bytes = workload.pattern.block_size_bytes;
  described.queue_depth = workload.queue_depth;
  described.jobs = workload.jobs;
  described.io = std::string(io_name(point.io));
  described.direct = workload.direct;
  if (workload.arrivals) described.arrivals_per_s = workload.arrivals->per_second;
  if (workload.kind == WorkloadKind::mixed) described.read_share = workload.pattern.read_percentage / 100.0;
  return described;
}

reports::Workload describe(const MeasuredReplay& replay, const ScenarioPoint& point) {
  reports::Workload described;
  described.trace = std::filesystem::path(replay.trace_path).filename().string();
  described.queue_depth = replay.queue_depth;
  described.io = std::string(io_name(point.io));
  described.direct = replay.direct;
  return described;
}

std::string merge_range_of(uint32_t first_layer, uint32_t last_layer, const ScenarioPoint& point) {
  if (first_layer <= 1 && last_layer == point.chain_depth) return "all";
  const bool leaf = first_layer == point.chain_depth && last_layer == point.chain_depth;
  return leaf ? "leaf" : fmt::format("{}..{}", first_layer, last_layer);
}

reports::Workload describe(const MeasuredMerge& merge, const ScenarioPoint& point) {
  reports::Workload described;
  described.merge_range =
      merge.pending ? "pending" : merge_range_of(merge.first_layer, merge.last_layer, point);
  if (merge.pending) return described;
  described.merge_order = order_name(merge.order);
  return described;
}

reports::Workload describe(const MeasuredCheckpoint& step, const ScenarioPoint&) {
  reports::Workload described;
  if (!step.checkpoint.empty()) described.checkpoint = step.checkpoint;
  return described;
}

reports::Workload describe(const MeasuredDamage& step, const ScenarioPoint&) {
  reports::Workload described;
  described.damage = step.kind == DamageKind::header ? "header" : "missing";
  return described;
}

reports::Workload describe(const MeasuredLiveMerge& merge, const ScenarioPoint& point) {
  reports::Workload described = describe(merge.under, point);
  described.under = std::string(reports::kind_name(measurement_kind_of(merge.under)));
  described.merge_range = merge_range_of(merge.first_layer, merge.last_layer, point);
  if (merge.rate_limit_bytes_per_s > 0) described.rate_limit_bytes_per_s = merge.rate_limit_bytes_per_s;
  return described;
}

reports::Point describe(const Scenario& scenario, const ScenarioPoint& point) {
  reports::Point description;
  for (size_t i = 0; i < point.values.size(); ++i) {
    description.parameters.push_back({scenario.sweep[i].name, point.values[i].number, point.values[i].text});
  }
  description.disk = {.format = "vhdx",
                      .size_bytes = point.disk.size_bytes,
                      .block_size_bytes = point.disk.block_size_bytes,
                      .logical_sector_bytes = point.disk.logical_sector_size_bytes,
                      .resolve = point.lookup.resolve == ResolveMode::walk ? "walk" : "index"};
  for (const MeasuredStep& step : point.measure) {
    reports::Measurement measurement;
    measurement.name = name_of(step);
    measurement.kind = measurement_kind_of(step);
    measurement.workload = std::visit([&](const auto& of) { return describe(of, point); }, step);
    measurement.workload.description = reports::describe_workload(measurement.kind, measurement.workload);
    description.measurements.push_back(std::move(measurement));
  }
  return description;
}

}  // namespace

reports::RunRecord describe_run(const Scenario& scenario, std::string_view target_name,
                                const RunOptions& options) {
  reports::RunRecord record;
  record.tool_version = options.tool_version;
  record.tool_commit = options.tool_commit;
  record.scenario_name = scenario.name;
  record.scenario_question = scenario.question;
  record.scenario_source = scenario.source;
  record.target = target_name;
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

void describe_points(const Scenario& scenario, reports::RunRecord& record) {
  for (const ScenarioPoint& point : scenario.points)
    record.points.push_back(describe(scenario, point));
}

}  // namespace vhdlab::scenarios
