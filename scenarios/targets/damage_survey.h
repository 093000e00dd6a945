// "A checkpoint is no backup", tried out: each file of a machine is damaged in turn (a copy of it, in its
// place for whoever opens), every restore point is opened and read, and what happens is held against what
// engine/checkpoint foresaw.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "engine/checkpoint/checkpoint_tree.h"
#include "engine/io/file_system.h"
#include "scenarios/targets/target.h"

namespace vhdlab::scenarios {

// Opens and reads a restore point through these files; why that failed, or nothing where it is whole.
using TryRestorePoint =
    std::function<std::optional<std::string>(FileSystem& files, const RestorePoint& point)>;

// Which restore points are lost with a file of the first disk.
using ForeseenLosses = std::function<std::vector<RestorePoint>(const std::string& path)>;

// The files of the machine's first disk, those further down first. Copies lie in `folder` beside the files
// while they are looked at; the files themselves are only read. Faults: damage-interrupted, those of copying.
[[nodiscard]] Result<reports::DamageTotals> damage_each_file_of(FileSystem& files, const std::string& folder,
                                                                const CheckpointTree& tree, DamageKind kind,
                                                                const TryRestorePoint& attempt,
                                                                const ForeseenLosses& foreseen,
                                                                const StepProgress& progress,
                                                                const StopRequested& stop);

// "monday", or "Now".
[[nodiscard]] std::string name_of(const CheckpointTree& tree, const RestorePoint& point);

}  // namespace vhdlab::scenarios
