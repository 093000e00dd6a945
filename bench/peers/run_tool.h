// Runs a peer's own program and says what it printed and what it took. No
// shell; standard input is empty.
#pragma once

#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/units.h"

namespace vhdlab::peers {

struct ToolRun {
  std::string output;  // standard output and standard error, as they came
  Nanoseconds duration{0};
  uint64_t resident_bytes_max = 0;  // of the process at its largest, looked at every few milliseconds
};

// Faults: peer-tool-missing, peer-tool-failed (with what it printed).
[[nodiscard]] Result<ToolRun> run_tool(const std::vector<std::string>& arguments);

// Whether PATH has a program of this name.
[[nodiscard]] bool has_tool(const std::string& name);

}  // namespace vhdlab::peers
