// Which files of a folder's families can go, and by which merges: the cheapest safe order over all of them.
//
//   base ◄─ 1 ◄─ 2 ◄─ fork ◄─ 3 ◄─ 4 ◄─ Now         run:   (1 2) into base; the fork then stands on base
//                       ▲                            run:   (4) into 3; Now then stands on 3
//                       └──── 5 ◄─ other             stays: the fork, 5, both leaves
//
// Rules: a file on which two or more disks stand is not changed and not removed until one of them is left;
// nothing is merged where a file of the way down to the base is damaged, in use or in the middle of another
// merge; leaves keep their names, since a machine may point at them, except where told otherwise.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/random.h"
#include "engine/chain/copy_disk.h"
#include "engine/chain/disk_family.h"
#include "engine/io/file_system.h"

namespace vhdlab {

struct FamilyPlanOptions {
  std::vector<DiskIndex> in_use;  // leaves that a machine uses: they keep their names in any case
  bool merge_leaves = false;      // leaves go too, but for those in use: their disk is then the file below
  // Free on the device that holds all files: one is assumed.
  uint64_t space_limit_bytes = std::numeric_limits<uint64_t>::max();
  StopRequested stop = {};
};

// Files that are merged together: the target, then the sources, lowest first; and the disk above them that
// stays, none where the topmost source is a leaf.
struct MergeRun {
  std::vector<DiskIndex> disks;
  std::optional<DiskIndex> child;
};

struct StayingDisk {
  DiskIndex disk = 0;
  std::string reason;
};

struct MergeRuns {
  std::vector<MergeRun> runs;
  std::vector<StayingDisk> staying;  // members of families with a history that no run removes, and why
};

// Pure: what the rules allow.
[[nodiscard]] MergeRuns find_merge_runs(const DiskFamilies& families, const FamilyPlanOptions& options);

struct PlannedDisk {
  std::string path;
  Guid identity;  // as it was when the plan was made, or as this plan's earlier steps have left it
};

// One merge of the plan.
struct PlannedStep {
  std::string chain_path;  // the disk to open for it
  PlannedDisk target;
  std::vector<PlannedDisk> sources;  // lowest first; gone afterwards
  std::optional<PlannedDisk> child;  // stands on the target afterwards; none where the top is a leaf
  uint64_t bytes_to_copy = 0;
  uint64_t bytes_to_zero = 0;
  uint64_t growth_bytes = 0;  // at most
  uint64_t freed_bytes = 0;
};

// What all runs cost in one order.
struct OrderCost {
  uint64_t merges = 0;
  uint64_t bytes_to_copy = 0;
  uint64_t peak_bytes = 0;
};

struct FamilyPlan {
  std::vector<PlannedStep> steps;
  OrderCost cost;
  uint64_t bytes_to_zero = 0;
  int64_t gained_bytes = 0;  // space given back in the end
  bool fits = true;          // within the space limit; where not, this is the plan that needs the least
  OrderCost one_pass;        // for comparison
  OrderCost oldest_first;
  OrderCost newest_first;  // as Microsoft's procedure for merging by hand
  std::vector<StayingDisk> staying;
};

// Reads the tables of all files concerned. Runs that free space cheaply go first, so that later ones have it.
// Faults: merge-interrupted, those of opening chains and reading tables.
[[nodiscard]] Result<FamilyPlan> plan_family_merges(FileSystem& files, const DiskFamilies& families,
                                                    const FamilyPlanOptions& options, RandomSource& random);

}  // namespace vhdlab
