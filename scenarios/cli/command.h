// What a command is and what it is given. A command is a row of the table in main.cpp: its name, one line of
// help, its syntax, and a function that gets the world as an argument and returns a failure or how it ended.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/random.h"
#include "engine/base/units.h"
#include "engine/chain/copy_disk.h"
#include "engine/io/file_system.h"
#include "scenarios/cli/command_line.h"

namespace vhdlab::scenarios {

// What the shell sees. A program that was asked to stop ends by the signal that asked.
enum class ExitCode {
  done = 0,
  failed = 1,       // the work could not be done; the reason is on standard error
  wrong_use = 2,    // the command line or the scenario makes no sense; nothing was begun
  missed_goal = 3,  // a result missed an `expect` of the scenario
};

struct TerminalFacts {
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  bool out_colour = false;  // a terminal, and NO_COLOR is not set
  bool err_colour = false;
  size_t width_columns = 100;
};

// Which program this is, fixed when it was built.
struct BuildFacts {
  std::string_view version;   // "0.1.0"
  std::string_view commit;    // full hash, with "+changes" for a tree that was not clean; empty: unknown
  std::string_view compiler;  // "g++ 12.2.0, RelWithDebInfo"
};

// The world of one command. Everything referred to outlives it.
struct CommandContext {
  FileSystem& files;
  RandomSource& random;  // for identities of disks, not for workloads
  std::ostream& out;     // results, nothing else; a failed stream is the caller's to report
  std::ostream& err;     // progress and diagnostics
  TerminalFacts terminal;
  BuildFacts build;
  StopRequested stop;                                                    // true once the user asked to stop
  std::function<Nanoseconds()> now;                                      // monotonic
  std::function<Result<uint64_t>(const std::string&)> free_space_bytes;  // of the device that holds a folder
  std::optional<std::string> library_folder;                             // the shipped scenarios
  // Asks the person at the terminal; true for a yes. Empty where nobody is there to answer.
  std::function<bool(const std::string& question)> confirm = {};
  std::function<int64_t()> unix_seconds = {};  // the calendar's clock
  // Starts this program once more with these words, detached, and does not wait for it.
  std::function<Result<void>(const std::vector<std::string>& words)> run_behind = {};
};

using CommandFunction = Result<ExitCode> (*)(const CommandContext& context, const Arguments& arguments);

struct Command {
  std::string_view name;     // "disk create"
  std::string_view summary;  // one line for the list of commands
  CommandSyntax (*syntax)();
  CommandFunction run;
};

}  // namespace vhdlab::scenarios
