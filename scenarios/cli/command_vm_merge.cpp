// vhdlab vm merge and vm export: the work on a machine that moves bytes.
#include <algorithm>
#include <array>
#include <optional>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/merge/merge_time.h"
#include "scenarios/cli/commands.h"
#include "scenarios/cli/disk_survey.h"
#include "scenarios/cli/output_format.h"
#include "scenarios/cli/progress_line.h"
#include "scenarios/cli/text_table.h"
#include "scenarios/cli/vm_view.h"

namespace vhdlab::scenarios {
namespace vm_merge {
namespace {

// Whether some command holds the machine just now.
bool is_held(const CommandContext& context, const std::string& folder) {
  const auto lock = context.files.open(machine_lock_path(folder), OpenMode::read_write);
  return !lock && lock.error().kind == ErrorKind::in_use;
}

// Where a pending merge is, as far as it can be known.
struct MergeState {
  std::optional<PendingMergeEstimate> estimate;
  std::optional<PendingMergeProgress> progress;
  std::optional<double> seconds_left;  // at the rate asked about, or the one it went at last
};

Result<MergeState> state_of(const CommandContext& context, const std::string& folder,
                            const CheckpointTree& tree, const PendingMerge& merge,
                            std::optional<uint64_t> rate_bytes_per_s) {
  MergeState state;
  if (auto estimate = estimate_pending(context.files, folder, merge, context.random))
    state.estimate = *estimate;
  state.progress = TRY(progress_of_pending(context.files, folder, tree, merge));
  std::optional<uint64_t> all;
  if (state.estimate) all = state.estimate->bytes_to_move;
  if (!rate_bytes_per_s && state.progress) rate_bytes_per_s = state.progress->bytes_per_s;
  if (state.progress && state.progress->bytes_to_move) all = state.progress->bytes_to_move;
  const uint64_t moved = state.progress ? state.progress->bytes_moved : 0;
  if (state.progress && state.progress->is_moved) {
    state.seconds_left = 0;
  } else if (all && rate_bytes_per_s) {
    state.seconds_left = seconds_to_merge(*all - std::min(*all, moved),
                                          {.copy_bytes_per_s = static_cast<double>(*rate_bytes_per_s)});
  }
  return state;
}

// "", "63.5 MiB of 146 MiB, 43 %", "all of it".
std::string moved_text(const MergeState& state) {
  if (!state.progress) return "";
  if (state.progress->is_moved) return "all of it";
  const std::string moved = format_size(state.progress->bytes_moved);
  const uint64_t all = state.progress->bytes_to_move.value_or(0);
  if (all == 0) return moved;
  return fmt::format("{}, {} %", moved, state.progress->bytes_moved * 100 / all);
}

void add_progress(nlohmann::ordered_json& document, const MergeState& state) {
  document["bytes_moved"] = nullptr;
  document["seconds_left"] = nullptr;
  if (state.progress && !state.progress->is_moved) document["bytes_moved"] = state.progress->bytes_moved;
  if (state.seconds_left) document["seconds_left"] = *state.seconds_left;
}

Result<ExitCode> show_status(const CommandContext& context, const std::string& folder, OutputFormat format,
                             std::optional<uint64_t> rate_bytes_per_s) {
  const MachineManifest manifest = TRY(read_manifest(context.files, folder));
  const bool held = is_held(context, folder);
  std::vector<TextRow> rows;
  nlohmann::ordered_json document;
  document["is_held"] = held;
  document["pending_merges"] = nlohmann::ordered_json::array();
  for (const PendingMerge& merge : pending_merges(manifest.tree)) {
    const MergeState state = TRY(state_of(context, folder, manifest.tree, merge, rate_bytes_per_s));
    const auto& known = state.estimate;
    document["pending_merges"].push_back(as_json(merge, known));
    add_progress(document["pending_merges"].back(), state);
    rows.push_back({std::to_string(merge.sources.size()), known ? format_size(known->bytes_to_move) : "?",
                    moved_text(state),
                    state.seconds_left
                        ? format_duration(Nanoseconds(static_cast<int64_t>(*state.seconds_left * 1e9)))
                        : "",
                    known ? format_size(known->bytes_freed) : "?", merge.target});
  }
  if (format == OutputFormat::json) {
    context.out << json_text(document);
    return ExitCode::done;
  }
  if (rows.empty()) {
    context.out << "nothing to merge\n";
  } else {
    print_table(
        context.out,
        {{"files", true}, {"to move", true}, {"moved", true}, {"time left", true}, {"frees", true}, {"into"}},
        rows);
  }
  if (held) context.out << "a command is working on the machine\n";
  return ExitCode::done;
}

}  // namespace

CommandSyntax syntax() {
  return {
      .positionals = {{"MACHINE"}},
      .options =
          {
              {"status", "",
               "only show what waits to be merged, how far it is, and whether a command is at work"},
              {"rate", "SIZE", "with --status, tell how long it takes at this much a second"},
              quiet_option,
              format_option,
          },
      .description =
          "Carries out the merges that deleting checkpoints left to do: those that move least first, each "
          "run of files in one pass that moves every block once. May be stopped or killed at any moment; the "
          "next call goes on. The disks must not be open for writing anywhere.",
      .example = "vm merge web\nvm merge web --status",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const OutputFormat format = TRY(output_format(arguments));
  const std::string& folder = arguments.positional(0);
  const auto rate = TRY(arguments.rate_bytes_per_s("rate"));
  if (arguments.has("status")) return show_status(context, folder, format, rate);
  if (rate) return usage_failure("usage-option", "--rate: belongs to --status");
  Machine machine = TRY(Machine::open(context.files, folder, context.random));
  const auto progress = make_progress(context, arguments.has("quiet"));
  progress->stage("merging", ProgressUnit::bytes);
  const auto outcome = machine.merge_pending(
      [&](uint64_t done, uint64_t total) { progress->update(done, total); }, context.stop);
  progress->finished();
  if (!outcome) return std::unexpected(outcome.error());
  if (format == OutputFormat::json) {
    nlohmann::ordered_json document;
    document["merge_count"] = outcome->merges;
    document["copied_bytes"] = outcome->bytes_copied;
    document["zeroed_bytes"] = outcome->bytes_zeroed;
    document["removed_paths"] = outcome->removed_paths;
    context.out << json_text(document);
  } else if (outcome->merges == 0) {
    context.out << "nothing to merge\n";
  } else {
    context.out << fmt::format("merged {} file{} in {} pass{}: {} copied, {} zeroed\n",
                               outcome->removed_paths.size(), outcome->removed_paths.size() == 1 ? "" : "s",
                               outcome->merges, outcome->merges == 1 ? "" : "es",
                               format_size(outcome->bytes_copied), format_size(outcome->bytes_zeroed));
  }
  return ExitCode::done;
}

}  // namespace vm_merge

namespace vm_export {

CommandSyntax syntax() {
  return {
      .positionals = {{"MACHINE"}, {"CHECKPOINT"}, {"TARGET"}},
      .options =
          {
              {"disk", "N", "which disk, counted from 1; by default the only one"},
              quiet_option,
              format_option,
          },
      .description =
          "Copies what a checkpoint holds of one disk into a new dynamic VHDX that depends on nothing. 'Now' "
          "stands for the present content. TARGET must not exist.",
      .example = "vm export web 'before the update' /backup/web.vhdx",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const OutputFormat format = TRY(output_format(arguments));
  Machine machine = TRY(Machine::open(context.files, arguments.positional(0), context.random));
  const size_t disks = machine.tree().disks.size();
  const auto disk = TRY(arguments.number("disk"));
  if (!disk && disks > 1) {
    return usage_failure("usage-option", fmt::format("the machine has {} disks", disks),
                         "say which with --disk N");
  }
  if (disk && (*disk == 0 || *disk > disks)) {
    return usage_failure("usage-value",
                         fmt::format("--disk: {} is not one of the machine's {} disks", *disk, disks));
  }
  RestorePoint point = restore_point_now;
  const auto found = find_checkpoint_by_word(machine.tree(), arguments.positional(1));
  if (found) {
    point = *found;
  } else if (arguments.positional(1) != "Now" || found.error().fault != "checkpoint-unknown") {
    return std::unexpected(found.error());
  }
  const auto progress = make_progress(context, arguments.has("quiet"));
  progress->stage("exporting", ProgressUnit::bytes);
  const auto copied = machine.export_disk(
      disk.value_or(1) - 1, point, arguments.positional(2),
      [&](uint64_t done, uint64_t total) { progress->update(done, total); }, context.stop);
  progress->finished();
  if (!copied) return std::unexpected(copied.error());
  if (format == OutputFormat::json) {
    nlohmann::ordered_json document;
    document["target_path"] = arguments.positional(2);
    document["restore_point"] = as_json(machine.tree(), point);
    document["read_bytes"] = copied->bytes_read;
    document["written_bytes"] = copied->bytes_written;
    context.out << json_text(document);
  } else {
    context.out << fmt::format("exported {} to {}: {} written\n", describe(machine.tree(), point),
                               printable(arguments.positional(2)), format_size(copied->bytes_written));
  }
  return ExitCode::done;
}

}  // namespace vm_export
}  // namespace vhdlab::scenarios
