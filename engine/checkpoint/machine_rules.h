// What a host lets a machine do with its checkpoints, apart from files: which kinds there are, what applying
// does to a machine that runs, when merging is allowed. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/error.h"
#include "engine/checkpoint/checkpoint_tree.h"

namespace vhdlab {

// The Hyper-V generations whose checkpoints differ.
enum class HostGeneration {
  windows_2008r2,  // standard checkpoints only; merges only while the machine is off
  windows_2012r2,  // standard checkpoints only; merges while it runs, too
  windows_2016,    // and later: all kinds
};

[[nodiscard]] std::string_view word_of(HostGeneration host);  // "2012r2"
[[nodiscard]] std::optional<HostGeneration> host_generation_of(std::string_view word);

// Faults: checkpoint-kind.
[[nodiscard]] Result<void> check_kind(HostGeneration host, CheckpointKind kind);

// Applying a checkpoint that has memory goes back to it: a running machine runs on from there, any other
// waits in the saved state. Applying another one turns the machine off.
[[nodiscard]] MachineState state_after_apply(MachineState before, const Checkpoint& checkpoint);

// Faults: machine-running (the host merges only while the machine is off).
[[nodiscard]] Result<void> check_may_merge(HostGeneration host, MachineState state);

// Faults: machine-state (it is so already, or has nothing to stop).
[[nodiscard]] Result<MachineState> state_after_start(MachineState before);
[[nodiscard]] Result<MachineState> state_after_stop(MachineState before);

// Names that people give: 1 to name_characters_max characters, none of them a control character. "Now",
// however it is written, is what the machine is at and no checkpoint's name. Names need not be unique.
// Faults: machine-name, checkpoint-name.
inline constexpr size_t name_characters_max = 100;  // as Hyper-V's manager takes
[[nodiscard]] Result<void> check_machine_name(std::string_view name);
[[nodiscard]] Result<void> check_checkpoint_name(std::string_view name);

// Faults: machine-limit (a machine that may have no checkpoint at all).
[[nodiscard]] Result<void> check_checkpoints_max(size_t checkpoints_max);

// "web - (2026-03-01 12:34:56)", in universal time: a checkpoint's name where nobody gives one.
[[nodiscard]] std::string default_checkpoint_name(std::string_view machine_name, int64_t unix_seconds);

// "2026-03-01 12:34:56".
[[nodiscard]] std::string utc_text(int64_t unix_seconds);

// A new file's name as Windows makes it: "<base>_<GUID in upper case>.avhdx".
[[nodiscard]] std::string avhdx_name(std::string_view base_name, const Guid& id);

// The part of a file's name that its checkpoints' names begin with: "web" for "web.vhdx" and for
// "web_<GUID>.avhdx".
[[nodiscard]] std::string base_name_of(std::string_view file_name);

}  // namespace vhdlab
