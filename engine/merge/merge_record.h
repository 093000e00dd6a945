// What a merge leaves beside the leaf, so that the same merge, run again after a cut or a kill, knows how far
// it had come. It stands at "<leaf>.merge" from before the first byte moves until the last source is gone.
//
//   while bytes move      how much of the disk is in the target for good; the chain still has its sources, so
//                         where the record does not fit the files any more the merge simply starts anew
//   once all are moved    which files are finished with
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
  struct Progress {
    uint64_t virtual_end = 0;  // what the sources hold before it is in the target, durably
    uint64_t bytes_moved = 0;  // that makes
    // The target's FileWriteGuid since then. Nothing while a merge is on its way to open the target: then
    // only its identity is compared.
    std::optional<Guid> session;
    // For whoever asks how far it is: all there is to move, and how fast this run has moved so far.
    std::optional<uint64_t> bytes_to_move;
    std::optional<uint64_t> bytes_per_s;
  };

  MergeRange range;
  bool keep_sources = false;
  Disk target;                // the identity is the one it was given
  std::vector<Disk> sources;  // the lowest first
  std::optional<std::string> child_path;
  std::optional<Progress> progress;  // nothing once everything is moved
};

[[nodiscard]] std::string merge_record_path(const std::string& leaf_path);

// Writes the record and makes it durable, in place of one that may stand there; a cut leaves the one or the
// other.
[[nodiscard]] Result<void> write_merge_record(FileSystem& files, const std::string& leaf_path,
                                              const MergeRecord& record);

// Nothing where there is no record, or one that was cut short: then nothing it speaks of has happened.
[[nodiscard]] Result<std::optional<MergeRecord>> read_merge_record(FileSystem& files,
                                                                   const std::string& leaf_path);

// Removes the record where there is one, durably.
[[nodiscard]] Result<void> remove_merge_record(FileSystem& files, const std::string& leaf_path);

}  // namespace vhdlab
