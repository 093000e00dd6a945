// Gives a differencing disk its parent back: after the parent was moved or renamed, or, where its content is
// known to be right, after its identity changed.
#pragma once

#include <string>

#include "engine/base/error.h"
#include "engine/base/guid.h"
#include "engine/base/random.h"
#include "engine/chain/chain.h"
#include "engine/io/file_system.h"

namespace vhdlab {

struct RelinkOptions {
  bool ignore_id_mismatch = false;  // take the parent as it is and remember its present identity
  LayerIndex depth_max = 4096;
};

struct RelinkOutcome {
  std::string parent_path;  // absolute, as written
  Guid linkage_before;
  Guid linkage_after;
};

// Makes the child's locator name the VHDX file at `parent_path`. The child's content and its own data
// identity stay as they are, so disks that stand on the child still fit. Nothing is written unless everything
// fits; durable on return. Faults: disk-has-no-parent (the child is no differencing disk),
// chain-parent-mismatch, chain-sector-size, chain-loop, chain-too-deep, vhdx-locator-too-long, those of
// opening either file; of the parent's own parents only as much is looked at as can be found.
[[nodiscard]] Result<RelinkOutcome> relink(FileSystem& files, const std::string& child_path,
                                           const std::string& parent_path, const RelinkOptions& options,
                                           RandomSource& random);

}  // namespace vhdlab
