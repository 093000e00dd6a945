// The merged map; see chain_index.h. The order of stores that readers rely on: a region's version is counted
// up, then it is emptied, and only then do its nodes change; each store releases the ones before it.
#include "engine/chain/chain_index.h"

#include <algorithm>

namespace vhdlab {

namespace {

// A run that goes on in the next region is one segment still, and so one request: joins segment `first` to
// the one before it where they continue each other.
void join_at(std::vector<ReadSegment>& segments, size_t first) {
  if (first >= segments.size()) return;
  ReadSegment& last = segments[first - 1];
  const ReadSegment& next = segments[first];
  const bool goes_on = last.is_zero == next.is_zero && last.layer == next.layer &&
                       (last.is_zero || last.file_offset + last.length == next.file_offset);
  if (!goes_on) return;
  last.length += next.length;
  segments.erase(segments.begin() + static_cast<ptrdiff_t>(first));
}

}  // namespace

// 23 bits for the layer, all ones for zeros, and 41 for the sector: 1 EiB of file, more than any file system
// here holds.
class ChainIndex::Place {
 public:
  static constexpr uint64_t sector_bits = 41;
  static constexpr uint64_t zero_layer = (uint64_t{1} << 23) - 1;

  // Nothing where the segment cannot be told so: off the sectors, or out of these bounds.
  static std::optional<uint64_t> of(const ReadSegment& segment) {
    if (segment.virtual_offset % sector_bytes != 0 || segment.length % sector_bytes != 0) return std::nullopt;
    if (segment.is_zero) return zero_layer << sector_bits;
    const uint64_t sector = segment.file_offset / sector_bytes;
    if (segment.file_offset % sector_bytes != 0 || sector >> sector_bits != 0 || segment.layer >= zero_layer)
      return std::nullopt;
    return uint64_t{segment.layer} << sector_bits | sector;
  }

