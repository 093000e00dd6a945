// Moves the union of a merge's sources into its target: planned in batches, carried out by several requests
// at once, so that a merge runs at the speed of a plain copy even where what changed is scattered sectors.
//
//   plan      steps ──► a batch, divided into tasks (merge_batch.h)       (tables in memory)
//   move      its tasks, each from file to file or gathered in memory     (several threads)
//   publish   the target's tables, once per batch
//   flush     now and then; everything before it is in the target for good
#pragma once

#include <cstdint>
#include <functional>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/merge/merge_batch.h"

namespace vhdlab {

struct MoveTotals {
  uint64_t bytes_copied = 0;
  uint64_t bytes_shared = 0;  // of them, those the file system shares between the files instead
  uint64_t bytes_zeroed = 0;

  [[nodiscard]] uint64_t bytes_moved() const { return bytes_copied + bytes_zeroed; }
};

struct MoveSettings {
  uint32_t requests_in_flight = usual_requests_in_flight;
  uint64_t rate_limit_bytes_per_s = 0;                           // 0: none
  uint64_t bytes_between_flushes = usual_bytes_between_flushes;  // a power of two
};

// What a move tells while it goes on, from the thread that called it; all are set.
struct MoveWatch {
  std::function<Result<void>()> stop_or_go_on;   // asked before each step and while bytes move
  std::function<void(const MoveTotals&)> moved;  // after each batch
  std::function<Result<void>(uint64_t virtual_end, const MoveTotals&)> durable;  // all before virtual_end is
};

// Moves what `range` of `layers` (base first) holds into `target`, which is the layer range.target opened for
// writing, and flushes it: the steps that are `planned`, and what follows them on the disk. A failure leaves
// some of it moved; the target's tables are whole. Faults: those of the watch, of reading and writing.
[[nodiscard]] Result<MoveTotals> move_union(LayerSpan layers, MergeRange range, PlannedSteps planned,
                                            Layer& target, const MoveSettings& settings,
                                            const MoveWatch& watch, Clock& clock);

}  // namespace vhdlab
