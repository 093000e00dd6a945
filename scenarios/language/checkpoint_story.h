// Which checkpoints there are, step by step, as a scenario goes on: the parser tells the story to find
// references to what is not there, the runner tells it again to know which checkpoint a word means. The rules
// are engine/checkpoint's; only files are left out.
//
//   reference    means
//   monday       the checkpoint of that name
//   3            the third one taken, counted from the beginning
//   oldest, middle, newest    of those there are, in the order they were taken
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/checkpoint/checkpoint_tree.h"

namespace vhdlab::scenarios {

enum class CheckpointAction { take, apply, remove, remove_subtree };

class CheckpointStory {
 public:
  // Takes one under `name`; without a name it is "checkpoint 7" where six were taken before. Gives its name,
  // or nothing where there is one of that name.
  std::optional<std::string> take(const std::string& name);

  // The name of the checkpoint a reference means; nothing where there is none.
  [[nodiscard]] std::optional<std::string> find(std::string_view reference) const;

  // `name` is that of a checkpoint there is; `action` is not take.
  void carry_out(CheckpointAction action, const std::string& name);

  [[nodiscard]] size_t count() const { return tree_.checkpoints.size(); }
  [[nodiscard]] std::vector<std::string_view> names() const;  // oldest first
  // Checkpoints Now goes on from, one after the other.
  [[nodiscard]] uint32_t depth_of_now() const;

 private:
  [[nodiscard]] const Checkpoint* named(std::string_view name) const;

  CheckpointTree tree_;                   // without disks
  std::vector<std::string> taken_names_;  // of all that were ever taken
};

}  // namespace vhdlab::scenarios
