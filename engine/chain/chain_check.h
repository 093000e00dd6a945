// Checks every file of a chain by itself, and whether the files belong together. Like the check of one file,
// it goes on behind what is wrong as far as parents can be found, and never writes. Beyond the names of
// chain_open.h it knows:
//
//   chain-parent-dirty       a parent's log must be replayed before anyone may rely on it     risk
//   chain-identity-twice     two layers carry the same data identity: one is a copy           risk
//   chain-parent-moved       the parent was found at another path than the locator's first    note
//   chain-second-linkage     the parent fits the second linkage only: a merge did not end     note
//   chain-disk-size          a child's disk size differs from its parent's                    note
//   chain-disk-identity      the virtual disk identity (page 83) differs along the chain      note
#pragma once

#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/chain/chain.h"
#include "engine/format/vhdx/check.h"
#include "engine/io/file_system.h"

namespace vhdlab {

struct CheckedLayer {
  std::string path;
  vhdx::CheckReport report;
};

struct ChainCheckReport {
  std::vector<CheckedLayer> layers;     // leaf first, as far as parents could be found
  std::vector<vhdx::Finding> findings;  // about layers together, worst first; `where` begins with a path

  // In the layers or between them.
  [[nodiscard]] bool has(vhdx::Severity severity) const;
};

// Faults: those of opening the leaf and of reading files. A parent that cannot be opened is a finding.
[[nodiscard]] Result<ChainCheckReport> check_chain(FileSystem& files, const std::string& path,
                                                   LayerIndex depth_max = 4096);

}  // namespace vhdlab
