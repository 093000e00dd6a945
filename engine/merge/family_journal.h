// What carrying out a family's merges leaves in the folder: which merges are done, which one is being done
// and which are to come. It is written before the first and after each, always whole or not at all, so that
// after a kill the same command goes on where it was. When all is done it stays as a record.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/io/file_system.h"
#include "engine/merge/family_plan.h"

namespace vhdlab {

enum class StepState { waiting, begun, done };

struct JournalStep {
  StepState state = StepState::waiting;
  PlannedStep step;
};

struct FamilyJournal {
  std::vector<JournalStep> steps;

  [[nodiscard]] bool is_finished() const;
  [[nodiscard]] size_t done_count() const;
};

// "FOLDER/vhdlab-family.journal"
[[nodiscard]] std::string family_journal_path(const std::string& folder);

// Replaces the journal of `folder`, durably. Paths are kept relative to the folder where they lie in it.
// Faults: family-journal-path (a file's name holds a line feed), those of writing.
[[nodiscard]] Result<void> write_family_journal(FileSystem& files, const std::string& folder,
                                                const FamilyJournal& journal);

// Nothing where there is none. Faults: family-journal-damaged, those of reading.
[[nodiscard]] Result<std::optional<FamilyJournal>> read_family_journal(FileSystem& files,
                                                                       const std::string& folder);

}  // namespace vhdlab
