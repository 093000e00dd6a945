// The engine target's side of a live merge: a chain of real files, worked on through a gate, which the merge
// closes and has opened anew.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/merge/live_merge.h"
#include "scenarios/targets/pause_gate.h"

namespace vhdlab::scenarios {

class EngineLiveDisk final : public LiveDisk {
 public:
  using OpenLeaf = std::function<Result<Chain>(const std::string& leaf_path)>;

  // `open` opens the chain with this leaf as the workload wants it; `name_leaf` gives paths no file has.
  EngineLiveDisk(Chain chain, OpenLeaf open, std::function<std::string()> name_leaf);

  [[nodiscard]] PauseGate& gate() { return gate_; }

  [[nodiscard]] std::vector<std::string> paths() const override { return paths_; }
  [[nodiscard]] Result<void> pause() override;
  [[nodiscard]] Result<void> resume(const std::string& leaf_path) override;
  [[nodiscard]] std::string next_leaf_path() override { return name_leaf_(); }
  [[nodiscard]] uint64_t bytes_written() const override { return gate_.bytes_written(); }

  // Table pages read by all chains so far, the present one included.
  [[nodiscard]] uint64_t metadata_pages_loaded() const;

  // The workload is over: closes the chain.
  [[nodiscard]] Result<void> close();

 private:
  void note_paths();

  std::optional<Chain> chain_;
  OpenLeaf open_;
  std::function<std::string()> name_leaf_;
  std::vector<std::string> paths_;  // base first; what they were while the chain is closed
  uint64_t pages_loaded_before_ = 0;
  PauseGate gate_;
};

}  // namespace vhdlab::scenarios
