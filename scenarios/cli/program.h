// From the words of a command line to a command and back to an exit code: finds the command, answers --help
// and --version, and says what went wrong.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "scenarios/cli/command.h"

namespace vhdlab::scenarios {

// Carries out `words` (without the program's name). Never throws. Every failure is on context.err in the end:
//   vhdlab: error: MESSAGE
//   hint: NEXT STEP
[[nodiscard]] ExitCode run_program(std::span<const Command> commands, const std::vector<std::string>& words,
                                   const CommandContext& context);

// Prints a failure as above and says what the shell is to be told.
[[nodiscard]] ExitCode report_failure(const Error& error, const CommandContext& context);

// The overview that `vhdlab --help` prints.
[[nodiscard]] std::string overview_text(std::span<const Command> commands);

}  // namespace vhdlab::scenarios
