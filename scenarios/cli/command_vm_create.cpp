// vhdlab vm create, vm remove, vm start, vm stop: machines as a whole.
#include <filesystem>
#include <ostream>
#include <system_error>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "scenarios/cli/commands.h"
#include "scenarios/cli/disk_survey.h"
#include "scenarios/cli/output_format.h"
#include "scenarios/cli/parent_name.h"
#include "scenarios/cli/text_table.h"
#include "scenarios/cli/vm_view.h"

namespace vhdlab::scenarios {
namespace {

constexpr std::array<std::string_view, 3> host_words = {"2008r2", "2012r2", "2016"};

// "web.vhdx=8GiB" makes a new disk, "web.vhdx" takes one that is there.
Result<MachineDiskRequest> read_disk(const std::string& text) {
  const size_t equals = text.rfind('=');
  MachineDiskRequest disk{.file_name = text.substr(0, equals), .size_bytes = {}};
  if (disk.file_name.empty())
    return usage_failure("usage-value", fmt::format("--disk: '{}' names no file", text),
                         "write NAME=SIZE, as in --disk web.vhdx=8GiB, or NAME");
  if (equals == std::string::npos) return disk;
  const auto size = parse_size_bytes(std::string_view(text).substr(equals + 1));
  if (!size) return usage_failure("usage-value", fmt::format("--disk: {}", size.error().message));
  disk.size_bytes = *size;
  return disk;
}

Result<MachineRequest> read_request(const Arguments& arguments) {
  std::filesystem::path folder = std::filesystem::absolute(arguments.positional(0)).lexically_normal();
  if (folder.filename().empty()) folder = folder.parent_path();
  MachineRequest request{.name = arguments.text("name").value_or(folder.filename().string())};
  for (const std::string& text : arguments.texts("disk"))
    request.disks.push_back(TRY(read_disk(text)));
  if (request.disks.empty())
    return usage_failure("usage-option", "a machine needs a disk", "give --disk NAME=SIZE or --disk NAME");
  if (const auto block_size = TRY(arguments.size_bytes("block-size"))) {
    TRY(check_numbers("--block-size", {.disk_size_bytes = vhdx::disk_size_min_bytes,
                                       .block_size_bytes = static_cast<uint32_t>(
                                           std::min<uint64_t>(*block_size, UINT32_MAX))}));
    for (MachineDiskRequest& disk : request.disks)
      disk.block_size_bytes = static_cast<uint32_t>(std::min<uint64_t>(*block_size, UINT32_MAX));
  }
  for (const MachineDiskRequest& disk : request.disks) {
    TRY(check_parent_name(disk.file_name, disk.file_name));  // which it will be of the first checkpoint
    if (!disk.size_bytes) continue;
    TRY(check_numbers(disk.file_name, {.disk_size_bytes = *disk.size_bytes,
                                       .block_size_bytes = disk.block_size_bytes != 0
                                                               ? disk.block_size_bytes
                                                               : vhdx::default_dynamic_block_size_bytes}));
  }
  if (const auto host = TRY(arguments.choice("host", host_words)))
    request.host = *host_generation_of(host_words[*host]);
  if (const auto limit = TRY(arguments.number("limit"))) request.checkpoints_max = *limit;
  return request;
}

// A failure to make the folder leaves none.
Result<bool> make_folder(const std::string& folder) {
  std::error_code error;
  const bool is_new = std::filesystem::create_directories(folder, error);
  if (!error) return is_new;
  return failure(ErrorKind::io_failed, "folder-create",
                 fmt::format("{}: cannot be made: {}", folder, error.message()));
}

void show(const CommandContext& context, const Machine& machine, OutputFormat format,
          const std::string& sentence) {
  if (format == OutputFormat::json) {
    nlohmann::ordered_json document;
    document["folder"] = machine.folder();
    document["name"] = machine.manifest().name;
    document["id"] = machine.manifest().id.to_lower();
    document["state"] = word_of(machine.manifest().state);
    document["disks"] = nlohmann::ordered_json::array();
    for (const DiskFiles& disk : machine.tree().disks)
      document["disks"].push_back(disk.now);
    context.out << json_text(document);
  } else {
    context.out << sentence << "\n";
  }
}

using ChangeState = Result<void> (Machine::*)();

Result<ExitCode> change_state(const CommandContext& context, const Arguments& arguments, ChangeState change) {
  const OutputFormat format = TRY(output_format(arguments));
  Machine machine = TRY(Machine::open(context.files, arguments.positional(0), context.random));
  TRY((machine.*change)());
  show(context, machine, format,
       fmt::format("{} is {}", printable(machine.manifest().name), word_of(machine.manifest().state)));
  return ExitCode::done;
}

}  // namespace

namespace vm_create {

CommandSyntax syntax() {
  return {
      .positionals = {{"MACHINE"}},
      .options =
          {
              {"disk", "NAME[=SIZE]",
               "a disk: with a size a new dynamic VHDX, without one the VHDX file of that name in the "
               "folder; once for each disk",
               true},
              {"name", "NAME", "what the machine is called; by default its folder's name"},
              {"block-size", "SIZE", "block size of new disks; 32MiB by default"},
              {"host", "GENERATION", "whose rules it lives by: 2008r2, 2012r2 or 2016 (the default)"},
              {"limit", "N", "how many checkpoints it may have; 50 by default"},
              format_option,
          },
      .description =
          "Makes a machine: a folder with virtual disks and a manifest that says what they are to each "
          "other. The folder is made where it is not there. Disks that have a past are taken in with 'vm "
          "adopt'.",
      .example = "vm create web --disk web.vhdx=8GiB --disk data.vhdx=20GiB",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const OutputFormat format = TRY(output_format(arguments));
  const MachineRequest request = TRY(read_request(arguments));
  const std::string& folder = arguments.positional(0);
  const bool is_new_folder = TRY(make_folder(folder));
  const auto machine = Machine::create(context.files, folder, request, context.random);
  if (!machine) {
    std::error_code ignored;
    if (is_new_folder) std::filesystem::remove(folder, ignored);  // only where it is empty
    return std::unexpected(machine.error());
  }
  show(context, *machine, format,
       fmt::format("created {}: {} disk{}", printable(machine->manifest().name), request.disks.size(),
                   request.disks.size() == 1 ? "" : "s"));
  return ExitCode::done;
}

}  // namespace vm_create

namespace vm_remove {

CommandSyntax syntax() {
  return {
      .positionals = {{"MACHINE"}},
      .options =
          {
              {"with-disks", "", "remove its disks and all checkpoints, too; asks first"},
              {"yes", "", "do not ask"},
          },
      .description =
          "Forgets a machine: its manifest goes, its disks stay as they are and can be taken in again with "
          "'vm adopt'. The machine must be off.",
      .example = "vm remove web --with-disks",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const std::string& folder = arguments.positional(0);
  Machine machine = TRY(Machine::open(context.files, folder, context.random));
  const bool with_disks = arguments.has("with-disks");
  if (with_disks && !arguments.has("yes")) {
    const std::string question =
        fmt::format("Remove {} with all its disks and {} checkpoints?", printable(machine.manifest().name),
                    machine.tree().checkpoints.size());
    if (!context.confirm)
      return usage_failure("usage-option", "nobody is there to answer",
                           "give --yes to remove without asking");
    if (!context.confirm(question)) {
      context.err << "nothing was removed\n";
      return ExitCode::done;
    }
  }
  const std::string name = machine.manifest().name;
  TRY(machine.remove(with_disks));
  context.out << fmt::format("removed {}{}\n", printable(name),
                             with_disks ? " and its disks" : "; its disks are where they were");
  return ExitCode::done;
}

}  // namespace vm_remove

namespace vm_start {

CommandSyntax syntax() {
  return {
      .positionals = {{"MACHINE"}},
      .options = {format_option},
      .description =
          "Notes that the machine runs. Nothing is started: the state is what the rules of checkpoints look "
          "at.",
      .example = "vm start web",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  return change_state(context, arguments, &Machine::start);
}

}  // namespace vm_start

namespace vm_stop {

CommandSyntax syntax() {
  return {
      .positionals = {{"MACHINE"}},
      .options = {format_option},
      .description = "Notes that the machine is off.",
      .example = "vm stop web",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  return change_state(context, arguments, &Machine::stop);
}

}  // namespace vm_stop
}  // namespace vhdlab::scenarios
