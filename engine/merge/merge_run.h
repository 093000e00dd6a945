// Carries out a merge in place and puts the chain back together. Safe to interrupt at any moment: while bytes
// move, the sources still stand above the target and hide every byte that changes in it; running the merge
// again finishes it.
//
//   move      the union of the sources into the target             the chain reads as before, through the
//   sources announce  the lowest source accepts the target's next identity  (parent_linkage2) rename    the
//   target takes that identity                        its other children, if any, stop opening re-point  the
//   disk above the top is given the target as parent remove    the sources, newest first
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/random.h"
#include "engine/chain/copy_disk.h"
#include "engine/io/file_system.h"
#include "engine/merge/merge_plan.h"

namespace vhdlab {

struct MergeOptions {
  CacheMode cache = CacheMode::buffered;
  bool force = false;         // merge although other disks stand on the target or a source: they are lost
  bool keep_sources = false;  // leave the merged files behind, no longer part of the chain
  bool ignore_id_mismatch = false;
  ProgressCallback progress;  // in bytes of data to move
  StopRequested stop;
};

struct MergeOutcome {
  uint64_t bytes_copied = 0;
  uint64_t bytes_zeroed = 0;
  uint32_t layers_merged = 0;
  std::string target_path;                 // what now holds the content of the top
  std::string child_path;                  // the disk that now stands on it; empty where the top was the leaf
  std::vector<std::string> removed_paths;  // the sources, newest first
};

// Merges `range` of the chain whose leaf is at `leaf_path`. Files of the chain must not be open for writing
// elsewhere. Faults: merge-range, merge-has-other-children, merge-interrupted, those of opening, reading and
// writing. On a failure the chain still opens and reads the same.
[[nodiscard]] Result<MergeOutcome> merge(FileSystem& files, const std::string& leaf_path, MergeRange range,
                                         const MergeOptions& options, RandomSource& random);

}  // namespace vhdlab
