// Planning on the tree of checkpoints; the rules are in checkpoint_tree.h.
#include "engine/checkpoint/checkpoint_tree.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cctype>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace vhdlab {
namespace {

struct KindWord {
  CheckpointKind kind;
  std::string_view word;
};
constexpr std::array kind_words = {KindWord{CheckpointKind::standard, "standard"},
                                   KindWord{CheckpointKind::production, "production"},
                                   KindWord{CheckpointKind::crash_consistent, "crash-consistent"}};

struct StateWord {
  MachineState state;
  std::string_view word;
};
constexpr std::array state_words = {StateWord{MachineState::off, "off"},
                                    StateWord{MachineState::saved, "saved"},
                                    StateWord{MachineState::running, "running"}};

std::unexpected<Error> unknown(std::string_view word) {
  return failure(ErrorKind::not_found, "checkpoint-unknown",
                 fmt::format("there is no checkpoint with the name or id '{}'", word),
                 "'vhdlab vm tree' shows what there is");
}

bool is_used(const DiskFiles& disk, const std::string& path) {
  return disk.now == path ||
         std::ranges::any_of(disk.frozen, [&](const auto& entry) { return entry.second == path; });
}

// How many files stand on each. Asked for every file at once, so that long chains cost no more than their
// length.
std::map<std::string, size_t> counts_of_files_on(const DiskFiles& disk) {
  std::map<std::string, size_t> counts;
  for (const auto& [path, parent] : disk.parent_of) {
    counts.try_emplace(path, 0);
    if (!parent.empty()) ++counts[parent];
  }
  return counts;
}

// Takes away what nobody uses and nothing stands on, from the top down; appends its paths.
void drop_unneeded(DiskFiles& disk, std::vector<std::string>& removed) {
  auto counts = counts_of_files_on(disk);
  std::vector<std::string> loose;
  for (const auto& [path, count] : counts) {
    if (count == 0 && !is_used(disk, path)) loose.push_back(path);
  }
  while (!loose.empty()) {
    const std::string path = std::move(loose.back());
    loose.pop_back();
    const std::string parent = disk.parent_of.at(path);
    disk.parent_of.erase(path);
    removed.push_back(path);
    if (!parent.empty() && --counts.at(parent) == 0 && !is_used(disk, parent)) loose.push_back(parent);
  }
}

CheckpointPlan plan_to(CheckpointTree after) {
  CheckpointPlan plan{.after = std::move(after), .create = {}, .remove = {}};
  for (DiskFiles& disk : plan.after.disks)
    drop_unneeded(disk, plan.remove);
  return plan;
}

// Gives every disk a new file for Now, on the file that `parent_of_now` names.
template <typename ParentOfNow>
std::vector<CheckpointPlan::NewFile> renew_now(CheckpointTree& tree, std::span<const std::string> new_paths,
                                               ParentOfNow parent_of_now) {
  assert(new_paths.size() == tree.disks.size());
  std::vector<CheckpointPlan::NewFile> created;
  for (size_t i = 0; i < tree.disks.size(); ++i) {
    DiskFiles& disk = tree.disks[i];
    const std::string parent = parent_of_now(disk);
    disk.parent_of.emplace(new_paths[i], parent);
    disk.now = new_paths[i];
    created.push_back({.disk = i, .path = new_paths[i], .parent_path = parent});
  }
  return created;
}

// Takes one checkpoint out of the tree; what stood on it moves up. Files are not looked at.
void take_out(CheckpointTree& tree, const Guid& id) {
  const std::optional<Guid> parent = find_checkpoint(tree, id)->parent;
  for (Checkpoint& other : tree.checkpoints) {
    if (other.parent == id) other.parent = parent;
  }
  if (tree.now_parent == id) tree.now_parent = parent;
  std::erase_if(tree.checkpoints, [&](const Checkpoint& each) { return each.id == id; });
  for (DiskFiles& disk : tree.disks)
    disk.frozen.erase(id);
}

std::unexpected<Error> broken(std::string message) {
  return failure(ErrorKind::damaged, "checkpoint-tree", std::move(message));
}

Result<void> check_checkpoints(const CheckpointTree& tree) {
  std::set<Guid> known;
  for (const Checkpoint& checkpoint : tree.checkpoints) {
    if (checkpoint.id.is_zero()) return broken("a checkpoint without an id");
    // Parents are older, and so listed before: this finds what is missing and what goes round in circles.
    if (checkpoint.parent && !known.contains(*checkpoint.parent)) {
      return broken(fmt::format("checkpoint {} stands on {}, which is not among those before it",
                                checkpoint.id.to_lower(), checkpoint.parent->to_lower()));
    }
    if (!known.insert(checkpoint.id).second)
      return broken(fmt::format("two checkpoints with the id {}", checkpoint.id.to_lower()));
  }
  if (tree.now_parent && !known.contains(*tree.now_parent))
    return broken(fmt::format("Now stands on checkpoint {}, which is missing", tree.now_parent->to_lower()));
  return {};
}

Result<void> check_disk(const CheckpointTree& tree, const DiskFiles& disk) {
  for (const auto& [path, first_parent] : disk.parent_of) {
    size_t steps = 0;
    for (std::string parent = first_parent; !parent.empty(); parent = disk.parent_of.at(parent)) {
      if (!disk.parent_of.contains(parent))
        return broken(fmt::format("{} stands on {}, which is not one of the disk's files", path, parent));
      if (++steps > disk.parent_of.size()) return broken(fmt::format("{} is its own ancestor", parent));
    }
  }
  std::map<std::string, std::string> user_of;
  auto use = [&](const std::string& path, std::string user) -> Result<void> {
    if (!disk.parent_of.contains(path))
      return broken(fmt::format("{} has the file '{}', which is not one of the disk's", user, path));
    const auto [entry, is_new] = user_of.emplace(path, user);
    if (is_new) return {};
    return broken(fmt::format("{} belongs to {} and to {}", path, entry->second, user));
  };
  for (const auto& [id, path] : disk.frozen) {
    if (find_checkpoint(tree, id) == nullptr)
      return broken(fmt::format("{} belongs to checkpoint {}, which is missing", path, id.to_lower()));
    TRY(use(path, "checkpoint " + id.to_lower()));
  }
  if (disk.frozen.size() != tree.checkpoints.size())
    return broken(fmt::format("{} of {} checkpoints have a file of the disk that Now has in {}",
                              disk.frozen.size(), tree.checkpoints.size(), disk.now));
  TRY(use(disk.now, "Now"));
  if (!files_on(disk, disk.now).empty())
    return broken(fmt::format("{} stands on {}, which is Now's", files_on(disk, disk.now).front(), disk.now));
  return {};
}

}  // namespace

