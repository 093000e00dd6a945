// Whether a VHDX can remember a path as its parent's. It writes '\' between folders, as Windows does, so a
// name that holds one itself, which Linux allows, could not be found again: the child would be broken from
// the start.
#pragma once

#include <string>

#include "engine/base/error.h"

namespace vhdlab::scenarios {

// Refuses `parent` where the way to it from the child's folder holds a backslash. Faults: parent-backslash.
[[nodiscard]] Result<void> check_parent_name(const std::string& child, const std::string& parent);

}  // namespace vhdlab::scenarios
