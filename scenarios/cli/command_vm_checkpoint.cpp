// vhdlab vm checkpoint, apply, delete, delete-subtree, rename: changes of a machine's tree.
#include <array>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "scenarios/cli/commands.h"
#include "scenarios/cli/disk_survey.h"
#include "scenarios/cli/output_format.h"
#include "scenarios/cli/text_table.h"
#include "scenarios/cli/vm_view.h"

namespace vhdlab::scenarios {
namespace {

constexpr std::array<std::string_view, 3> kind_words = {"standard", "production", "crash-consistent"};

constexpr Option merge_behind_option = {
    "merge-behind", "",
    "start 'vhdlab vm merge' behind this command, in a process of its own; without it merges wait"};

// What an operation did, in one shape for all: the machine's tree afterwards is 'vm tree'.
void show(const CommandContext& context, const Arguments& arguments, const Machine& machine,
          OutputFormat format, const std::string& sentence, const std::optional<Checkpoint>& about) {
  if (format == OutputFormat::json) {
    nlohmann::ordered_json document;
    document["checkpoint"] = nullptr;
    if (about) document["checkpoint"] = {{"id", about->id.to_lower()}, {"name", about->name}};
    document["state"] = word_of(machine.manifest().state);
    document["now"] = nlohmann::ordered_json::array();
    for (const DiskFiles& disk : machine.tree().disks)
      document["now"].push_back(disk.now);
    document["removed_paths"] = machine.cleared_paths();
    document["pending_merges"] = nlohmann::ordered_json::array();
    for (const PendingMerge& merge : pending_merges(machine.tree()))
      document["pending_merges"].push_back(as_json(merge, std::nullopt));
    context.out << json_text(document);
    return;
  }
  context.out << sentence << "\n";
  const size_t removed = machine.cleared_paths().size();
  if (removed > 0) context.out << fmt::format("{} file{} removed\n", removed, removed == 1 ? "" : "s");
  context.out << pending_line(machine, arguments.positional(0));
}

struct Named {
  Machine machine;
  Checkpoint checkpoint;  // as it was before
};

Result<Named> open_named(const CommandContext& context, const Arguments& arguments) {
  Machine machine = TRY(Machine::open(context.files, arguments.positional(0), context.random));
  const Guid id = TRY(find_checkpoint_by_word(machine.tree(), arguments.positional(1)));
  const Checkpoint checkpoint = *find_checkpoint(machine.tree(), id);
  return Named{std::move(machine), checkpoint};
}

using Delete = Result<void> (Machine::*)(const Guid&);

Result<ExitCode> delete_by(const CommandContext& context, const Arguments& arguments, Delete remove,
                           std::string_view what) {
  const OutputFormat format = TRY(output_format(arguments));
  std::vector<std::string> merge_command;
  {
    Named named = TRY(open_named(context, arguments));
    TRY((named.machine.*remove)(named.checkpoint.id));
    show(context, arguments, named.machine, format,
         fmt::format("deleted {} '{}'", what, printable(named.checkpoint.name)), named.checkpoint);
    if (arguments.has("merge-behind") && !pending_merges(named.machine.tree()).empty())
      merge_command = {"vm", "merge", named.machine.folder(), "--quiet"};
  }  // lets go of the machine: the merge wants to hold it
  if (merge_command.empty()) return ExitCode::done;
  if (!context.run_behind)
    return usage_failure("usage-option", "nothing can be started behind this command", "call 'vm merge'");
  TRY(context.run_behind(merge_command));
  return ExitCode::done;
}

CommandSyntax delete_syntax(std::string_view description, std::string_view example) {
  return {
      .positionals = {{"MACHINE"}, {"CHECKPOINT"}},
      .options = {merge_behind_option, format_option},
      .description = description,
      .example = example,
  };
}

}  // namespace

namespace vm_checkpoint {

CommandSyntax syntax() {
  return {
      .positionals = {{"MACHINE"}, {"NAME", Count::optional}},
      .options =
          {
              {"kind", "KIND",
               "'standard' (the default), 'production' or 'crash-consistent'; see the manual for what each "
               "keeps"},
              format_option,
          },
      .description =
          "Freezes the files of all disks and gives the machine new, empty ones on them. Nothing is copied: "
          "a checkpoint is not a backup. Without a name it gets the machine's name and the time; names have "
          "up to 100 characters, and 'Now' is none. The disks must not be open for writing anywhere.",
      .example = "vm checkpoint web 'before the update'",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const OutputFormat format = TRY(output_format(arguments));
  const size_t kind = TRY(arguments.choice("kind", kind_words)).value_or(0);
  Machine machine = TRY(Machine::open(context.files, arguments.positional(0), context.random));
  const std::string name = arguments.positionals().size() > 1 ? arguments.positional(1) : "";
  const Guid id = TRY(machine.take_checkpoint(
      {.name = name, .kind = *checkpoint_kind_of(kind_words[kind]), .unix_seconds = seconds_now(context)}));
  show(context, arguments, machine, format, fmt::format("took {}", describe(machine.tree(), id)),
       *find_checkpoint(machine.tree(), id));
  return ExitCode::done;
}

}  // namespace vm_checkpoint

namespace vm_apply {

CommandSyntax syntax() {
  return {
      .positionals = {{"MACHINE"}, {"CHECKPOINT"}},
      .options =
          {
              {"checkpoint-first", "", "take a checkpoint of Now before, so that applying can be undone"},
              format_option,
          },
      .description =
          "Takes the machine back to a checkpoint, by its name or the beginning of its id. What was written "
          "since the last checkpoint is gone unless --checkpoint-first keeps it. A machine that runs is "
          "turned "
          "off, or runs on from saved memory where the checkpoint has some.",
      .example = "vm apply web 'before the update' --checkpoint-first",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const OutputFormat format = TRY(output_format(arguments));
  Named named = TRY(open_named(context, arguments));
  Machine& machine = named.machine;
  const MachineState before = machine.manifest().state;
  std::string sentence;
  if (arguments.has("checkpoint-first")) {
    const Guid kept = TRY(machine.take_checkpoint({.unix_seconds = seconds_now(context)}));
    sentence = fmt::format("took {}\n", describe(machine.tree(), kept));
  }
  TRY(machine.apply(named.checkpoint.id));
  sentence += fmt::format("applied {}", describe(machine.tree(), named.checkpoint.id));
  const MachineState after = machine.manifest().state;
  if (after != before || after == MachineState::running)
    sentence += fmt::format("; the machine was {} and is {}", word_of(before), word_of(after));
  show(context, arguments, machine, format, sentence, named.checkpoint);
  return ExitCode::done;
}

}  // namespace vm_apply

namespace vm_delete {

CommandSyntax syntax() {
  return delete_syntax(
      "Takes one checkpoint out of the tree; Now and every other checkpoint keep their content. Returns at "
      "once: a file that is to be merged with the one on it waits for 'vm merge'. A file with two or more on "
      "it "
      "stays until one is left.",
      "vm delete web 'before the update'");
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  return delete_by(context, arguments, &Machine::delete_checkpoint, "checkpoint");
}

}  // namespace vm_delete

namespace vm_delete_subtree {

CommandSyntax syntax() {
  return delete_syntax(
      "Takes a checkpoint and all below it out of the tree. Now keeps its content: files off its path are "
      "removed, those on it wait for 'vm merge', which takes them in one pass.",
      "vm delete-subtree web 1f3a");
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  return delete_by(context, arguments, &Machine::delete_subtree, "the subtree of");
}

}  // namespace vm_delete_subtree

namespace vm_rename {

CommandSyntax syntax() {
  return {
      .positionals = {{"MACHINE"}, {"CHECKPOINT"}, {"NAME"}},
      .options = {format_option},
      .description = "Gives a checkpoint another name. Names need not be unique.",
      .example = "vm rename web 1f3a 'known good'",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const OutputFormat format = TRY(output_format(arguments));
  Named named = TRY(open_named(context, arguments));
  TRY(named.machine.rename(named.checkpoint.id, arguments.positional(2)));
  show(context, arguments, named.machine, format,
       fmt::format("'{}' is now '{}'", printable(named.checkpoint.name), printable(arguments.positional(2))),
       *find_checkpoint(named.machine.tree(), named.checkpoint.id));
  return ExitCode::done;
}

}  // namespace vm_rename
}  // namespace vhdlab::scenarios
