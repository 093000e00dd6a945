// The journal as text, one fact a line, closed by a checksum of all before it:
//
//   vhdlab family 1
//   step STATE COPY ZERO GROWTH FREED     (waiting, begun or done; bytes)
//   chain PATH
//   target GUID PATH
//   source GUID PATH                      (each, the lowest first)
//   child GUID PATH                       (where there is one)
//   ...
//   end CHECKSUM
#include "engine/merge/family_journal.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include <fmt/format.h>

#include "engine/io/paths.h"
#include "engine/merge/record_file.h"

namespace vhdlab {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view first_line = "vhdlab family 1";
constexpr std::array<std::string_view, 3> state_names = {"waiting", "begun", "done"};
constexpr uint64_t journal_size_max = 64 * mib;

std::string from_folder(const std::string& folder, const std::string& path) {
  const fs::path relative = fs::path(absolute_path(path)).lexically_relative(absolute_path(folder));
  const bool is_inside = !relative.empty() && *relative.begin() != "..";
  return is_inside ? relative.string() : absolute_path(path);
}

std::string in_folder(const std::string& folder, std::string_view path) {
  return (fs::path(folder) / path).lexically_normal().string();
}

std::string to_text(const std::string& folder, const FamilyJournal& journal) {
  std::string text = fmt::format("{}\n", first_line);
  auto add_disk = [&](std::string_view role, const PlannedDisk& disk) {
    text += fmt::format("{} {} {}\n", role, disk.identity.to_lower(), from_folder(folder, disk.path));
  };
  for (const auto& [state, step] : journal.steps) {
    text += fmt::format("step {} {} {} {} {}\n", state_names.at(static_cast<size_t>(state)),
                        step.bytes_to_copy, step.bytes_to_zero, step.growth_bytes, step.freed_bytes);
    text += fmt::format("chain {}\n", from_folder(folder, step.chain_path));
    add_disk("target", step.target);
    for (const PlannedDisk& source : step.sources)
      add_disk("source", source);
    if (step.child) add_disk("child", *step.child);
  }
  return sealed(std::move(text));
}

bool read_step_line(std::string_view line, JournalStep& step) {
  const auto state = std::ranges::find(state_names, take(line, ' '));
  if (state == state_names.end()) return false;
  step.state = static_cast<StepState>(state - state_names.begin());
  return read_number(take(line, ' '), step.step.bytes_to_copy) &&
         read_number(take(line, ' '), step.step.bytes_to_zero) &&
         read_number(take(line, ' '), step.step.growth_bytes) && read_number(line, step.step.freed_bytes);
}

std::optional<FamilyJournal> from_text(const std::string& folder, std::string_view text) {
  const auto lines = unsealed(text);
  if (!lines) return std::nullopt;
  std::string_view rest = *lines;
  if (take(rest, '\n') != first_line) return std::nullopt;
  FamilyJournal journal;
  while (!rest.empty()) {
    std::string_view line = take(rest, '\n');
    const std::string_view word = take(line, ' ');
    if (word == "step") {
      if (!read_step_line(line, journal.steps.emplace_back())) return std::nullopt;
      continue;
    }
    if (journal.steps.empty()) return std::nullopt;
    PlannedStep& step = journal.steps.back().step;
    if (word == "chain") {
      step.chain_path = in_folder(folder, line);
      continue;
    }
    PlannedDisk disk;
    if (!read_guid(take(line, ' '), disk.identity) || line.empty()) return std::nullopt;
    disk.path = in_folder(folder, line);
    if (word == "target") {
      step.target = std::move(disk);
    } else if (word == "source") {
      step.sources.push_back(std::move(disk));
    } else if (word == "child") {
      step.child = std::move(disk);
    } else {
      return std::nullopt;
    }
  }
  return journal;
}

}  // namespace

bool FamilyJournal::is_finished() const {
  return done_count() == steps.size();
}

size_t FamilyJournal::done_count() const {
  return static_cast<size_t>(std::ranges::count(steps, StepState::done, &JournalStep::state));
}

std::string family_journal_path(const std::string& folder) {
  return (fs::path(folder) / "vhdlab-family.journal").string();
}

Result<void> write_family_journal(FileSystem& files, const std::string& folder,
                                  const FamilyJournal& journal) {
  for (const auto& [state, step] : journal.steps) {
    std::string names = step.chain_path + step.target.path + (step.child ? step.child->path : "");
    for (const PlannedDisk& source : step.sources)
      names += source.path;
    if (names.contains('\n')) {
      return failure(ErrorKind::unsupported, "family-journal-path",
                     fmt::format("{}: a file's name holds a line feed", step.target.path), "rename it");
    }
  }
  return replace_record(files, family_journal_path(folder), to_text(folder, journal));
}

Result<std::optional<FamilyJournal>> read_family_journal(FileSystem& files, const std::string& folder) {
  const std::string path = family_journal_path(folder);
  if (!files.exists(path)) return std::nullopt;
  const auto text = TRY(read_record(files, path, journal_size_max));
  auto journal = text ? from_text(folder, *text) : std::nullopt;
  if (journal) return journal;
  return failure(ErrorKind::damaged, "family-journal-damaged",
                 fmt::format("{}: is no journal of merges, or was changed", path),
                 "see with 'vhdlab disk family' how the files stand, then remove it");
}

}  // namespace vhdlab
