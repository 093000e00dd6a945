// Runs another program to its end and collects what it says: for outside judges and for the command line
// itself. No shell is involved: arguments arrive as given. Standard input is empty.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"

namespace vhdlab::tests {

struct ProgramOptions {
  std::optional<std::filesystem::path> working_directory = {};  // this process's own where absent
  // Then the program and its children are killed.
  std::chrono::milliseconds timeout = std::chrono::minutes(2);
  std::vector<std::pair<std::string, std::string>> environment = {};  // set on top of this process's own
};

struct ProgramResult {
  int exit_code = 0;  // 128 + the signal where one ended it, as a shell reports it
  bool timed_out = false;
  std::string output;  // standard output
  std::string errors;  // standard error

  [[nodiscard]] bool succeeded() const { return exit_code == 0 && !timed_out; }
};

// `arguments` begins with the program: a path, or a name looked up in PATH. A program that runs and fails is
// a result; only one that cannot be started is a failure. Faults: program-not-found, program-not-started.
[[nodiscard]] Result<ProgramResult> run_program(const std::vector<std::string>& arguments,
                                                const ProgramOptions& options = {});

// True where PATH has a program of this name: for tests that skip without it.
[[nodiscard]] bool has_program(const std::string& name);

}  // namespace vhdlab::tests
