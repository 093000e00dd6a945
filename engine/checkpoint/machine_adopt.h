// Takes in a folder of disks that another program made, Hyper-V above all: "disk.vhdx" and the
// "disk_<GUID>.avhdx" beside it. Only the manifest is written; no byte of a disk changes.
//
// Locators say which file stands on which. Names, times and kinds of checkpoints are in Hyper-V's own
// configuration, which is not read: every file but Now's becomes a checkpoint named after it, so that nothing
// is merged or removed that a manager may still show.
#pragma once

#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/random.h"
#include "engine/checkpoint/machine_manifest.h"
#include "engine/io/file_system.h"

namespace vhdlab {

struct AdoptRequest {
  std::string name;
  HostGeneration host = HostGeneration::windows_2016;
  size_t checkpoints_max = checkpoints_max_default;
  std::vector<std::string> bases;  // only these disks, by the name of their base; empty: all in the folder
  std::vector<std::string> now;    // Now's file of a disk with several leaves
};

// What the manifest of the folder would say: hand it to Machine::put_in_order. Several disks belong together
// where their chains are lines of one length, or branch alike under the same GUIDs. Faults: machine-name,
// machine-limit, adopt-nothing, adopt-unreadable, adopt-parent (missing, elsewhere, or another disk),
// adopt-now (which leaf Now writes to is not clear), adopt-disks (which checkpoints belong together is not
// clear).
[[nodiscard]] Result<MachineManifest> plan_adoption(FileSystem& files, const std::string& folder,
                                                    const AdoptRequest& request, RandomSource& random);

}  // namespace vhdlab
