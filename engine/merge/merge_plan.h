// What a merge moves, before it moves anything. Layers above the target, up to the top, are taken as one: for
// every byte the newest of them that holds it wins, so a block that five layers changed is moved once.
//
//   layer 4  Now              stays; it will stand on the target
//   layer 3  top      ─┐
//   layer 2  source    ├──►   their union, once
//   layer 1  source   ─┘
//   layer 0  target           takes it in place
//
// Pure: plans from resolved extents, touches no data.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/chain/chain.h"

namespace vhdlab {

// Which layers of a chain a merge takes together: (target, top]. Valid when target < top <= depth.
struct MergeRange {
  LayerIndex target = 0;
  LayerIndex top = 0;

  [[nodiscard]] uint32_t source_count() const { return top - target; }
};

// One run of bytes the target must take: copied from a source, or zeros that a source put there.
struct MergeStep {
  bool is_zero = false;
  LayerIndex source = 0;     // meaningful where not zero
  uint64_t file_offset = 0;  // in the source's file, likewise
  ByteRange virtual_range;
};

// Faults: merge-range, where the chain has no such layers.
[[nodiscard]] Result<void> check_merge_range(const Chain& chain, MergeRange range);

using LayerSpan = std::span<const std::unique_ptr<Layer>>;

// The next part of the disk, from `offset` on, in which some source may hold something; nothing where none is
// left. At most merge_window_bytes long, so that memory stays bounded on any disk; holes between are passed
// over at the cost of the tables' pages in use, not of the disk's size.
[[nodiscard]] Result<std::optional<ByteRange>> next_merge_window(LayerSpan layers, MergeRange range,
                                                                 uint64_t offset);

// The steps for one window of the disk, in order, each run as long as it stays in one place; replaces
// `steps`. The window ends at the end of the top layer's disk at the latest.
[[nodiscard]] Result<void> plan_merge_window(LayerSpan layers, MergeRange range, ByteRange window,
                                             ReadPlan& scratch, std::vector<MergeStep>& steps);

// Steps that are planned already, in order, and up to where of the disk: planning goes on at `end_byte`.
struct PlannedSteps {
  uint64_t end_byte = 0;
  std::vector<MergeStep> steps;
};

// What a merge comes to.
struct MergeEstimate {
  uint64_t bytes_to_copy = 0;
  uint64_t bytes_to_zero = 0;
  // What the target's file grows by at most: bytes to copy that it has no space for yet, and its bitmaps. It
  // is the merge's peak, since no source goes before the end.
  uint64_t space_needed_bytes = 0;
  std::vector<uint64_t> bytes_from_layer;  // by layer index, of bytes_to_copy
  uint64_t steps = 0;
  PlannedSteps first;  // as many of them as fit planned_bytes_max, so that a merge need not plan them again

  [[nodiscard]] uint64_t bytes_to_move() const { return bytes_to_copy + bytes_to_zero; }
};

// What is to be moved from `first_byte` of the disk on. Faults: merge-range, those of reading tables.
[[nodiscard]] Result<MergeEstimate> estimate_merge(const Chain& chain, MergeRange range,
                                                   uint64_t first_byte = 0);

inline constexpr uint64_t merge_window_bytes = 1 * gib;
inline constexpr uint64_t planned_bytes_max = 4 * mib;  // of memory

}  // namespace vhdlab
