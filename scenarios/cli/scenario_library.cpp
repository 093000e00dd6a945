// Finding shipped scenarios; see scenario_library.h.
#include "scenarios/cli/scenario_library.h"

#include <filesystem>

#include "scenarios/language/parse.h"
#include "scenarios/language/words.h"

namespace vhdlab::scenarios {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view below_root = "scenarios/library";
constexpr int levels_to_checkout_root = 5;  // build/<preset>/scenarios/cli/vhdlab

Result<std::string> read_text(FileSystem& files, const std::string& path) {
  const auto file = TRY(files.open(path, OpenMode::read_only));
  std::string text(std::min<uint64_t>(TRY(file->size_bytes()), scenario_bytes_max), '\0');
  TRY(file->read(0, std::as_writable_bytes(std::span(text))));
  return text;
}

// `below` names a folder in the library, with its slash; one that is not there holds nothing.
Result<void> list_folder(FileSystem& files, const std::string& library, const std::string& below,
                         std::vector<LibraryEntry>& entries) {
  const fs::path folder = fs::path(library) / below;
  if (!files.exists(folder.string())) return {};
  for (const std::string& name : TRY(files.list(folder.string()))) {
    const fs::path path = folder / name;
    if (path.extension() != ".yaml") continue;
    const ScenarioSummary summary = summarize_scenario(TRY(read_text(files, path.string())));
    entries.push_back({below + path.stem().string(), path.string(), summary.question});
  }
  return {};
}

}  // namespace

std::optional<std::string> find_library_folder(const std::string& program_path) {
  const fs::path program(program_path);
  std::error_code ignored;
  const fs::path installed = program.parent_path().parent_path() / "share/vhdlab" / below_root;
  if (fs::is_directory(installed, ignored)) return installed.string();
  fs::path root = program;
  for (int level = 0; level < levels_to_checkout_root; ++level)
    root = root.parent_path();
  if (fs::is_directory(root / below_root, ignored)) return (root / below_root).string();
  return std::nullopt;
}

Result<std::vector<LibraryEntry>> list_library(FileSystem& files, const std::string& folder) {
  std::vector<LibraryEntry> entries;
  TRY(list_folder(files, folder, "", entries));
  TRY(list_folder(files, folder, "papers/", entries));
  return entries;
}

std::string resolve_scenario_path(FileSystem& files, const std::optional<std::string>& folder,
                                  const std::string& given) {
  const bool is_path = given.find('/') != std::string::npos && !given.starts_with("papers/");
  if (files.exists(given) || !folder || is_path) return given;
  const fs::path name = fs::path(given).extension() == ".yaml" ? fs::path(given) : fs::path(given + ".yaml");
  const std::string shipped = (fs::path(*folder) / name).string();
  return files.exists(shipped) ? shipped : given;
}

void suggest_shipped_scenario(FileSystem& files, const std::optional<std::string>& folder,
                              const std::string& given, Findings& findings) {
  if (!folder || findings.size() != 1 || files.exists(resolve_scenario_path(files, folder, given))) return;
  const auto entries = list_library(files, *folder);
  if (!entries) return;
  std::vector<std::string_view> names;
  for (const LibraryEntry& entry : *entries)
    names.emplace_back(entry.name);
  const std::string meant = suggestion(given, names);
  if (meant.starts_with("did you mean")) findings[0].hint = meant + " " + findings[0].hint;
}

}  // namespace vhdlab::scenarios
