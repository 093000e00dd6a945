// The scenarios that come with the program.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/io/file_system.h"
#include "scenarios/language/finding.h"

namespace vhdlab::scenarios {

// Where they lie, seen from the program's own file: share/vhdlab beside an installed bin, or the root of the
// checkout a build tree is in. Nothing where neither is there.
[[nodiscard]] std::optional<std::string> find_library_folder(const std::string& program_path);

struct LibraryEntry {
  std::string name;  // as `vhdlab run` takes it: "quick", "papers/mm1"
  std::string path;
  std::string question;  // what a run answers
};

// Sorted by name, those held against published figures (papers/) last. Faults: those of listing and reading.
[[nodiscard]] Result<std::vector<LibraryEntry>> list_library(FileSystem& files, const std::string& folder);

// What a user means by the FILE of a command: the file of that name, else the shipped scenario of that name,
// else `given` as it is.
[[nodiscard]] std::string resolve_scenario_path(FileSystem& files, const std::optional<std::string>& folder,
                                                const std::string& given);

// Where nothing is called `given`, the hint of its finding names the shipped scenario that was probably
// meant. Other findings stay as they are.
void suggest_shipped_scenario(FileSystem& files, const std::optional<std::string>& folder,
                              const std::string& given, Findings& findings);

}  // namespace vhdlab::scenarios
