// The merged map; see chain_index.h.
#include "engine/chain/chain_index.h"

#include <algorithm>

namespace vhdlab {

ChainIndex::ChainIndex(uint64_t disk_size_bytes)
    : disk_size_bytes_(disk_size_bytes),
      regions_(divide_up(disk_size_bytes, region_bytes)),
      memory_bytes_(regions_.size() * sizeof(regions_[0])) {}

ChainIndex::~ChainIndex() {
  for (auto& region : regions_)
    delete region.load(std::memory_order_relaxed);
}

Result<void> ChainIndex::resolve(std::span<const std::unique_ptr<Layer>> layers, ByteRange range,
                                 ReadPlan& plan) {
  plan.segments.clear();
  plan.layers_probed = 0;
  plan.tables.clear();
  const std::shared_lock lock(mutex_);
  for (uint64_t offset = range.offset; offset < range.end();) {
    const uint64_t number = offset / region_bytes;
    const uint64_t region_begin = number * region_bytes;
    const uint64_t end = std::min({range.end(), region_begin + region_bytes, disk_size_bytes_});
    const Region& region = *TRY(find_or_walk(layers, number, plan));

    auto run = std::ranges::upper_bound(region, offset - region_begin, {}, &Run::begin);
    for (--run; offset < end; ++run) {
      const auto next = run + 1;
      const uint64_t run_end = next == region.end() ? end : std::min(end, region_begin + next->begin);
      plan.segments.push_back({.is_zero = run->is_zero,
                               .layer = run->layer,
                               .file_offset = run->file_offset + (offset - region_begin - run->begin),
                               .virtual_offset = offset,
                               .length = run_end - offset});
      offset = run_end;
    }
  }
  return {};
}

Result<const ChainIndex::Region*> ChainIndex::find_or_walk(std::span<const std::unique_ptr<Layer>> layers,
                                                           uint64_t number, ReadPlan& plan) {
  ++plan.layers_probed;
  ++plan.tables.lookups;
  if (const Region* region = regions_[number].load(std::memory_order_acquire)) [[likely]]
    return region;
  const std::lock_guard lock(walking_);
  if (const Region* region = regions_[number].load(std::memory_order_relaxed)) return region;

  const uint64_t begin = number * region_bytes;
  ReadPlan walked;
  TRY(resolve_walk(layers, {begin, std::min(region_bytes, disk_size_bytes_ - begin)}, walked));
  plan.layers_probed += walked.layers_probed;
  plan.tables.lookups += walked.tables.lookups;
  plan.tables.reads.insert(plan.tables.reads.end(), walked.tables.reads.begin(), walked.tables.reads.end());
  auto region = std::make_unique<Region>();
  region->reserve(walked.segments.size());
  for (const ReadSegment& segment : walked.segments) {
    region->push_back({static_cast<uint32_t>(segment.virtual_offset - begin), segment.is_zero, segment.layer,
                       segment.file_offset});
  }
  memory_bytes_.fetch_add(region->capacity() * sizeof(Run), std::memory_order_relaxed);
  regions_[number].store(region.get(), std::memory_order_release);
  return region.release();
}

void ChainIndex::forget(ByteRange range) {
  const std::unique_lock lock(mutex_);
  for (uint64_t number = range.offset / region_bytes; number < divide_up(range.end(), region_bytes);
       ++number) {
    const std::unique_ptr<Region> region(regions_[number].exchange(nullptr));
    if (region != nullptr)
      memory_bytes_.fetch_sub(region->capacity() * sizeof(Run), std::memory_order_relaxed);
  }
}

}  // namespace vhdlab
