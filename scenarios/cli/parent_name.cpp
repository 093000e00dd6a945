// Names of parents; see parent_name.h.
#include "scenarios/cli/parent_name.h"

#include <filesystem>

#include <fmt/format.h>

#include "engine/io/paths.h"
#include "scenarios/cli/command_line.h"

namespace vhdlab::scenarios {

Result<void> check_parent_name(const std::string& child, const std::string& parent) {
  const auto way = std::filesystem::path(absolute_path(parent)).lexically_relative(absolute_folder_of(child));
  if (way.string().find('\\') == std::string::npos) return {};
  return usage_failure(
      "parent-backslash",
      fmt::format("{}: a VHDX writes '\\' between the folders of its parent's path, so it could not "
                  "find this one again",
                  parent),
      "rename the parent or its folder");
}

}  // namespace vhdlab::scenarios
