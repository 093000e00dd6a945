// Planning merges; see merge_plan.h.
#include "engine/merge/merge_plan.h"

#include <algorithm>

#include <fmt/format.h>

namespace vhdlab {

Result<void> plan_merge_window(const Chain& chain, MergeRange range, ByteRange window, ReadPlan& scratch,
                               std::vector<MergeStep>& steps) {
  const auto sources = chain.layers().subspan(range.target + 1, range.source_count());
  TRY(resolve_walk(sources, window,
                   scratch));  // what no source holds is not in the answer: it stays as it is
  steps.clear();
  for (const ReadSegment& segment : scratch.segments) {
    steps.push_back({.is_zero = segment.is_zero,
                     .source = range.target + 1 + segment.layer,
                     .file_offset = segment.file_offset,
                     .virtual_range = segment.virtual_range()});
  }
  return {};
}

Result<MergeEstimate> estimate_merge(const Chain& chain, MergeRange range) {
  if (range.target >= range.top || range.top > chain.depth()) {
    return failure(
        ErrorKind::invalid_argument, "merge-range",
        fmt::format("{}: cannot merge layers {} to {} into layer {}: the chain has layers 0 to {}",
                    chain.leaf().path(), range.target + 1, range.top, range.target, chain.depth()));
  }
  MergeEstimate estimate;
  estimate.bytes_from_layer.resize(chain.layers().size());
  const uint64_t disk_size = chain.layers()[range.top]->disk_size_bytes();
  ReadPlan scratch;
  std::vector<MergeStep> steps;
  for (uint64_t window = 0; window < disk_size; window += merge_window_bytes) {
    TRY(plan_merge_window(chain, range, {window, std::min(merge_window_bytes, disk_size - window)}, scratch,
                          steps));
    for (const MergeStep& step : steps) {
      if (step.is_zero) {
        estimate.bytes_to_zero += step.virtual_range.length;
      } else {
        estimate.bytes_to_copy += step.virtual_range.length;
        estimate.bytes_from_layer[step.source] += step.virtual_range.length;
      }
    }
    estimate.steps += steps.size();
  }
  return estimate;
}

}  // namespace vhdlab
