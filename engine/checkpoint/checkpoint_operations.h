// Carries out what checkpoint_tree.h plans, on the real files of a machine. Every operation goes
//
//   note     the manifest names the files that are about to be made
//   make     them, empty, on the files they stand on
//   commit   the manifest with the new tree: from here on the operation has happened, on all disks
//   remove   the files the tree needs no more, and the notes
//
// so that a crash at any moment leaves the old tree or the new one, and the next command, by the notes,
// removes what is left over. Merges change no tree before their bytes are moved: until the commit everything
// reads through the sources, and a merge that was cut short is simply still to do.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/random.h"
#include "engine/chain/copy_disk.h"
#include "engine/checkpoint/machine_manifest.h"
#include "engine/io/file_system.h"

namespace vhdlab {

// A disk of a machine to be made: a new one where it has a size, else a VHDX file that lies in the folder.
struct MachineDiskRequest {
  std::string file_name;  // "web.vhdx"
  std::optional<uint64_t> size_bytes;
  uint32_t block_size_bytes = 0;  // 0: the usual
};

struct MachineRequest {
  std::string name;
  HostGeneration host = HostGeneration::windows_2016;
  size_t checkpoints_max = checkpoints_max_default;
  std::vector<MachineDiskRequest> disks;
};

struct CheckpointRequest {
  std::string name;  // empty: the machine's name and the time
  CheckpointKind kind = CheckpointKind::standard;
  int64_t unix_seconds = 0;
};

struct MachineMergeOutcome {
  uint64_t bytes_copied = 0;
  uint64_t bytes_zeroed = 0;
  uint32_t merges = 0;
  // Extra space at the worst moment, over what the machine's disks took before: a target grows before its
  // sources go.
  uint64_t free_space_peak_bytes = 0;
  std::vector<std::string> removed_paths;
};

// What it would come to: the bytes that a run of files holds together, and the space that comes back.
struct PendingMergeEstimate {
  uint64_t bytes_to_move = 0;
  uint64_t bytes_freed = 0;  // space of the sources, less what the target has to take on
};

// One machine, held by this process: as long as the object lives, every other one that wants to change the
// machine gets machine-in-use. Reading a manifest needs no hold. `files` and `random` must outlive it. One
// thread. Paths in and out are names in the folder.
class Machine {
 public:
  // Makes the machine's folder its own; the disks' sizes and the like are checked by those who make disks.
  // Faults: machine-name, machine-limit, machine-exists, machine-in-use, machine-disk (no file of that name,
  // or one that is part of a chain), file-exists, those of create_disk. A failure leaves nothing behind.
  [[nodiscard]] static Result<Machine> create(FileSystem& files, const std::string& folder,
                                              const MachineRequest& request, RandomSource& random);

  // Puts a manifest around files that are there already, without touching them: see machine_adopt.h.
  [[nodiscard]] static Result<Machine> put_in_order(FileSystem& files, const std::string& folder,
                                                    MachineManifest manifest, RandomSource& random);

  // Takes hold of the machine, and first removes what an operation that was cut short left behind. Faults:
  // machine-in-use, those of read_manifest.
  [[nodiscard]] static Result<Machine> open(FileSystem& files, const std::string& folder,
                                            RandomSource& random);

  [[nodiscard]] const MachineManifest& manifest() const { return manifest_; }
  [[nodiscard]] const CheckpointTree& tree() const { return manifest_.tree; }
  [[nodiscard]] const std::string& folder() const { return folder_; }
  // Of the files that are made from here on; 0: the usual. The manifest does not keep it.
  void set_block_size_of_new_files(uint32_t block_size_bytes) { new_block_size_bytes_ = block_size_bytes; }
  // Leftovers that open() removed.
  [[nodiscard]] const std::vector<std::string>& cleared_paths() const { return cleared_paths_; }

  // Now's files must not be open for writing anywhere: file-in-use. Faults beyond those of the plans:
  // checkpoint-kind, checkpoint-name.
  [[nodiscard]] Result<Guid> take_checkpoint(const CheckpointRequest& request);
  [[nodiscard]] Result<void> apply(const Guid& id);
  [[nodiscard]] Result<void> delete_checkpoint(const Guid& id);
  [[nodiscard]] Result<void> delete_subtree(const Guid& id);
  [[nodiscard]] Result<void> rename(const Guid& id, const std::string& name);
  [[nodiscard]] Result<void> start();
  [[nodiscard]] Result<void> stop();

