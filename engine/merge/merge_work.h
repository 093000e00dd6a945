// The steps a merge is made of. Their order is what keeps a merge safe; merge_run.h says why.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/chain/chain_open.h"
#include "engine/merge/merge_move.h"
#include "engine/merge/merge_record.h"
#include "engine/merge/merge_run.h"

namespace vhdlab {

// What all steps of one merge need; the layers outlive it. Files that change are opened a second time, for
// writing.
struct MergeWork {
  FileSystem& files;
  RandomSource& random;
  const MergeOptions& options;
  MergeRange range;
  LayerSpan layers;                        // of the chain as it was, at least up to the top
  std::string leaf{};                      // its record stands beside it
  std::string child{};                     // the disk that stands on the top; empty where the top is the leaf
  Guid next_identity{};                    // of the target
  uint64_t first_byte = 0;                 // of the disk, from which on there is something to move
  PlannedSteps planned{};                  // of it, as many as were kept
  uint64_t bytes_moved_before = 0;         // by earlier runs
  uint64_t bytes_to_move = 0;              // in all, theirs included
  std::unique_ptr<VhdxLayer> held_leaf{};  // where the leaf is a source: held against other writers
  MergeOutcome outcome{};

  [[nodiscard]] const std::string& path_of(LayerIndex layer) const { return layers[layer]->path(); }
  [[nodiscard]] std::vector<std::string> source_paths() const;  // the lowest first
};

// Opens the file of `layer` for changes no reader of the chain can see.
[[nodiscard]] Result<std::unique_ptr<VhdxLayer>> open_to_change(const MergeWork& work, LayerIndex layer);

// Faults: merge-has-other-children, unless forced.
[[nodiscard]] Result<void> refuse_other_children(const MergeWork& work);

// Goes on where the record says an earlier run of the same merge had come to, if the files are still those it
// speaks of; else from the beginning. Sets what is to be moved. To be called before the target is opened.
[[nodiscard]] Result<void> find_where_to_begin(MergeWork& work, const Chain& chain);

// Gives the target its new identity, where an earlier run has not; the lowest source accepts both, so that it
// fits at every moment. `target` is open for writing.
[[nodiscard]] Result<void> rename_target(MergeWork& work, VhdxLayer& target);

// Moves what is left to move into `target`, and keeps the record of how far it has come.
[[nodiscard]] Result<void> move_bytes(MergeWork& work, VhdxLayer& target, bool is_live);

// The whole way of the bytes: refuses other children, renames the target, moves, and leaves the record that
// all are there. What stands on the top is as it was. `chain` holds the work's layers.
[[nodiscard]] Result<void> fill_target(MergeWork& work, const Chain& chain, bool is_live);

// Gives the disk above the top, open for writing, the target as its parent, and closes it.
[[nodiscard]] Result<void> repoint_child(MergeWork& work, VhdxLayer& child);

// The record of this merge; without progress once everything is moved.
[[nodiscard]] Result<void> leave_record(const MergeWork& work, std::optional<MergeRecord::Progress> progress);

// What the disk above the top takes as its parent from then on.
[[nodiscard]] vhdx::ParentLocator locator_of_target(const MergeWork& work, const std::string& child_path);

// Newest first: as long as a source is there, so are those it stands on.
[[nodiscard]] Result<void> remove_sources(FileSystem& files, const std::vector<std::string>& sources,
                                          MergeOutcome& outcome);

}  // namespace vhdlab
