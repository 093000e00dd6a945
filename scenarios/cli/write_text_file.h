// Writing a small result file whole or not at all.
#pragma once

#include <string>
#include <string_view>

#include "engine/base/error.h"
#include "engine/base/random.h"
#include "engine/io/file_system.h"

namespace vhdlab::scenarios {

// Faults: file-exists (something is at `path` that may not be replaced), file-not-regular (a folder, link,
// device, pipe or socket, which nothing replaces: /dev/null stays what it is).
[[nodiscard]] Result<void> require_absent(FileSystem& files, const std::string& path, bool may_replace);

// Writes beside `path` and renames, so that a reader finds the old file or the whole new one; durable on
// return, nothing left behind on failure. Faults: those of writing.
[[nodiscard]] Result<void> write_text_file(FileSystem& files, RandomSource& random, const std::string& path,
                                           std::string_view text);

}  // namespace vhdlab::scenarios