  // Carries out every pending merge, those that move least first, so that space comes back early. Each is a
  // commit of its own. Stopping or a crash leaves the rest pending; nothing that was moved has to be undone.
  // Faults: machine-running (host 2008r2), machine-foreign-disk (a disk the machine does not know stands on a
  // file to be merged), those of merging.
  [[nodiscard]] Result<MachineMergeOutcome> merge_pending(const ProgressCallback& progress,
                                                          const StopRequested& stop);

  // Copies what disk `disk` reads as at `point` into a new disk of its own at `target_path`, any path.
  // Faults: file-exists, those of copying. A failure leaves nothing behind.
  [[nodiscard]] Result<CopyOutcome> export_disk(size_t disk, const RestorePoint& point,
                                                const std::string& target_path,
                                                const ProgressCallback& progress, const StopRequested& stop);

  // Forgets the machine: the manifest goes, its disks stay, or go too. The machine must be off. Nothing may
  // be called afterwards. Faults: machine-running.
  [[nodiscard]] Result<void> remove(bool with_disks);

 private:
  Machine(FileSystem& files, std::string folder, std::unique_ptr<File> lock, RandomSource& random)
      : files_(&files), folder_(std::move(folder)), lock_(std::move(lock)), random_(&random) {}

  [[nodiscard]] static Result<Machine> take_hold(FileSystem& files, const std::string& folder,
                                                 RandomSource& random);
  [[nodiscard]] std::string path_of(const std::string& name) const;
  [[nodiscard]] Result<void> write() { return write_manifest(*files_, folder_, manifest_); }
  [[nodiscard]] Error exists_already() const;
  Result<void> set_up(const MachineRequest& request);
  Result<void> clear_notes();
  Result<void> clear_leftovers();
  Result<void> clear_exports();
  Result<void> remove_file(const std::string& name);
  Result<void> settle_now();
  [[nodiscard]] std::vector<std::string> new_names();
  Result<void> carry_out(CheckpointPlan plan, MachineState state);
  Result<void> make_disk(const MachineDiskRequest& request);
  Result<void> check_existing_disk(const std::string& name);

  Result<void> refuse_foreign_disks(const PendingMerge& merge);
  Result<bool> is_moved(const PendingMerge& merge);
  Result<bool> stands_on(const std::string& child, const std::string& parent);
  Result<void> put_children_on_target(const PendingMerge& merge);
  Result<uint64_t> allocated_bytes(const std::vector<std::string>& names);
  Result<void> carry_out(const PendingMerge& merge, MachineMergeOutcome& outcome,
                         int64_t& space_balance_bytes, const ProgressCallback& progress,
                         const StopRequested& stop);

  FileSystem* files_;
  std::string folder_;  // absolute
  std::unique_ptr<File> lock_;
  RandomSource* random_;
  MachineManifest manifest_;
  uint32_t new_block_size_bytes_ = 0;
  std::vector<std::string> cleared_paths_;
};

// What a pending merge would move and give back. Faults: those of opening and reading the files.
[[nodiscard]] Result<PendingMergeEstimate> estimate_pending(FileSystem& files, const std::string& folder,
                                                            const PendingMerge& merge, RandomSource& random);

// How far a pending merge is that was begun, by this process or another, or cut short.
struct PendingMergeProgress {
  uint64_t bytes_moved = 0;               // for good: what came after it may move again
  std::optional<uint64_t> bytes_to_move;  // in all
  std::optional<uint64_t> bytes_per_s;    // as the run that was at it moved last
  bool is_moved = false;                  // only the putting together is left
};

// Nothing where the merge has not been begun. Faults: those of reading the merge's record.
[[nodiscard]] Result<std::optional<PendingMergeProgress>> progress_of_pending(FileSystem& files,
                                                                              const std::string& folder,
                                                                              const CheckpointTree& tree,
                                                                              const PendingMerge& merge);

}  // namespace vhdlab