// ---- Looking at a tree ----

const Checkpoint* find_checkpoint(const CheckpointTree& tree, const Guid& id) {
  const auto found = std::ranges::find(tree.checkpoints, id, &Checkpoint::id);
  return found == tree.checkpoints.end() ? nullptr : &*found;
}

std::vector<Guid> children_of(const CheckpointTree& tree, const std::optional<Guid>& parent) {
  std::vector<Guid> children;
  for (const Checkpoint& checkpoint : tree.checkpoints) {
    if (checkpoint.parent == parent) children.push_back(checkpoint.id);
  }
  return children;
}

Result<Guid> find_checkpoint_by_word(const CheckpointTree& tree, std::string_view word) {
  std::string lower(word);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  std::vector<Guid> named;
  std::vector<Guid> begun;
  for (const Checkpoint& checkpoint : tree.checkpoints) {
    if (checkpoint.name == word) named.push_back(checkpoint.id);
    if (!lower.empty() && checkpoint.id.to_lower().starts_with(lower)) begun.push_back(checkpoint.id);
  }
  const std::vector<Guid>& found = named.empty() ? begun : named;
  if (found.empty()) return unknown(word);
  if (found.size() == 1) return found.front();
  std::vector<std::string> ids;
  for (const Guid& id : found)
    ids.push_back(id.to_lower());
  return failure(ErrorKind::invalid_argument, "checkpoint-ambiguous",
                 fmt::format("'{}' may be any of {} checkpoints: {}", word, ids.size(), fmt::join(ids, ", ")),
                 "give the beginning of the id of the one you mean");
}

