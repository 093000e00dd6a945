// Carries out a merge in place and puts the chain back together. Safe to interrupt at any moment: while bytes
// move, the sources still stand above the target and hide every byte that changes in it; running the merge
// again goes on where it stopped.
//
//   announce  the lowest source accepts the target's next identity too (parent_linkage2)
//   rename    the target takes that identity: its other children, if any, stop opening before a byte moves
//   move      the union of the sources into the target; the chain reads as before, through the sources. Now
//             and then it is recorded beside the leaf how far this has come (merge_record.h)
//   record    which files are finished with, in its place
//   re-point  the disk above the top is given the target as parent
//   remove    the sources, newest first, then the record
//
// Where the top is the leaf, the leaf's file goes with the sources: from then on the target is the disk.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/random.h"
#include "engine/chain/copy_disk.h"
#include "engine/io/file_system.h"
#include "engine/merge/merge_batch.h"

namespace vhdlab {

struct MergeOptions {
  CacheMode cache = CacheMode::buffered;
  bool force = false;         // merge although other disks stand on the target or a source: they are lost
  bool keep_sources = false;  // leave the merged files behind, no longer part of the chain
  bool ignore_id_mismatch = false;
  uint32_t requests_in_flight = usual_requests_in_flight;        // threads that move data
  uint64_t rate_limit_bytes_per_s = 0;                           // 0: none
  uint64_t bytes_between_records = usual_bytes_between_flushes;  // a power of two
  // In bytes of data to move, what earlier runs moved included; from the caller's thread.
  ProgressCallback progress;
  StopRequested stop;              // what was moved by then need not be moved again
  Clock* clock = &system_clock();  // for the rate limit; not owned
};

struct MergeOutcome {
  uint64_t bytes_copied = 0;
  uint64_t bytes_shared = 0;  // of those copied: the file system shares them between the files instead
  uint64_t bytes_zeroed = 0;
  uint64_t bytes_moved_before = 0;  // by earlier runs of this merge; the other numbers are this run's
  uint32_t layers_merged = 0;
  bool was_interrupted = false;            // an earlier run had moved everything; this one only cleared up
  std::string target_path;                 // what now holds the content of the top
  std::string child_path;                  // the disk that now stands on it; empty where the top was the leaf
  std::vector<std::string> removed_paths;  // the sources, newest first
};

// Disks that stand on the target or on a source and are not part of the chain: a merge would pull the ground
// from under them. Looks in the folders of the chain's files.
[[nodiscard]] Result<std::vector<std::string>> find_other_children(FileSystem& files, LayerSpan layers,
                                                                   MergeRange range, RandomSource& random);

// Merges `range` of the chain whose leaf is at `leaf_path`. The leaf, where it is a source, is held
// against other writers from beginning to end. Where an earlier run of the same merge was interrupted, this
// one goes on where it stopped, or from the beginning where the top was written to since. Where that one had
// put the chain together, this one finishes it and merges nothing more; of another range, too, it is finished
// first. Faults: merge-range, merge-has-other-children, merge-interrupted, merge-leaf-gone, file-in-use,
// those of finish_interrupted_merge, of opening, reading and writing. On a failure the chain still opens and
// reads the same.
[[nodiscard]] Result<MergeOutcome> merge(FileSystem& files, const std::string& leaf_path, MergeRange range,
                                         const MergeOptions& options, RandomSource& random);

// What is known of a merge that was interrupted after everything was moved.
struct InterruptedMerge {
  MergeRange range;  // in the chain as it was
  MergeOutcome outcome;
};

// Removes what a merge of the chain with this leaf left behind when it was interrupted after everything was
// moved, also where the leaf itself is gone already; nothing where there is no such merge. Callers that
// choose a range from the chain call this first: before it the leaf may be missing, after it the chain is
// shorter. Faults: merge-source-changed (a leftover was written to since; nothing is removed),
// merge-target-missing, merge-source-missing (of a merge that was still moving).
[[nodiscard]] Result<std::optional<InterruptedMerge>> finish_interrupted_merge(FileSystem& files,
                                                                               const std::string& leaf_path,
                                                                               RandomSource& random);

}  // namespace vhdlab
