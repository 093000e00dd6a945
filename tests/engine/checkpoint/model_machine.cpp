// The model's bookkeeping; see model_machine.h.
#include "tests/engine/checkpoint/model_machine.h"

#include <set>

#include <fmt/format.h>

namespace vhdlab::tests {

Guid ModelMachine::id_of(uint32_t n) {
  return Guid::parse(fmt::format("{:08x}-0000-4000-8000-000000000000", n)).value();
}

ModelMachine::ModelMachine(size_t disks) {
  for (size_t disk = 0; disk < disks; ++disk) {
    const std::string path = fmt::format("disk{}.vhdx", disk);
    File base;
    Content content{};
    for (size_t block = 0; block < block_count; ++block) {
      content[block] = ++values_made_;
      base.blocks[block] = content[block];
    }
    files_.emplace(path, base);
    expected_now_.push_back(content);
    tree_.disks.push_back({.parent_of = {{path, ""}}, .frozen = {}, .now = path});
  }
}

std::vector<std::string> ModelMachine::new_paths() {
  std::vector<std::string> paths;
  for (size_t disk = 0; disk < tree_.disks.size(); ++disk)
    paths.push_back(fmt::format("disk{}_{}.avhdx", disk, ++files_made_));
  return paths;
}

void ModelMachine::carry_out(const CheckpointPlan& plan) {
  for (const auto& file : plan.create) {
    if (!files_.contains(file.parent_path)) fault_ = file.path + " is to stand on a file that is not there";
    if (!files_.emplace(file.path, File{.blocks = {}, .parent = file.parent_path}).second)
      fault_ = file.path + " is made twice";
  }
  for (const std::string& path : plan.remove) {
    for (const auto& [other, file] : files_) {
      if (file.parent == path) fault_ = fmt::format("{} is removed while {} stands on it", path, other);
    }
    if (files_.erase(path) == 0) fault_ = path + " is removed and was not there";
  }
  tree_ = plan.after;
}

void ModelMachine::create() {
  const Guid id = id_of(++checkpoints_made_);
  story_ += fmt::format(" create {}", checkpoints_made_);
  const auto paths = new_paths();
  carry_out(plan_create(tree_, {.id = id, .name = "c"}, paths).value());
  expected_[id] = expected_now_;
  parent_[id] = now_parent_;
  now_parent_ = id;
}

void ModelMachine::apply(const Guid& id) {
  story_ += " apply " + id.to_lower().substr(0, 8);
  const auto paths = new_paths();
  carry_out(plan_apply(tree_, id, paths).value());
  expected_now_ = expected_.at(id);
  now_parent_ = id;
}

void ModelMachine::remove(const Guid& id) {
  story_ += " delete " + id.to_lower().substr(0, 8);
  carry_out(plan_delete(tree_, id).value());
  for (auto& [other, parent] : parent_) {
    if (parent == id) parent = parent_.at(id);
  }
  if (now_parent_ == id) now_parent_ = parent_.at(id);
  expected_.erase(id);
  parent_.erase(id);
}

void ModelMachine::remove_subtree(const Guid& id) {
  story_ += " delete-subtree " + id.to_lower().substr(0, 8);
  carry_out(plan_delete_subtree(tree_, id).value());
  auto is_below = [&](std::optional<Guid> at) {
    while (at && *at != id)
      at = parent_.at(*at);
    return at.has_value();
  };
  std::vector<Guid> going;
  for (const auto& [each, parent] : parent_) {
    if (is_below(each)) going.push_back(each);
  }
  if (is_below(now_parent_)) now_parent_ = parent_.at(id);
  for (const Guid& each : going) {
    expected_.erase(each);
    parent_.erase(each);
  }
}

void ModelMachine::write(uint32_t which) {
  for (size_t disk = 0; disk < tree_.disks.size(); ++disk) {
    for (size_t block = 0; block < block_count; ++block) {
      if ((which >> block & 1) == 0) continue;
      expected_now_[disk][block] = ++values_made_;
      files_.at(tree_.disks[disk].now).blocks[block] = values_made_;
    }
  }
}

void ModelMachine::carry_out(const PendingMerge& merge) {
  story_ += fmt::format(" merge into {}", merge.target);
  File& target = files_.at(merge.target);
  std::string below = merge.target;
  for (const std::string& source : merge.sources) {
    if (files_.at(source).parent != below) fault_ = fmt::format("{} does not stand on {}", source, below);
    below = source;
    for (size_t block = 0; block < block_count; ++block) {
      if (files_.at(source).blocks[block]) target.blocks[block] = files_.at(source).blocks[block];
    }
  }
  for (const std::string& child : merge.children) {
    if (files_.at(child).parent != below) fault_ = fmt::format("{} does not stand on {}", child, below);
    files_.at(child).parent = merge.target;
  }
  for (const std::string& source : merge.sources)
    files_.erase(source);
  tree_ = after_merge(tree_, merge);
}

void ModelMachine::carry_out_all_merges() {
  for (const PendingMerge& merge : pending_merges(tree_))
    carry_out(merge);
}

std::optional<ModelMachine::Content> ModelMachine::read(const std::string& path) const {
  Content content{};
  for (size_t block = 0; block < block_count; ++block) {
    std::string at = path;
    for (;;) {
      const auto file = files_.find(at);
      if (file == files_.end()) return std::nullopt;
      if (file->second.blocks[block]) {
        content[block] = *file->second.blocks[block];
        break;
      }
      at = file->second.parent;
    }
  }
  return content;
}

std::string ModelMachine::trouble() const {
  if (!fault_.empty()) return fault_;
  if (const auto sound = check_tree(tree_); !sound) return sound.error().text();
  if (tree_.now_parent != now_parent_) return "Now goes on from another checkpoint";
  if (tree_.checkpoints.size() != expected_.size()) return "a checkpoint too many or too few";
  std::set<std::string> needed;
  std::map<std::string, size_t> standing;
  std::set<std::string> used;
  size_t named = 0;
  for (size_t disk = 0; disk < tree_.disks.size(); ++disk) {
    const DiskFiles& files = tree_.disks[disk];
    named += files.parent_of.size();
    for (const auto& [path, parent] : files.parent_of) {
      const auto file = files_.find(path);
      if (file == files_.end()) return path + " is gone";
      if (file->second.parent != parent) return path + " stands on another file than the tree says";
      if (!parent.empty()) ++standing[parent];
    }
    auto check = [&](const std::string& who, const std::string& path, const Content& content) {
      used.insert(path);
      for (std::string at = path; !at.empty(); at = files_.at(at).parent)
        needed.insert(at);
      return read(path) == content ? std::string() : who + " reads as something else";
    };
    if (const auto wrong = check("Now", files.now, expected_now_[disk]); !wrong.empty()) return wrong;
    for (const Checkpoint& checkpoint : tree_.checkpoints) {
      if (!expected_.contains(checkpoint.id)) return "a checkpoint nobody made";
      if (checkpoint.parent != parent_.at(checkpoint.id)) return "a checkpoint has another parent";
      const auto wrong =
          check(checkpoint.id.to_lower(), files.frozen.at(checkpoint.id), expected_.at(checkpoint.id)[disk]);
      if (!wrong.empty()) return wrong;
    }
  }
  if (named != files_.size()) return "a file is left that the tree does not know";
  const bool is_settled = pending_merges(tree_).empty();
  for (const auto& [path, file] : files_) {
    if (!needed.contains(path)) return path + " is left and nothing needs it";
    if (is_settled && !used.contains(path) && standing[path] < 2) return path + " could have been merged";
  }
  return "";
}

}  // namespace vhdlab::tests
