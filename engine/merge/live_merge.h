// Merges layers of a chain while a machine reads and writes the disk. A merge in place hides every byte it
// changes in the target behind the sources, so whoever has the chain open goes on as if nothing happened;
// only where the chain itself changes must I/O wait, and then the chain is opened anew.
//
//   (a) the range lies below the leaf              (b) the leaf itself is merged
//
//       Now ◄── the machine                            Now 2 ◄── the machine      Now 3 ◄──
//       C    ─┐                                        Now   ─┐                   Now 2 ─┐
//       B    ─┴─► merged at the rate limit             A     ◄┘ pass 1            A     ◄┘ pass 2 ...
//       A    ◄┘
//       one pass, one pause in which Now               each pass begins with a pause that puts an empty disk
//       is put on A                                    on top; the last pause merges what little is left
//
// Every pass is a merge as merge_run.h describes it, with its record and its order of steps, so a kill at any
// moment harms no more than one of a merge at rest: the chain opens and reads the same, and the merge can be
// run again. What a guest writes counts only once: see live_course.h for when (b) ends, and when it cannot.
//
// While a pass goes on, the target's tables change under whoever has it open for reading. That is safe
// because an entry is an aligned word of eight bytes, which the system shows whole, and because what appears
// in the target since it was opened is hidden by the sources.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/merge/live_course.h"
#include "engine/merge/merge_run.h"

namespace vhdlab {

// The door to whoever performs I/O on the disk. Called from the thread that merges.
class LiveDisk {
 public:
  virtual ~LiveDisk() = default;

  // The files of the chain as it is open, base first.
  [[nodiscard]] virtual std::vector<std::string> paths() const = 0;

  // Lets the operations in flight end and holds up all others, then closes the chain.
  [[nodiscard]] virtual Result<void> pause() = 0;

  // The disk is the chain whose leaf is at `leaf_path` from now on: notes that durably, if it is not the one
  // before, opens the chain and lets I/O go on. Until it returns nothing is written to a new leaf, so that
  // after a kill the leaf in the note is right, whichever it is.
  [[nodiscard]] virtual Result<void> resume(const std::string& leaf_path) = 0;

  // A path for the next empty disk on top, where no file is; in the folder of the leaf.
  [[nodiscard]] virtual std::string next_leaf_path() = 0;

  // How much the machine has written so far, rewrites included. From any thread.
  [[nodiscard]] virtual uint64_t bytes_written() const = 0;
};

// How far a live merge has come.
struct LiveProgress {
  uint32_t pass = 1;
  uint64_t bytes_merged = 0;  // of this pass
  uint64_t bytes_to_merge = 0;
  LiveForecast forecast;
};

struct LiveMergeOptions {
  // Of each pass, the rate limit among them; no limit holds in a pause. `progress` is not asked, and sources
  // are never kept.
  MergeOptions merge;
  LiveLimits limits;
  uint32_t leaf_block_size_bytes = 0;  // of the disks put on top; 0: the usual
  std::function<void(const LiveProgress&)> progress;
};

struct LiveMergeOutcome {
  bool finished = false;
  std::string explanation;       // why not: "cannot finish: the guest writes 120 MiB/s, ..."
  std::vector<LivePass> passes;  // what was merged in the last pause counts as one
  MergeOutcome totals;           // over all passes
  double duration_s = 0;         // until the last source was gone, or the merge gave up
  // What was expected of duration_s once a tenth of the first pass was merged; nothing where the merge was
  // not expected to end, or too short to tell.
  std::optional<double> estimated_s;
  std::string leaf_path;  // of the disk as it is now
};

// Merges layers (range.target, range.top] of the open chain `disk`. Where it gives up, which is an outcome
// and no failure, every pass has been put together: the chain holds what the machine wrote last above the
// target. After a failure, too, the machine goes on, on a chain that reads the same. What a merge before it
// has left interrupted is gone on with where ranges agree. Faults: merge-range, merge-has-other-children,
// merge-interrupted, those of `disk`, of opening, reading and writing.
[[nodiscard]] Result<LiveMergeOutcome> live_merge(FileSystem& files, LiveDisk& disk, MergeRange range,
                                                  const LiveMergeOptions& options, RandomSource& random);

}  // namespace vhdlab
