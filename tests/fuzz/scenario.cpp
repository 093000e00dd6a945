// Scenario files. Any text ends in findings, at least one, each with a sentence and a place in order; or in a
// scenario whose every point keeps to the limits that scenario.h promises.
#include "scenarios/language/scenario.h"

#include <algorithm>
#include <bit>
#include <tuple>

#include "scenarios/language/parse.h"
#include "tests/fuzz/fuzz_target.h"

namespace vhdlab::fuzz {
namespace {

using namespace scenarios;

void check_findings(const Findings& findings) {
  promise(!findings.empty() && findings.size() <= findings_max, "one finding to findings_max");
  for (const Finding& finding : findings) {
    promise(!finding.message.empty(), "a finding says what is wrong");
    promise(!finding.text().empty(), "a finding can be shown");
  }
  promise(std::ranges::is_sorted(
              findings, {}, [](const Finding& finding) { return std::tie(finding.line, finding.column); }),
          "findings stand in the order of the file");
  promise(!render_findings(findings).empty(), "findings can be shown");
}

void check_pattern(const PatternSettings& pattern, const DiskSettings& disk) {
  promise(!pattern.range.empty() && pattern.range.length <= disk.size_bytes &&
              pattern.range.offset <= disk.size_bytes - pattern.range.length,
          "a pattern's range lies inside the disk");
  promise(pattern.block_size_bytes > 0 && pattern.block_size_bytes <= pattern.range.length,
          "a pattern's block fits its range");
  promise(pattern.read_percentage <= 100, "a share is at most all");
  promise(pattern.zipf_theta > 0 && pattern.zipf_theta <= 10, "theta is above 0 and at most 10");
}

// Every reference means a checkpoint that is there. A variable without a value, in a check, ends the story.
void check_story(const ScenarioPoint& point, const std::vector<SetupStep>& setup, bool has_unset_variables) {
  CheckpointStory story;
  const auto act = [&](CheckpointAction action, const std::string& reference) {
    if (action != CheckpointAction::take && reference.empty() && has_unset_variables) return false;
    const auto name = action == CheckpointAction::take ? story.take(reference) : story.find(reference);
    promise(name.has_value(), "a checkpoint is new, or is there");
    if (action != CheckpointAction::take) story.carry_out(action, *name);
    return true;
  };
  for (const SetupStep& step : setup) {
    if (const auto* taken = std::get_if<TakeCheckpoint>(&step.action))
      (void)act(CheckpointAction::take, taken->name);
    if (const auto* apply = std::get_if<ApplyCheckpoint>(&step.action)) {
      if (!act(CheckpointAction::apply, apply->checkpoint)) return;
    }
  }
  promise(story.depth_of_now() == point.chain_depth, "the depth is Now's");
  for (const MeasuredStep& step : point.measure) {
    const auto* operation = std::get_if<MeasuredCheckpoint>(&step);
    if (operation != nullptr && !act(operation->action, operation->checkpoint)) return;
    const auto* merge = std::get_if<MeasuredMerge>(&step);
    promise(merge == nullptr || merge->pending, "a machine's layers are merged as its checkpoints say");
    promise(story.count() <= machine_checkpoints_max, "checkpoints at once");
  }
}

void check_point(const Scenario& whole, const ScenarioPoint& point, bool has_unset_variables) {
  promise(point.values.size() == whole.sweep.size(), "a point has a value for each variable");
  const DiskSettings& disk = point.disk;
  promise(disk.size_bytes >= 3 * mib && disk.size_bytes <= 64 * tib, "3 MiB to 64 TiB");
  promise(std::has_single_bit(disk.block_size_bytes) && disk.block_size_bytes >= 1 * mib &&
              disk.block_size_bytes <= 256 * mib,
          "blocks of 1 to 256 MiB");
  promise(disk.logical_sector_size_bytes == 512 || disk.logical_sector_size_bytes == 4096, "logical sectors");
  promise(disk.physical_sector_size_bytes == 512 || disk.physical_sector_size_bytes == 4096,
          "physical sectors");
  promise(disk.size_bytes % disk.logical_sector_size_bytes == 0, "whole sectors");

  const std::vector<SetupStep> setup = flat_setup(point);
  promise(setup.size() <= setup_steps_max, "the setup keeps to its limit");
  uint32_t checkpoints = 0;
  for (const SetupStep& step : setup) {
    promise(!std::holds_alternative<SetupRepeat>(step.action), "a flat setup repeats nothing");
    checkpoints += std::holds_alternative<TakeCheckpoint>(step.action) ? 1 : 0;
    if (const auto* write = std::get_if<SetupWrite>(&step.action)) {
      check_pattern(write->pattern, disk);
      promise(write->pattern.operations.has_value(), "a setup's write ends");
      promise(write->queue_depth >= 1 && write->queue_depth <= queue_depth_max, "queue depth");
    }
  }
  if (point.is_machine) {
    check_story(point, setup, has_unset_variables);
  } else {
    promise(checkpoints == point.chain_depth, "the depth counts the checkpoints");
  }
  promise(!point.measure.empty() && point.measure.size() <= measured_steps_max, "measured steps");
  for (const MeasuredStep& step : point.measure) {
    promise(!name_of(step).empty(), "a measured step has a name");
    if (const auto* workload = std::get_if<MeasuredWorkload>(&step)) {
      check_pattern(workload->pattern, disk);
      promise(workload->duration || workload->pattern.operations, "a measured step ends");
      promise(workload->queue_depth >= 1 && workload->queue_depth <= queue_depth_max, "queue depth");
    }
    if (const auto* merge = std::get_if<MeasuredMerge>(&step)) {
      promise(merge->first_layer <= merge->last_layer && merge->last_layer <= point.chain_depth,
              "layers of the chain");
    }
  }
}

}  // namespace

void scenario(Bytes bytes) {
  const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  // Texts of even length stand for `vhdlab check`, where variables may have no value.
  const ParseOptions options{.folder = "/scenarios", .accept_unset_variables = text.size() % 2 == 0};
  const auto parsed = parse_scenario(text, "input.yaml", options);
  (void)summarize_scenario(text);
  if (!parsed) {
    check_findings(parsed.error());
    return;
  }
  promise(!parsed->points.empty() && parsed->points.size() <= points_max, "one point to points_max");
  promise(parsed->repeat >= 1 && parsed->repeat <= repeat_max, "repeats");
  for (const ScenarioPoint& point : parsed->points)
    check_point(*parsed, point, options.accept_unset_variables);
  for (const Expectation& expectation : parsed->expectations) {
    for (const Expectation::Comparison& each : expectation.comparisons)
      promise(each.point < parsed->points.size() && each.baseline.value_or(0) < parsed->points.size(),
              "expectations speak of points there are");
  }
}

}  // namespace vhdlab::fuzz
