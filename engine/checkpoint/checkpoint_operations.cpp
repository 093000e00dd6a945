// Operations of machines; the order of their steps is in checkpoint_operations.h. Merges are in
// machine_merge.cpp.
#include "engine/checkpoint/checkpoint_operations.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "engine/chain/chain_open.h"
#include "engine/io/paths.h"
#include "engine/merge/merge_record.h"
#include "engine/merge/record_file.h"

namespace vhdlab {
namespace {

std::string without_slash_at_end(std::string text) {
  if (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

// The lock lies in a file of its own: the manifest is replaced, and a lock would go with the old one.
Result<std::unique_ptr<File>> open_lock(FileSystem& files, const std::string& folder) {
  const std::string path = machine_lock_path(folder);
  auto lock = files.exists(path) ? files.open(path, OpenMode::read_write) : files.create(path);
  if (!lock && lock.error().kind == ErrorKind::already_exists) lock = files.open(path, OpenMode::read_write);
  if (lock || lock.error().kind != ErrorKind::in_use) return lock;
  return failure(ErrorKind::in_use, "machine-in-use",
                 fmt::format("{}: another command is working on this machine", folder),
                 "wait until it has ended, or stop it");
}

bool is_file_of(const MachineManifest& manifest, const std::string& name) {
  return std::ranges::any_of(manifest.tree.disks,
                             [&](const DiskFiles& disk) { return disk.parent_of.contains(name); });
}

}  // namespace

std::string Machine::path_of(const std::string& name) const {
  return (std::filesystem::path(folder_) / name).string();
}

Result<Machine> Machine::take_hold(FileSystem& files, const std::string& folder, RandomSource& random) {
  const std::string path = without_slash_at_end(absolute_path(folder));
  return Machine(files, path, TRY(open_lock(files, path)), random);
}

// ---- Making, opening, removing ----

Result<void> Machine::check_existing_disk(const std::string& name) {
  const std::string path = path_of(name);
  if (!files_->exists(path)) {
    return failure(ErrorKind::not_found, "machine-disk", fmt::format("{}: there is no such file", path),
                   "a machine's disks lie in its folder: move it there, or give a size to make a new one");
  }
  const auto disk = TRY(open_vhdx(*files_, path, OpenMode::read_write, CacheMode::buffered, *random_,
                                  vhdx::WriteIntent::same_content));
  const bool has_parent = disk->image().metadata().has_parent();
  TRY(disk->close());
  if (has_parent || !TRY(find_children(*files_, folder_, {path}, *random_)).empty()) {
    return failure(ErrorKind::in_use, "machine-disk", fmt::format("{}: it is part of a chain", path),
                   "take in the whole chain with 'vhdlab vm adopt'");
  }
  return {};
}

Result<void> Machine::make_disk(const MachineDiskRequest& request) {
  vhdx::DiskMetadata metadata;
  metadata.disk_size_bytes = *request.size_bytes;
  metadata.block_size_bytes =
      request.block_size_bytes != 0 ? request.block_size_bytes : vhdx::default_dynamic_block_size_bytes;
  metadata.virtual_disk_id = Guid::make_random(*random_);
  return create_disk(*files_, path_of(request.file_name), metadata, *random_);
}

Result<Machine> Machine::create(FileSystem& files, const std::string& folder, const MachineRequest& request,
                                RandomSource& random) {
  TRY(check_machine_name(request.name));
  TRY(check_checkpoints_max(request.checkpoints_max));
  Machine machine = TRY(take_hold(files, folder, random));
  if (files.exists(manifest_path(machine.folder_))) {
    machine.manifest_ = TRY(read_manifest(files, machine.folder_));
    if (!machine.manifest_.is_gone()) return std::unexpected(machine.exists_already());
  }
  const auto made = machine.set_up(request);
  if (!made) {
    (void)machine.clear_leftovers();  // the error that made them useless is the one to tell
    return std::unexpected(made.error());
  }
  return machine;
}

Error Machine::exists_already() const {
  return {ErrorKind::already_exists, "machine-exists", folder_ + ": there is a machine already",
          "choose another folder"};
}

// On failure the manifest has no disks, and so is one of a machine that is gone.
Result<void> Machine::set_up(const MachineRequest& request) {
  if (manifest_.is_gone() && files_->exists(manifest_path(folder_))) TRY(clear_notes());
  MachineManifest whole{.name = request.name,
                        .id = Guid::make_random(*random_),
                        .host = request.host,
                        .checkpoints_max = request.checkpoints_max};
  manifest_ = whole;
  std::vector<std::string> making;
  for (const MachineDiskRequest& disk : request.disks) {
    const std::string& name = disk.file_name;
    if (is_file_of(whole, name) || name.find('/') != std::string::npos || name.empty()) {
      return failure(ErrorKind::invalid_argument, "machine-disk",
                     fmt::format("'{}': a disk is named by a file name, and each by another", name));
    }
    if (!disk.size_bytes) {
      TRY(check_existing_disk(name));
    } else if (files_->exists(path_of(name))) {
      return failure(ErrorKind::already_exists, "file-exists",
                     fmt::format("{}: there is such a file already", path_of(name)),
                     "leave out the size to use it, or choose another name");
    } else {
      making.push_back(name);
    }
    whole.base_names.push_back(base_name_of(name));
    whole.tree.disks.push_back({.parent_of = {{name, ""}}, .frozen = {}, .now = name});
  }
  manifest_.making = std::move(making);
  TRY(write());
  for (const MachineDiskRequest& disk : request.disks) {
    if (disk.size_bytes) TRY(make_disk(disk));
  }
  manifest_ = std::move(whole);
  return write();
}

Result<Machine> Machine::put_in_order(FileSystem& files, const std::string& folder, MachineManifest manifest,
                                      RandomSource& random) {
  Machine machine = TRY(take_hold(files, folder, random));
  if (files.exists(manifest_path(machine.folder_))) return std::unexpected(machine.exists_already());
  machine.manifest_ = std::move(manifest);
  TRY(check_tree(machine.manifest_.tree));
  TRY(machine.write());
  return machine;
}

Result<Machine> Machine::open(FileSystem& files, const std::string& folder, RandomSource& random) {
  // A folder without a machine gets no lock either.
  (void)TRY(read_manifest(files, without_slash_at_end(absolute_path(folder))));
  Machine machine = TRY(take_hold(files, folder, random));
  machine.manifest_ = TRY(read_manifest(files, machine.folder_));
  TRY(machine.clear_leftovers());
  if (machine.manifest_.is_gone()) return std::unexpected(read_manifest(files, machine.folder_).error());
  return machine;
}

Result<void> Machine::remove(bool with_disks) {
  if (manifest_.state == MachineState::running) {
    return failure(ErrorKind::in_use, "machine-running", folder_ + ": the machine is running",
                   "stop it with 'vhdlab vm stop'");
  }
  std::vector<std::string> going;
  for (const DiskFiles& disk : manifest_.tree.disks) {
    for (const auto& [name, parent] : disk.parent_of)
      going.push_back(name);
  }
  manifest_.tree = {};
  manifest_.base_names.clear();
  if (with_disks) manifest_.removing = std::move(going);
  TRY(write());
  return clear_leftovers();
}

// ---- Leftovers ----

Result<void> Machine::remove_file(const std::string& name) {
  TRY(remove_merge_record(*files_, path_of(name)));
  const std::string path = path_of(name);
  if (!files_->exists(path)) return {};
  TRY(files_->remove(path));
  cleared_paths_.push_back(path);
  return {};
}

Result<void> Machine::clear_exports() {
  for (const std::string& path : manifest_.exporting) {
    if (files_->exists(path)) TRY(files_->remove(path));
  }
  manifest_.exporting.clear();
  return {};
}

// What the notes name and the tree does not know goes.
Result<void> Machine::clear_notes() {
  cleared_paths_.clear();
  const std::string unfinished = unfinished_record_path(manifest_path(folder_));
  if (files_->exists(unfinished)) TRY(files_->remove(unfinished));
  if (manifest_.making.empty() && manifest_.removing.empty() && manifest_.exporting.empty()) return {};
  for (const auto* list : {&manifest_.making, &manifest_.removing}) {
    for (const std::string& name : *list) {
      if (!is_file_of(manifest_, name)) TRY(remove_file(name));
    }
  }
  TRY(clear_exports());
  TRY(files_->sync_folder(folder_));
  manifest_.making.clear();
  manifest_.removing.clear();
  return manifest_.is_gone() ? Result<void>() : write();
}

// The same, and of a machine that is gone the manifest and the lock, too.
Result<void> Machine::clear_leftovers() {
  TRY(clear_notes());
  if (!manifest_.is_gone()) return {};
  for (const std::string& path : {machine_lock_path(folder_), manifest_path(folder_)}) {
    if (files_->exists(path)) TRY(files_->remove(path));
  }
  return files_->sync_folder(folder_);
}

// ---- Operations ----

// Before Now's files are frozen or thrown away: nobody else writes to them, and their logs are clean.
Result<void> Machine::settle_now() {
  for (const DiskFiles& disk : manifest_.tree.disks) {
    const auto now = TRY(open_vhdx(*files_, path_of(disk.now), OpenMode::read_write, CacheMode::buffered,
                                   *random_, vhdx::WriteIntent::same_content));
    TRY(now->close());
  }
  return {};
}

std::vector<std::string> Machine::new_names() {
  std::vector<std::string> names;
  for (const std::string& base_name : manifest_.base_names)
    names.push_back(avhdx_name(base_name, Guid::make_random(*random_)));
  return names;
}

Result<void> Machine::carry_out(CheckpointPlan plan, MachineState state) {
  if (!plan.create.empty()) {
    for (const auto& file : plan.create)
      manifest_.making.push_back(file.path);
    TRY(write());
    for (const auto& file : plan.create) {
      const auto made = create_child(*files_, path_of(file.parent_path), path_of(file.path),
                                     {.block_size_bytes = new_block_size_bytes_}, *random_);
      if (!made) {
        (void)clear_leftovers();  // the error that made them useless is the one to tell
        return made;
      }
    }
    manifest_.making.clear();
  }
  manifest_.tree = std::move(plan.after);
  manifest_.state = state;
  manifest_.removing = std::move(plan.remove);
  TRY(write());
  return clear_leftovers();
}

Result<Guid> Machine::take_checkpoint(const CheckpointRequest& request) {
  TRY(check_kind(manifest_.host, request.kind));
  if (!request.name.empty()) TRY(check_checkpoint_name(request.name));
  Checkpoint checkpoint{.id = Guid::make_random(*random_),
                        .parent = {},
                        .name = request.name.empty()
                                    ? default_checkpoint_name(manifest_.name, request.unix_seconds)
                                    : request.name,
                        .kind = request.kind,
                        .taken_while = manifest_.state,
                        .taken_unix_seconds = request.unix_seconds};
  const Guid id = checkpoint.id;
  const auto names = new_names();
  CheckpointPlan plan =
      TRY(plan_create(manifest_.tree, std::move(checkpoint), names, manifest_.checkpoints_max));
  TRY(settle_now());
  TRY(carry_out(std::move(plan), manifest_.state));
  return id;
}

Result<void> Machine::apply(const Guid& id) {
  const auto names = new_names();
  CheckpointPlan plan = TRY(plan_apply(manifest_.tree, id, names));
  TRY(settle_now());
  const MachineState state = state_after_apply(manifest_.state, *find_checkpoint(manifest_.tree, id));
  return carry_out(std::move(plan), state);
}

Result<void> Machine::delete_checkpoint(const Guid& id) {
  return carry_out(TRY(plan_delete(manifest_.tree, id)), manifest_.state);
}

Result<void> Machine::delete_subtree(const Guid& id) {
  return carry_out(TRY(plan_delete_subtree(manifest_.tree, id)), manifest_.state);
}

Result<void> Machine::rename(const Guid& id, const std::string& name) {
  TRY(check_checkpoint_name(name));
  return carry_out(TRY(plan_rename(manifest_.tree, id, name)), manifest_.state);
}

Result<void> Machine::start() {
  manifest_.state = TRY_IN(folder_, state_after_start(manifest_.state));
  return write();
}

Result<void> Machine::stop() {
  manifest_.state = TRY_IN(folder_, state_after_stop(manifest_.state));
  return write();
}

// ---- Exporting ----

Result<CopyOutcome> Machine::export_disk(size_t disk, const RestorePoint& point,
                                         const std::string& target_path, const ProgressCallback& progress,
                                         const StopRequested& stop) {
  const std::string target_at = without_slash_at_end(absolute_path(target_path));
  if (files_->exists(target_at)) {
    return failure(ErrorKind::already_exists, "file-exists",
                   fmt::format("{}: there is such a file already", target_at), "choose another name");
  }
  const std::string source_path = path_of(chain_of(manifest_.tree.disks.at(disk), point).front());
  const Chain source = TRY(open_chain(*files_, source_path, {}, *random_));
  vhdx::DiskMetadata metadata = dynamic_cast<VhdxLayer&>(source.leaf()).image().metadata();
  metadata.parent.reset();
  metadata.leave_blocks_allocated = false;
  metadata.virtual_disk_id = Guid::make_random(*random_);

  const std::string unfinished = target_at + std::string(export_suffix);
  if (files_->exists(unfinished)) TRY(files_->remove(unfinished));
  manifest_.exporting.push_back(unfinished);
  TRY(write());
  auto copy = [&]() -> Result<CopyOutcome> {
    TRY(create_disk(*files_, unfinished, metadata, *random_));
    Chain target = TRY(open_chain(*files_, unfinished, {.mode = OpenMode::read_write}, *random_));
    const CopyOutcome outcome = TRY(copy_disk(source, target, progress, stop));
    TRY(target.close());
    TRY(files_->rename(unfinished, target_at));
    TRY(files_->sync_folder(absolute_folder_of(target_at)));
    return outcome;
  };
  auto copied = copy();
  const auto cleared = clear_leftovers();
  if (copied) TRY(cleared);
  return copied;
}

}  // namespace vhdlab
