// Planning merges; see merge_plan.h.
#include "engine/merge/merge_plan.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/format/vhdx/layout.h"

namespace vhdlab {

namespace {

// Counts what one step makes the target's file grow by.
class SpaceNeed {
 public:
  explicit SpaceNeed(Layer& target)
      : target_(target), chunk_bytes_(vhdx::sectors_per_chunk * target.sector_size_bytes()) {}

  Result<uint64_t> of(ByteRange step) {
    const uint64_t chunks = divide_up(step.end(), chunk_bytes_);
    uint64_t needed = chunks > chunks_done_ ? vhdx::bitmap_block_length : 0;
    chunks_done_ = std::max(chunks_done_, chunks);
    const uint64_t inside_end = std::min(step.end(), target_.disk_size_bytes());
    const uint64_t inside = inside_end - std::min(inside_end, step.offset);
    needed += step.length - inside;
    extents_.clear();
    if (inside > 0) TRY(target_.resolve({step.offset, inside}, extents_));
    for (const Extent& extent : extents_)
      needed += extent.kind == ExtentKind::data ? 0 : extent.length;
    return needed;
  }

 private:
  Layer& target_;
  uint64_t chunk_bytes_;
  uint64_t chunks_done_ = 0;
  std::vector<Extent> extents_;
};

}  // namespace

Result<std::optional<ByteRange>> next_merge_window(LayerSpan layers, MergeRange range, uint64_t offset) {
  const uint64_t disk_size = layers[range.top]->disk_size_bytes();
  uint64_t begin = disk_size;
  for (LayerIndex source = range.target + 1; source <= range.top && begin > offset; ++source) {
    begin = std::min(begin, TRY(layers[source]->absent_until(offset)));  // past a smaller one's end are zeros
  }
  if (begin >= disk_size) return std::nullopt;
  return ByteRange{begin, std::min(merge_window_bytes, disk_size - begin)};
}

Result<void> plan_merge_window(LayerSpan layers, MergeRange range, ByteRange window, ReadPlan& scratch,
                               std::vector<MergeStep>& steps) {
  const LayerSpan sources = layers.subspan(range.target + 1, range.source_count());
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

Result<void> check_merge_range(const Chain& chain, MergeRange range) {
  if (range.target >= range.top || range.top > chain.depth()) {
    return failure(
        ErrorKind::invalid_argument, "merge-range",
        fmt::format("{}: cannot merge layers {} to {} into layer {}: the chain has layers 0 to {}",
                    chain.leaf().path(), range.target + 1, range.top, range.target, chain.depth()));
  }
  return {};
}

Result<MergeEstimate> estimate_merge(const Chain& chain, MergeRange range, uint64_t first_byte) {
  TRY(check_merge_range(chain, range));
  MergeEstimate estimate;
  estimate.bytes_from_layer.resize(chain.layers().size());
  const uint64_t disk_size = chain.layers()[range.top]->disk_size_bytes();
  ReadPlan scratch;
  std::vector<MergeStep> steps;
  SpaceNeed space(*chain.layers()[range.target]);
  estimate.first.end_byte = first_byte;
  std::vector<MergeStep>& kept = estimate.first.steps;
  for (uint64_t at = first_byte; at < disk_size;) {
    const auto window = TRY(next_merge_window(chain.layers(), range, at));
    if (!window) break;
    TRY(plan_merge_window(chain.layers(), range, *window, scratch, steps));
    for (const MergeStep& step : steps) {
      if (step.is_zero) {
        estimate.bytes_to_zero += step.virtual_range.length;
      } else {
        estimate.bytes_to_copy += step.virtual_range.length;
        estimate.bytes_from_layer[step.source] += step.virtual_range.length;
        estimate.space_needed_bytes += TRY(space.of(step.virtual_range));
      }
    }
    if (kept.size() == estimate.steps &&
        (kept.size() + steps.size()) * sizeof(MergeStep) <= planned_bytes_max) {
      kept.insert(kept.end(), steps.begin(), steps.end());
      estimate.first.end_byte = window->end();
    }
    estimate.steps += steps.size();
    at = window->end();
  }
  return estimate;
}

}  // namespace vhdlab
