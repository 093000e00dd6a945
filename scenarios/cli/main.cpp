// The program: a table of commands, and the world they are given.
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "engine/io/posix_file_system.h"
#include "engine/io/system_failure.h"
#include "scenarios/cli/build_facts.h"
#include "scenarios/cli/commands.h"
#include "scenarios/cli/descriptor_stream.h"
#include "scenarios/cli/program.h"
#include "scenarios/cli/scenario_library.h"
#include "scenarios/cli/stop_signals.h"

namespace vhdlab::scenarios {
namespace {

constexpr Command commands[] = {
    {"run", "run a scenario and show what it measured", run_command::syntax, run_command::run},
    {"check", "find every mistake in scenario files", check_command::syntax, check_command::run},
    {"list", "show the scenarios that come with vhdlab", list_command::syntax, list_command::run},
    {"report", "make a report from results", report_command::syntax, report_command::run},
    {"compare", "tell what changed between two runs", compare_command::syntax, compare_command::run},
    {"calibrate", "fit a device profile to measurements", calibrate_command::syntax, calibrate_command::run},
    {"plan", "tell when a volume fills and until when merges fit", plan_command::syntax, plan_command::run},
    {"disk create", "make a new virtual disk", disk_create::syntax, disk_create::run},
    {"disk info", "show what one VHDX file says about itself", disk_info::syntax, disk_info::run},
    {"disk chain", "show the files a disk is made of", disk_chain::syntax, disk_chain::run},
    {"disk family", "find disks that belong together, and merge leftovers", disk_family::syntax,
     disk_family::run},
    {"disk map", "show where every byte of a disk stands", disk_map::syntax, disk_map::run},
    {"disk merge", "merge layers of a chain into the one below", disk_merge::syntax, disk_merge::run},
    {"disk convert", "copy a disk into one new file, raw or VHDX", disk_convert::syntax, disk_convert::run},
    {"disk compact", "give back space a disk does not need", disk_compact::syntax, disk_compact::run},
    {"disk resize", "make a disk larger or smaller", disk_resize::syntax, disk_resize::run},
    {"disk check", "find everything that is wrong with a disk", disk_check::syntax, disk_check::run},
    {"disk repair", "mend what can be mended without guessing", disk_repair::syntax, disk_repair::run},
    {"disk relink", "give a disk its parent back", disk_relink::syntax, disk_relink::run},
    {"disk write", "put the bytes of a file into a disk", disk_write::syntax, disk_write::run},
    {"vm create", "make a machine: a folder of disks with checkpoints", vm_create::syntax, vm_create::run},
    {"vm adopt", "make a machine of disks that are there", vm_adopt::syntax, vm_adopt::run},
    {"vm tree", "show a machine's checkpoints as a tree", vm_tree::syntax, vm_tree::run},
    {"vm checkpoint", "freeze a machine's disks as they are", vm_checkpoint::syntax, vm_checkpoint::run},
    {"vm apply", "take a machine back to a checkpoint", vm_apply::syntax, vm_apply::run},
    {"vm delete", "take a checkpoint out of the tree", vm_delete::syntax, vm_delete::run},
    {"vm delete-subtree", "take a checkpoint and all below it out", vm_delete_subtree::syntax,
     vm_delete_subtree::run},
    {"vm rename", "give a checkpoint another name", vm_rename::syntax, vm_rename::run},
    {"vm export", "copy a checkpoint into a disk of its own", vm_export::syntax, vm_export::run},
    {"vm merge", "carry out the merges that deleting left", vm_merge::syntax, vm_merge::run},
    {"vm risk", "show what is lost with each file", vm_risk::syntax, vm_risk::run},
    {"vm check", "find what is wrong with a machine", vm_check::syntax, vm_check::run},
    {"vm start", "note that a machine runs", vm_start::syntax, vm_start::run},
    {"vm stop", "note that a machine is off", vm_stop::syntax, vm_stop::run},
    {"vm remove", "forget a machine, or remove it with its disks", vm_remove::syntax, vm_remove::run},
};

TerminalFacts look_at_terminal() {
  TerminalFacts facts;
  facts.out_is_terminal = ::isatty(STDOUT_FILENO) == 1;
  facts.err_is_terminal = ::isatty(STDERR_FILENO) == 1;
  const char* no_colour = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool may_colour = (no_colour == nullptr || *no_colour == '\0') && terminal != nullptr &&
                          std::string_view(terminal) != "dumb";
  facts.out_colour = may_colour && facts.out_is_terminal;
  facts.err_colour = may_colour && facts.err_is_terminal;
  winsize size{};
  for (const int descriptor : {STDOUT_FILENO, STDERR_FILENO}) {
    if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
      facts.width_columns = size.ws_col;
      break;
    }
  }
  return facts;
}

Nanoseconds steady_now() {
  return std::chrono::steady_clock::now().time_since_epoch();
}

Result<uint64_t> free_space_bytes(const std::string& folder) {
  struct statvfs status{};
  const std::string path = folder.empty() ? "." : folder;
  if (::statvfs(path.c_str(), &status) != 0) return system_failure(path, "ask for free space", errno);
  return uint64_t{status.f_bavail} * status.f_frsize;
}

std::optional<std::string> library_folder() {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::nullopt : find_library_folder(program.string());
}

// This program once more, with other words, in a session of its own: it goes on when the terminal goes.
Result<void> run_behind(const std::vector<std::string>& words) {
  std::vector<std::string> owned = {"vhdlab"};
  owned.insert(owned.end(), words.begin(), words.end());
  std::vector<char*> arguments;
  for (std::string& word : owned)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    ::posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0);
  pid_t process = 0;
  const int error =
      ::posix_spawn(&process, "/proc/self/exe", &actions, &attributes, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (error != 0) return system_failure("vhdlab", "start behind this command", error);
  return {};
}

// A line from standard input that begins with 'y'; anything else, an end or a signal is a no.
bool is_answered_yes() {
  std::string line;
  for (char letter = 0; ::read(STDIN_FILENO, &letter, 1) == 1 && letter != '\n';)
    line += letter;
  return line.starts_with('y') || line.starts_with('Y');
}

// A result that did not reach its reader is a failure, except where the reader closed the pipe on purpose.
ExitCode finish_output(DescriptorStream& out, const CommandContext& context, ExitCode ended) {
  out.flush();
  const int error = out.error_number();
  if (error == 0 || error == EPIPE) return ended;
  const auto failed = system_failure("standard output", "write the result", error);
  const ExitCode told = report_failure(failed.error(), context);
  return ended == ExitCode::done ? told : ended;
}

int run_process(const std::vector<std::string>& words) {
  watch_stop_signals();
  PosixFileSystem files;
  SystemRandom random;
  DescriptorStream out(STDOUT_FILENO);
  DescriptorStream err(STDERR_FILENO);
  const bool can_ask = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1;
  auto ask = [&err](const std::string& question) {
    err << question << " [y/N] ";
    err.flush();
    return is_answered_yes();
  };
  const CommandContext context{
      .files = files,
      .random = random,
      .out = out,
      .err = err,
      .terminal = look_at_terminal(),
      .build = build_facts(),
      .stop = [] { return stop_signal() != 0; },
      .now = steady_now,
      .free_space_bytes = free_space_bytes,
      .library_folder = library_folder(),
      .confirm = can_ask ? std::function<bool(const std::string&)>(ask) : nullptr,
      .unix_seconds = [] { return static_cast<int64_t>(std::time(nullptr)); },
      .run_behind = run_behind,
  };
  const ExitCode ended = finish_output(out, context, run_program(commands, words, context));
  err.flush();
  if (ended == ExitCode::failed && stop_signal() != 0) end_by_signal(stop_signal());
  return static_cast<int>(ended);
}

}  // namespace
}  // namespace vhdlab::scenarios

int main(int argument_count, char** arguments) {
  return vhdlab::scenarios::run_process(
      std::vector<std::string>(arguments + (argument_count > 0 ? 1 : 0), arguments + argument_count));
}