  // The part of a run at `place` from `within` bytes after its beginning.
  static ReadSegment segment(uint64_t place, uint64_t within, uint64_t virtual_offset, uint64_t length) {
    const uint64_t layer = place >> sector_bits;
    if (layer == zero_layer) return {.is_zero = true, .virtual_offset = virtual_offset, .length = length};
    const uint64_t file_offset = (place & ((uint64_t{1} << sector_bits) - 1)) * sector_bytes + within;
    return {.layer = static_cast<LayerIndex>(layer),
            .file_offset = file_offset,
            .virtual_offset = virtual_offset,
            .length = length};
  }
};

ChainIndex::ChainIndex(uint64_t disk_size_bytes, std::optional<uint64_t> limit_bytes)
    : disk_size_bytes_(disk_size_bytes),
      nodes_max_(limit_bytes ? *limit_bytes / sizeof(Node) : ~size_t{0}),
      regions_(divide_up(disk_size_bytes, region_bytes)),
      used_lately_(regions_.size()) {}

uint64_t ChainIndex::memory_bytes() const {
  const std::lock_guard lock(mutex_);
  return regions_.memory_bytes() + used_lately_.memory_bytes() + slabs_.size() * sizeof(*slabs_[0]);
}

// ---- Lookups ----

Result<void> ChainIndex::resolve(std::span<const std::unique_ptr<Layer>> layers,
                                 std::span<const BlockProbe> probes, ByteRange range, ReadPlan& plan) {
  plan.segments.clear();
  plan.layers_probed = 0;
  plan.tables.clear();
  for (uint64_t offset = range.offset; offset < range.end();) {
    const uint64_t number = offset / region_bytes;
    const ByteRange part{offset, std::min(range.end(), (number + 1) * region_bytes) - offset};
    ++plan.layers_probed;
    ++plan.tables.lookups;
    const size_t first = plan.segments.size();
    if (!find(number, part, plan.segments)) TRY(walk_region(layers, probes, number, part, plan));
    if (first > 0) join_at(plan.segments, first);
    offset = part.end();
  }
  return {};
}

// Appends where `range`, inside the region, lies; false and nothing where the region is not known.
bool ChainIndex::find(uint64_t number, ByteRange range, std::vector<ReadSegment>& segments) {
  const Region* const known = regions_.find(number);
  if (known == nullptr) return false;
  const Region& region = *known;
  const uint64_t region_begin = number * region_bytes;
  const size_t before = segments.size();
  for (;;) {
    const uint64_t version = region.version.load(std::memory_order_acquire);
    const Node* node = region.nodes.load(std::memory_order_acquire);
    const uint64_t place = region.place.load(std::memory_order_acquire);
    const auto still_true = [&] { return region.version.load(std::memory_order_relaxed) == version; };
    if (node == nullptr) {
      if (!still_true()) continue;
      if (place == unknown) return false;
      segments.push_back(Place::segment(place, range.offset - region_begin, range.offset, range.length));
      return true;
    }

    // Forward to the run that holds the first byte, then run after run to the last one.
    const uint64_t first = range.offset - region_begin;
    size_t i = 0;
    const auto begin_of = [](const Node& of, size_t run) {
      return of.first_sector[run].load(std::memory_order_acquire) * sector_bytes;
    };
    const Node* next = node->next.load(std::memory_order_acquire);
    while (next != nullptr && begin_of(*next, 0) <= first && still_true()) {
      node = next;
      next = node->next.load(std::memory_order_acquire);
    }
    size_t count = node->count.load(std::memory_order_acquire);
    while (i + 1 < count && begin_of(*node, i + 1) <= first)
      ++i;
    uint64_t offset = range.offset;
    while (offset < range.end() && still_true()) {
      const uint64_t run_begin = begin_of(*node, i);
      const uint64_t at = node->place[i].load(std::memory_order_acquire);
      const uint64_t within = offset - region_begin - run_begin;
      uint64_t run_end = range.end();
      if (++i == count) {
        i = 0;
        node = node->next.load(std::memory_order_acquire);
        count = node != nullptr ? node->count.load(std::memory_order_acquire) : 0;
      }
      if (node != nullptr) run_end = std::min(run_end, region_begin + begin_of(*node, i));
      segments.push_back(Place::segment(at, within, offset, run_end - offset));
      offset = run_end;
      if (node == nullptr) break;
    }
    if (still_true()) [[likely]] {
      if (has_limit()) mark_used(number);
      return true;
    }
    segments.resize(before);
  }
}

// Asks the layers for all of the region, keeps the answer, and appends the part that falls into `range`.
Result<void> ChainIndex::walk_region(std::span<const std::unique_ptr<Layer>> layers,
                                     std::span<const BlockProbe> probes, uint64_t number, ByteRange range,
                                     ReadPlan& plan) {
  const uint64_t begin = number * region_bytes;
  // Read before the layers are asked: what is published from here on may be missing in their answer, and
  // whoever publishes it counts the version up.
  const uint64_t version = regions_.at(number).version.load(std::memory_order_acquire);
  ReadPlan walked;
  TRY(resolve_walk(layers, {begin, std::min(region_bytes, disk_size_bytes_ - begin)}, walked, probes));
  plan.layers_probed += walked.layers_probed;
  plan.tables.lookups += walked.tables.lookups;
  plan.tables.reads.insert(plan.tables.reads.end(), walked.tables.reads.begin(), walked.tables.reads.end());
  for (const ReadSegment& segment : walked.segments) {
    const uint64_t from = std::max(range.offset, segment.virtual_offset);
    const uint64_t to = std::min(range.end(), segment.virtual_offset + segment.length);
    if (from >= to) continue;
    ReadSegment part = segment;
    part.file_offset += segment.is_zero ? 0 : from - segment.virtual_offset;
    part.virtual_offset = from;
    part.length = to - from;
    plan.segments.push_back(part);
  }
  remember(number, version, walked.segments);
  return {};
}

// ---- Keeping ----

void ChainIndex::remember(uint64_t number, uint64_t version, const std::vector<ReadSegment>& segments) {
  const std::lock_guard lock(mutex_);
  Region& region = regions_.at(number);
  const bool known = region.nodes.load(std::memory_order_relaxed) != nullptr ||
                     region.place.load(std::memory_order_relaxed) != unknown;
  if (known || region.version.load(std::memory_order_relaxed) != version || segments.empty()) return;
  if (!std::ranges::all_of(segments, [](const auto& segment) { return Place::of(segment).has_value(); }))
    return;
  if (segments.size() == 1) {
    region.place.store(*Place::of(segments[0]), std::memory_order_release);
    return;
  }

  const uint64_t begin = number * region_bytes;
  Node* first = nullptr;
  Node* last = nullptr;
  for (size_t i = 0; i < segments.size(); ++i) {
    const size_t in_node = i % runs_per_node;
    if (in_node == 0) {
      Node* node = free_node();
      if (node == nullptr) {  // the limit is too small for this region alone
        free_chain(first);
        return;
      }
      node->next.store(nullptr, std::memory_order_release);
      if (last != nullptr) last->next.store(node, std::memory_order_release);
      if (first == nullptr) first = node;
      last = node;
    }
    last->first_sector[in_node].store(
        static_cast<uint16_t>((segments[i].virtual_offset - begin) / sector_bytes),
        std::memory_order_release);
    last->place[in_node].store(*Place::of(segments[i]), std::memory_order_release);
    last->count.store(static_cast<uint16_t>(in_node + 1), std::memory_order_release);
  }
  region.nodes.store(first, std::memory_order_release);
}

ChainIndex::Node* ChainIndex::free_node() {
  if (free_nodes_.empty() && nodes_made_ >= nodes_max_ && !make_room()) return nullptr;
  if (free_nodes_.empty()) {
    auto& slab = *slabs_.emplace_back(std::make_unique<Slab>());
    const size_t usable = std::min(slab.size(), nodes_max_ - nodes_made_);
    for (size_t i = usable; i-- > 0;)
      free_nodes_.push_back(&slab[i]);
    nodes_made_ += usable;
  }
  Node* node = free_nodes_.back();
  free_nodes_.pop_back();
  return node;
}

// Drops the next region the hand meets that has nodes and was not used since it passed last; false where none
// has any.
bool ChainIndex::make_room() {
  for (size_t steps = 0; steps < 2 * regions_.size(); ++steps) {
    const size_t number = hand_;
    hand_ = (hand_ + 1) % regions_.size();
    const Region* const region = regions_.find(number);
    if (region == nullptr) {  // and so the whole slab
      const size_t next = round_up(number + 1, regions_.slab_length);
      steps += next - number - 1;
      hand_ = next < regions_.size() ? next : 0;
      continue;
    }
    if (region->nodes.load(std::memory_order_relaxed) == nullptr) continue;
    if (used_lately_.at(number).exchange(false, std::memory_order_relaxed)) continue;
    drop(number);
    return true;
  }
  return false;
}

void ChainIndex::mark_used(uint64_t number) {
  std::atomic<bool>& used = used_lately_.at(number);
  if (!used.load(std::memory_order_relaxed)) used.store(true, std::memory_order_relaxed);
}

void ChainIndex::drop(uint64_t number) {
  Region* const region = regions_.find(number);
  if (region == nullptr) return;  // nobody has asked for it, and so nobody is about to remember it
  region->version.fetch_add(1, std::memory_order_release);
  Node* nodes = region->nodes.exchange(nullptr, std::memory_order_release);
  region->place.store(unknown, std::memory_order_release);
  free_chain(nodes);
}

void ChainIndex::free_chain(Node* node) {
  for (; node != nullptr; node = node->next.load(std::memory_order_relaxed))
    free_nodes_.push_back(node);
}

void ChainIndex::forget(ByteRange range) {
  const std::lock_guard lock(mutex_);
  for (uint64_t number = range.offset / region_bytes; number < divide_up(range.end(), region_bytes); ++number)
    drop(number);
}

}  // namespace vhdlab
