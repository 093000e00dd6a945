// The checkpoints of one machine and the files they stand on, as a value, and what every operation does to
// them. Pure: nothing here touches a file.
//
//   files of one disk                      who uses them
//   web.vhdx                               nobody any more: it stays while two files stand on it
//    ├─ web_A.avhdx                        checkpoint "tested"
//    │   └─ web_C.avhdx                    Now
//    └─ web_B.avhdx                        checkpoint "other way"
//
// Creating freezes Now's file and puts a new one on it; applying throws Now's file away and puts a new one on
// the checkpoint's; deleting takes a checkpoint off its file. What is to become of the files follows from how
// many files stand on one that nobody uses:
//
//   none           it is removed, and what it stood on is looked at next
//   one            the two are merged, later and together with their like (pending_merges)
//   two or more    it stays until one is left
//
// All disks of a machine go through every operation together; each has files of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/guid.h"

namespace vhdlab {

// What was caught besides the disks. Standard: memory and devices too, where the machine ran. Production: the
// guest was asked to bring its files in order, no memory. Crash-consistent: disks only, as a power cut leaves
// them.
enum class CheckpointKind { standard, production, crash_consistent };

enum class MachineState {
  off,
  saved,  // memory waits in a saved state, and starting goes on from it
  running,
};

struct Checkpoint {
  Guid id;                     // names need not be unique, this is
  std::optional<Guid> parent;  // none: nothing older is left
  std::string name;
  CheckpointKind kind = CheckpointKind::standard;
  MachineState taken_while = MachineState::off;
  int64_t taken_unix_seconds = 0;  // 0: not known

  // Whether Hyper-V would have memory to go back to. This program keeps none: docs/vhdlab.1.md.
  [[nodiscard]] bool had_memory() const {
    return kind == CheckpointKind::standard && taken_while != MachineState::off;
  }

  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

// One virtual disk: its files and who uses them. Files are known by path, as the manifest writes it.
struct DiskFiles {
  std::map<std::string, std::string> parent_of;  // every file; the parent is empty for a base
  std::map<Guid, std::string> frozen;            // by checkpoint: the file it froze
  std::string now;                               // the file that is written to; nothing stands on it

  friend bool operator==(const DiskFiles&, const DiskFiles&) = default;
};

struct CheckpointTree {
  std::vector<Checkpoint> checkpoints;  // oldest first
  std::optional<Guid> now_parent;       // the checkpoint Now goes on from
  std::vector<DiskFiles> disks;

  friend bool operator==(const CheckpointTree&, const CheckpointTree&) = default;
};

// A state of the machine one can go back to: a checkpoint, or, where there is none, Now.
using RestorePoint = std::optional<Guid>;
inline constexpr RestorePoint restore_point_now = std::nullopt;

// ---- Looking at a tree ----

// Null where there is no such checkpoint.
[[nodiscard]] const Checkpoint* find_checkpoint(const CheckpointTree& tree, const Guid& id);

// The checkpoints whose parent this is, oldest first.
[[nodiscard]] std::vector<Guid> children_of(const CheckpointTree& tree, const std::optional<Guid>& parent);

// The checkpoint that `word` names: its name, or the beginning of its id. Faults: checkpoint-unknown,
// checkpoint-ambiguous (the message lists the ids).
[[nodiscard]] Result<Guid> find_checkpoint_by_word(const CheckpointTree& tree, std::string_view word);

// The files that stand on `path`, sorted.
[[nodiscard]] std::vector<std::string> files_on(const DiskFiles& disk, const std::string& path);

// Every file a restore point reads from, its own first, its base last.
[[nodiscard]] std::vector<std::string> chain_of(const DiskFiles& disk, const RestorePoint& point);

// "Not a backup": the restore points that are lost with this file, oldest checkpoint first, Now last. A
// restore point needs all files of its chain on every disk.
[[nodiscard]] std::vector<RestorePoint> lost_with(const CheckpointTree& tree, size_t disk,
                                                  const std::string& path);

// Whether the tree keeps its own rules: parents are there, nothing is its own ancestor, every checkpoint has
// a file on every disk, no file has two users, nothing stands on Now's. Faults: checkpoint-tree.
[[nodiscard]] Result<void> check_tree(const CheckpointTree& tree);

// ---- Operations ----

struct CheckpointPlan {
  struct NewFile {
    size_t disk = 0;
    std::string path;
    std::string parent_path;

