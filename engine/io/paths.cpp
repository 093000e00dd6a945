// Paths without a look at the disk; see paths.h.
#include "engine/io/paths.h"

#include <filesystem>

namespace vhdlab {

std::string absolute_path(const std::string& path) {
  return std::filesystem::absolute(path).lexically_normal().string();
}

std::string absolute_folder_of(const std::string& path) {
  return std::filesystem::path(absolute_path(path)).parent_path().string();
}

}  // namespace vhdlab
