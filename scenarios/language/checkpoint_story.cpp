// Checkpoints by name; see checkpoint_story.h.
#include "scenarios/language/checkpoint_story.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include <fmt/format.h>

#include "engine/base/random.h"
#include "scenarios/language/settings.h"

namespace vhdlab::scenarios {

const Checkpoint* CheckpointStory::named(std::string_view name) const {
  const auto found = std::ranges::find(tree_.checkpoints, name, &Checkpoint::name);
  return found == tree_.checkpoints.end() ? nullptr : &*found;
}

std::optional<std::string> CheckpointStory::take(const std::string& name) {
  const size_t number = taken_names_.size() + 1;
  std::string own = name.empty() ? fmt::format("checkpoint {}", number) : name;
  if (named(own) != nullptr) return std::nullopt;
  SeededRandom random(number);  // ids need only differ
  const Guid id = Guid::make_random(random);
  tree_.checkpoints.push_back({.id = id, .parent = tree_.now_parent, .name = own});
  tree_.now_parent = id;
  taken_names_.push_back(own);
  return own;
}

std::optional<std::string> CheckpointStory::find(std::string_view reference) const {
  const auto& all = tree_.checkpoints;
  if (!all.empty()) {
    if (reference == "oldest") return all.front().name;
    if (reference == "middle") return all[(all.size() - 1) / 2].name;
    if (reference == "newest") return all.back().name;
  }
  const auto number = whole_number_in(reference);
  if (number && (*number == 0 || *number > taken_names_.size())) return std::nullopt;
  const Checkpoint* checkpoint = named(number ? taken_names_[*number - 1] : reference);
  return checkpoint == nullptr ? std::nullopt : std::optional(checkpoint->name);
}

void CheckpointStory::carry_out(CheckpointAction action, const std::string& name) {
  const Checkpoint* checkpoint = named(name);
  assert(checkpoint != nullptr && action != CheckpointAction::take);
  const Guid id = checkpoint->id;
  if (action == CheckpointAction::apply) {
    tree_.now_parent = id;
    return;
  }
  auto plan = action == CheckpointAction::remove ? plan_delete(tree_, id) : plan_delete_subtree(tree_, id);
  assert(plan.has_value());
  tree_ = std::move(plan->after);
}

std::vector<std::string_view> CheckpointStory::names() const {
  std::vector<std::string_view> names;
  for (const Checkpoint& checkpoint : tree_.checkpoints)
    names.emplace_back(checkpoint.name);
  return names;
}

uint32_t CheckpointStory::depth_of_now() const {
  uint32_t depth = 0;
  for (auto at = tree_.now_parent; at; at = find_checkpoint(tree_, *at)->parent)
    ++depth;
  return depth;
}

}  // namespace vhdlab::scenarios