    friend bool operator==(const NewFile&, const NewFile&) = default;
  };

  CheckpointTree after;             // its merges are still to do
  std::vector<NewFile> create;      // empty differencing disks
  std::vector<std::string> remove;  // each before the file it stood on
};

inline constexpr size_t checkpoints_max_default = 50;  // Hyper-V's limit for one machine

// The new checkpoint becomes Now's parent; its own `parent` is filled in. `new_paths` are those of Now's new
// files, one for each disk. Faults: checkpoint-limit.
[[nodiscard]] Result<CheckpointPlan> plan_create(const CheckpointTree& tree, Checkpoint checkpoint,
                                                 std::span<const std::string> new_paths,
                                                 size_t checkpoints_max = checkpoints_max_default);

// Now becomes what the checkpoint holds; what was written since Now's own parent is gone.
// Faults of this and the following: checkpoint-unknown.
[[nodiscard]] Result<CheckpointPlan> plan_apply(const CheckpointTree& tree, const Guid& id,
                                                std::span<const std::string> new_paths);

// Its children move up to its parent. Contents of Now and of every other checkpoint stay.
[[nodiscard]] Result<CheckpointPlan> plan_delete(const CheckpointTree& tree, const Guid& id);

// The checkpoint and all below it go, in one step. Now keeps its content wherever it stands.
[[nodiscard]] Result<CheckpointPlan> plan_delete_subtree(const CheckpointTree& tree, const Guid& id);

[[nodiscard]] Result<CheckpointPlan> plan_rename(const CheckpointTree& tree, const Guid& id,
                                                 const std::string& name);

// ---- Merges ----

// A run of files that are to become one, each block moved once.
//
//   children      stand on it afterwards     (Now, or files of checkpoints)
//   sources       removed; the last of them is in use or branches, the others nobody needs
//   target        takes everything in place, and the last source's users
struct PendingMerge {
  size_t disk = 0;
  std::string target;
  std::vector<std::string> sources;   // the lowest first, never empty
  std::vector<std::string> children;  // sorted; empty where the last source is nobody's parent

  friend bool operator==(const PendingMerge&, const PendingMerge&) = default;
};

// Every run there is, as long as it can be. They have no file in common and may go in any order.
[[nodiscard]] std::vector<PendingMerge> pending_merges(const CheckpointTree& tree);

// The tree once `merge`, one of its own, is done.
[[nodiscard]] CheckpointTree after_merge(const CheckpointTree& tree, const PendingMerge& merge);

// ---- What happens to files, for people ----

enum class FileFate { created, kept, merged, removed };

struct FileChange {
  size_t disk = 0;
  std::string path;
  FileFate fate = FileFate::kept;
  std::string into;        // merged: the file that takes it
  std::string new_parent;  // the file it stands on afterwards, where that is another one
};

// Every file of before and after, once all pending merges are done too.
[[nodiscard]] std::vector<FileChange> file_changes(const CheckpointTree& before, const CheckpointPlan& plan);

// ---- Words ----

[[nodiscard]] std::string_view word_of(CheckpointKind kind);  // "crash-consistent"
[[nodiscard]] std::string_view word_of(MachineState state);   // "running"
[[nodiscard]] std::optional<CheckpointKind> checkpoint_kind_of(std::string_view word);
[[nodiscard]] std::optional<MachineState> machine_state_of(std::string_view word);

}  // namespace vhdlab
