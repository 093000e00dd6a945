// The program: a table of commands, and the world they are given.
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>
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
    {"disk create", "make a new virtual disk", disk_create::syntax, disk_create::run},
    {"disk info", "show what one VHDX file says about itself", disk_info::syntax, disk_info::run},
    {"disk chain", "show the files a disk is made of", disk_chain::syntax, disk_chain::run},
    {"disk map", "show where every byte of a disk stands", disk_map::syntax, disk_map::run},
    {"disk merge", "merge layers of a chain into the one below", disk_merge::syntax, disk_merge::run},
    {"disk convert", "copy a disk into one new file, raw or VHDX", disk_convert::syntax, disk_convert::run},
    {"disk compact", "give back space a disk does not need", disk_compact::syntax, disk_compact::run},
    {"disk resize", "make a disk larger or smaller", disk_resize::syntax, disk_resize::run},
    {"disk check", "find everything that is wrong with a disk", disk_check::syntax, disk_check::run},
    {"disk repair", "mend what can be mended without guessing", disk_repair::syntax, disk_repair::run},
    {"disk relink", "give a disk its parent back", disk_relink::syntax, disk_relink::run},
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
