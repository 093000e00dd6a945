// vhdlab vm merge and vm export: the work on a machine that moves bytes.
#include <array>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

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

Result<ExitCode> show_status(const CommandContext& context, const std::string& folder, OutputFormat format) {
  const MachineManifest manifest = TRY(read_manifest(context.files, folder));
  const bool held = is_held(context, folder);
  std::vector<TextRow> rows;
  nlohmann::ordered_json document;
  document["is_held"] = held;
  document["pending_merges"] = nlohmann::ordered_json::array();
  for (const PendingMerge& merge : pending_merges(manifest.tree)) {
    const auto estimate = estimate_pending(context.files, folder, manifest.tree, merge, context.random);
    const auto known = estimate ? std::optional(*estimate) : std::nullopt;
    document["pending_merges"].push_back(as_json(merge, known));
    rows.push_back({std::to_string(merge.sources.size()), known ? format_size(known->bytes_to_move) : "?",
                    known ? format_size(known->bytes_freed) : "?", merge.target});
  }
  if (format == OutputFormat::json) {
    context.out << json_text(document);
    return ExitCode::done;
  }
  if (rows.empty()) {
    context.out << "nothing to merge\n";
  } else {
    print_table(context.out, {{"files", true}, {"to move", true}, {"frees", true}, {"into"}}, rows);
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
              {"status", "", "only show what waits to be merged, and whether a command is at work"},
              quiet_option,
              format_option,
          },
      .description =
          "Carries out the merges that deleting checkpoints left to do: those that move least first, each "
          "run "
          "of files in one pass that moves every block once. May be stopped or killed at any moment; the "
          "next "
          "call goes on. The disks must not be open for writing anywhere.",
      .example = "vm merge web\nvm merge web --status",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const OutputFormat format = TRY(output_format(arguments));
  const std::string& folder = arguments.positional(0);
  if (arguments.has("status")) return show_status(context, folder, format);
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
