// Paths as text, for files that name other files: a parent, the sources of a merge. Nothing is looked up, so
// links stay what they are.
#pragma once

#include <string>

namespace vhdlab {

// The path from the root on, without "." and ".."; what is relative begins in the current folder.
[[nodiscard]] std::string absolute_path(const std::string& path);

// The folder the file at `path` lies in, likewise.
[[nodiscard]] std::string absolute_folder_of(const std::string& path);

}  // namespace vhdlab
