// Replacing a small text file in one step, so that a crash or a full disk leaves either the old file or the
// new one.
#pragma once

#include <string>
#include <string_view>

#include "engine/base/error.h"

namespace vhdlab::reports {

// Writes a sibling file, flushes it, renames it over `path` and flushes the folder. A failure leaves `path`
// as it was and removes the sibling. Fault: result-write; the kind is no_space, permission_denied, not_found
// or io_failed.
[[nodiscard]] Result<void> write_text_file(const std::string& path, std::string_view text);

}  // namespace vhdlab::reports
