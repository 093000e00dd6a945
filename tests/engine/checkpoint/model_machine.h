// A machine that is nothing but bytes in maps: what every restore point must read as, and files that hold
// some blocks and stand on others. It carries out the plans of engine/checkpoint/checkpoint_tree.h literally
// and knows none of its rules, so that it can judge them.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/checkpoint/checkpoint_tree.h"

namespace vhdlab::tests {

class ModelMachine {
 public:
  static constexpr size_t block_count = 6;
  using Content = std::array<uint32_t, block_count>;

  explicit ModelMachine(size_t disks = 1);

  // Each writes its plan's outcome into the files, and into what must be read the effect the operation has by
  // its meaning. `n` names checkpoints in the order they are made, from 1.
  void create();
  void apply(const Guid& id);
  void remove(const Guid& id);
  void remove_subtree(const Guid& id);

  // Writes new values to the blocks of `which` (bit by block) of every disk.
  void write(uint32_t which);

  void carry_out(const PendingMerge& merge);
  void carry_out_all_merges();

  // "" where every restore point reads as it must, every file is needed and none is missing; else what is
  // wrong. Where nothing is left to merge, no file stays that one could do without.
  [[nodiscard]] std::string trouble() const;

  [[nodiscard]] const CheckpointTree& tree() const { return tree_; }
  [[nodiscard]] std::string story() const { return story_; }

  static Guid id_of(uint32_t n);

 private:
  struct File {
    std::array<std::optional<uint32_t>, block_count> blocks;
    std::string parent;
  };
  using Contents = std::vector<Content>;  // by disk

  void carry_out(const CheckpointPlan& plan);
  [[nodiscard]] std::vector<std::string> new_paths();
  [[nodiscard]] std::optional<Content> read(const std::string& path) const;

  CheckpointTree tree_;
  std::map<std::string, File> files_;
  std::map<Guid, Contents> expected_;
  std::map<Guid, std::optional<Guid>> parent_;  // of checkpoints, by the operations' meaning
  std::optional<Guid> now_parent_;
  Contents expected_now_;
  uint32_t checkpoints_made_ = 0;
  uint32_t files_made_ = 0;
  uint32_t values_made_ = 0;
  std::string fault_;
  std::string story_;
};

}  // namespace vhdlab::tests
