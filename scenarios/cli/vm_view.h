// What the `vm` commands show of a machine, and what they share in finding one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/checkpoint/checkpoint_operations.h"
#include "scenarios/cli/command.h"

namespace vhdlab::scenarios {

// Space is counted as the file system gave it. What cannot be read (a damaged file) is unknown.
struct CheckpointSpace {
  std::optional<uint64_t> own_bytes;    // of the files it froze, or of Now's
  std::optional<uint64_t> freed_bytes;  // by deleting it, once the merges that follow are done; not for Now
};

struct MachineView {
  std::string folder;
  MachineManifest manifest;
  std::vector<CheckpointSpace> space;  // by checkpoint, Now last
};

// Reads the machine without holding it. Faults: those of read_manifest.
[[nodiscard]] Result<MachineView> look_at_machine(const CommandContext& context, const std::string& folder);

[[nodiscard]] nlohmann::ordered_json as_json(const MachineView& view, int64_t unix_seconds_now);
void print_tree(const CommandContext& context, const MachineView& view, int64_t unix_seconds_now);

// "1f3a9c0e": enough of an id to type.
[[nodiscard]] std::string short_id(const Guid& id);

// "checkpoint 'tested' (1f3a9c0e)", "Now".
[[nodiscard]] std::string describe(const CheckpointTree& tree, const RestorePoint& point);
[[nodiscard]] nlohmann::ordered_json as_json(const CheckpointTree& tree, const RestorePoint& point);

// What a pending merge is, for people and programs; the estimate is absent where files cannot be read.
[[nodiscard]] nlohmann::ordered_json as_json(const PendingMerge& merge,
                                             const std::optional<PendingMergeEstimate>& estimate);

// "3 files wait to be merged: 'vhdlab vm merge web'", with a line feed; "" where none do. `folder` is the
// machine's as the user gave it.
[[nodiscard]] std::string pending_line(const Machine& machine, const std::string& folder);

// Seconds since 1970 by the world's clock.
[[nodiscard]] int64_t seconds_now(const CommandContext& context);

}  // namespace vhdlab::scenarios
