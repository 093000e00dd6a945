// Carries out the merges of a family plan, one after the other, with a journal beside them
// (family_journal.h). Before each merge every file it names is looked at again: where one is no longer what
// the plan was made for, nothing more is done.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "engine/base/error.h"
#include "engine/base/random.h"
#include "engine/chain/copy_disk.h"
#include "engine/io/file_system.h"
#include "engine/merge/family_journal.h"

namespace vhdlab {

struct FamilyMergeOptions {
  ProgressCallback progress = {};  // in bytes to move, over all steps
  StopRequested stop = {};
  // Free space on the device of a folder; where given, a step that needs more is not begun.
  std::function<Result<uint64_t>(const std::string& folder)> free_space_bytes = {};
};

struct FamilyMergeOutcome {
  uint64_t merges_done = 0;   // by this call
  uint64_t bytes_copied = 0;  // likewise
};

// Does what `journal` says is still to be done, and keeps it in `folder`. Safe to interrupt at any moment:
// every disk reads as before, and the same call with the journal read again goes on. Faults: family-changed
// (a file is another than planned for, is missing, or another disk stands on it now), family-no-space, those
// of write_family_journal and of merge().
[[nodiscard]] Result<FamilyMergeOutcome> merge_family(FileSystem& files, const std::string& folder,
                                                      FamilyJournal journal,
                                                      const FamilyMergeOptions& options,
                                                      RandomSource& random);

}  // namespace vhdlab