std::vector<std::string> files_on(const DiskFiles& disk, const std::string& path) {
  std::vector<std::string> files;
  for (const auto& [file, parent] : disk.parent_of) {
    if (parent == path) files.push_back(file);
  }
  return files;
}

std::vector<std::string> chain_of(const DiskFiles& disk, const RestorePoint& point) {
  std::vector<std::string> chain;
  for (std::string path = point ? disk.frozen.at(*point) : disk.now; !path.empty();
       path = disk.parent_of.at(path))
    chain.push_back(path);
  return chain;
}

std::vector<RestorePoint> lost_with(const CheckpointTree& tree, size_t disk, const std::string& path) {
  std::vector<RestorePoint> lost;
  auto look_at = [&](const RestorePoint& point) {
    const auto chain = chain_of(tree.disks[disk], point);
    if (std::ranges::find(chain, path) != chain.end()) lost.push_back(point);
  };
  for (const Checkpoint& checkpoint : tree.checkpoints)
    look_at(checkpoint.id);
  look_at(restore_point_now);
  return lost;
}

Result<void> check_tree(const CheckpointTree& tree) {
  TRY(check_checkpoints(tree));
  std::set<std::string> paths;
  for (const DiskFiles& disk : tree.disks) {
    TRY(check_disk(tree, disk));
    for (const auto& [path, parent] : disk.parent_of) {
      if (!paths.insert(path).second) return broken(fmt::format("{} belongs to two disks", path));
    }
  }
  return {};
}

// ---- Operations ----

Result<CheckpointPlan> plan_create(const CheckpointTree& tree, Checkpoint checkpoint,
                                   std::span<const std::string> new_paths, size_t checkpoints_max) {
  if (tree.checkpoints.size() >= checkpoints_max) {
    return failure(ErrorKind::unsupported, "checkpoint-limit",
                   fmt::format("the machine has {} checkpoints, and {} are the most it may have",
                               tree.checkpoints.size(), checkpoints_max),
                   "delete some with 'vhdlab vm delete' or 'vhdlab vm delete-subtree'");
  }
  CheckpointTree after = tree;
  checkpoint.parent = tree.now_parent;
  for (DiskFiles& disk : after.disks)
    disk.frozen.emplace(checkpoint.id, disk.now);
  after.now_parent = checkpoint.id;
  after.checkpoints.push_back(std::move(checkpoint));
  auto created = renew_now(after, new_paths, [](const DiskFiles& disk) { return disk.now; });
  CheckpointPlan plan = plan_to(std::move(after));
  plan.create = std::move(created);
  return plan;
}

Result<CheckpointPlan> plan_apply(const CheckpointTree& tree, const Guid& id,
                                  std::span<const std::string> new_paths) {
  if (find_checkpoint(tree, id) == nullptr) return unknown(id.to_lower());
  CheckpointTree after = tree;
  after.now_parent = id;
  auto created = renew_now(after, new_paths, [&](const DiskFiles& disk) { return disk.frozen.at(id); });
  CheckpointPlan plan = plan_to(std::move(after));
  plan.create = std::move(created);
  return plan;
}

Result<CheckpointPlan> plan_delete(const CheckpointTree& tree, const Guid& id) {
  if (find_checkpoint(tree, id) == nullptr) return unknown(id.to_lower());
  CheckpointTree after = tree;
  take_out(after, id);
  return plan_to(std::move(after));
}

Result<CheckpointPlan> plan_delete_subtree(const CheckpointTree& tree, const Guid& id) {
  if (find_checkpoint(tree, id) == nullptr) return unknown(id.to_lower());
  std::set<Guid> going = {id};
  for (const Checkpoint& checkpoint : tree.checkpoints) {  // oldest first: parents before children
    if (checkpoint.parent && going.contains(*checkpoint.parent)) going.insert(checkpoint.id);
  }
  CheckpointTree after = tree;
  for (const Guid& each : going)
    take_out(after, each);
  return plan_to(std::move(after));
}

