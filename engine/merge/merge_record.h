// What a merge leaves beside the leaf while it puts the chain together, so that the same merge, run again
// after a cut or a kill, knows which files are its own leftovers. It stands at "<leaf>.merge" from before the
// disk above the top is re-pointed until the last source is gone; while bytes still move there is none, since
// the chain then still has its sources and the merge simply starts anew.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/guid.h"
#include "engine/io/file_system.h"
#include "engine/merge/merge_plan.h"

namespace vhdlab {

// Paths are relative to the record's folder, so that the folder can move.
struct MergeRecord {
  struct Disk {
    std::string path;
    Guid identity;  // its DataWriteGuid; a source that has another by now was written to
  };

  MergeRange range;
  bool keep_sources = false;
  Disk target;                // the identity is the one it was given
  std::vector<Disk> sources;  // the lowest first
  std::optional<std::string> child_path;
};

[[nodiscard]] std::string merge_record_path(const std::string& leaf_path);

// Writes the record and makes it durable, in place of one that may stand there.
[[nodiscard]] Result<void> write_merge_record(FileSystem& files, const std::string& leaf_path,
                                              const MergeRecord& record);

// Nothing where there is no record, or one that was cut short: then nothing it speaks of has happened.
[[nodiscard]] Result<std::optional<MergeRecord>> read_merge_record(FileSystem& files,
                                                                   const std::string& leaf_path);

// Removes the record where there is one, durably.
[[nodiscard]] Result<void> remove_merge_record(FileSystem& files, const std::string& leaf_path);

}  // namespace vhdlab
