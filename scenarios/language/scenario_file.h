// The text of a scenario file as the system gives it. What is no file to read a scenario from (a folder, a
// device, a socket) is refused by name; a pipe is read to its end, for `vhdlab check <(sed ... my.yaml)`.
#pragma once

#include <string>

#include "engine/base/error.h"

namespace vhdlab::scenarios {

// At most bytes_max + 1 bytes, so that the caller sees that there are more. A pipe nobody has opened for
// writing is empty; a reader does not wait for a writer to come. Faults: file-not-found; file-not-regular;
// those of system_failure. Messages leave out the path: a finding names the file already.
[[nodiscard]] Result<std::string> read_scenario_text(const std::string& path, size_t bytes_max);

}  // namespace vhdlab::scenarios