Result<CheckpointPlan> plan_rename(const CheckpointTree& tree, const Guid& id, const std::string& name) {
  CheckpointTree after = tree;
  const auto found = std::ranges::find(after.checkpoints, id, &Checkpoint::id);
  if (found == after.checkpoints.end()) return unknown(id.to_lower());
  found->name = name;
  return CheckpointPlan{.after = std::move(after), .create = {}, .remove = {}};
}

// ---- Merges ----

std::vector<PendingMerge> pending_merges(const CheckpointTree& tree) {
  std::vector<PendingMerge> merges;
  for (size_t i = 0; i < tree.disks.size(); ++i) {
    const DiskFiles& disk = tree.disks[i];
    const auto counts = counts_of_files_on(disk);
    auto wants_merging = [&](const std::string& path) {
      return !path.empty() && !is_used(disk, path) && counts.at(path) == 1;
    };
    for (const auto& [path, parent] : disk.parent_of) {
      if (!wants_merging(path) || wants_merging(parent)) continue;  // a run begins at its lowest file
      PendingMerge merge{.disk = i, .target = path, .sources = {}, .children = {}};
      std::string at = path;
      do {
        at = files_on(disk, at).front();
        merge.sources.push_back(at);
      } while (wants_merging(at));
      merge.children = files_on(disk, at);
      merges.push_back(std::move(merge));
    }
  }
  return merges;
}

CheckpointTree after_merge(const CheckpointTree& tree, const PendingMerge& merge) {
  CheckpointTree after = tree;
  DiskFiles& disk = after.disks[merge.disk];
  const std::string& top = merge.sources.back();
  for (auto& [id, path] : disk.frozen) {
    if (path == top) path = merge.target;
  }
  if (disk.now == top) disk.now = merge.target;
  for (const std::string& child : merge.children)
    disk.parent_of.at(child) = merge.target;
  for (const std::string& source : merge.sources)
    disk.parent_of.erase(source);
  return after;
}

// ---- What happens to files ----

std::vector<FileChange> file_changes(const CheckpointTree& before, const CheckpointPlan& plan) {
  CheckpointTree done = plan.after;
  std::map<std::string, std::string> merged_into;
  for (const PendingMerge& merge : pending_merges(plan.after)) {
    done = after_merge(done, merge);
    for (const std::string& source : merge.sources)
      merged_into.emplace(source, merge.target);
  }
  std::vector<FileChange> changes;
  for (size_t i = 0; i < before.disks.size(); ++i) {
    std::map<std::string, std::string> parents = plan.after.disks[i].parent_of;
    parents.insert(before.disks[i].parent_of.begin(), before.disks[i].parent_of.end());
    for (const auto& [path, parent] : parents) {
      FileChange change{.disk = i, .path = path, .fate = FileFate::kept, .into = {}, .new_parent = {}};
      const auto& left = done.disks[i].parent_of;
      if (!before.disks[i].parent_of.contains(path)) change.fate = FileFate::created;
      if (const auto target = merged_into.find(path); target != merged_into.end()) {
        change.fate = FileFate::merged;
        change.into = target->second;
      } else if (!left.contains(path)) {
        change.fate = FileFate::removed;
      } else if (left.at(path) != parent || change.fate == FileFate::created) {
        change.new_parent = left.at(path);
      }
      changes.push_back(std::move(change));
    }
  }
  return changes;
}

// ---- Words ----

std::string_view word_of(CheckpointKind kind) {
  return std::ranges::find(kind_words, kind, &KindWord::kind)->word;
}

std::string_view word_of(MachineState state) {
  return std::ranges::find(state_words, state, &StateWord::state)->word;
}

std::optional<CheckpointKind> checkpoint_kind_of(std::string_view word) {
  const auto found = std::ranges::find(kind_words, word, &KindWord::word);
  return found == kind_words.end() ? std::nullopt : std::optional(found->kind);
}

std::optional<MachineState> machine_state_of(std::string_view word) {
  const auto found = std::ranges::find(state_words, word, &StateWord::word);
  return found == state_words.end() ? std::nullopt : std::optional(found->state);
}

}  // namespace vhdlab
