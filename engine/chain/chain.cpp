// Reading and writing through a chain; see chain.h.
#include "engine/chain/chain.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "engine/chain/chain_index.h"
#include "engine/chain/chain_window.h"

namespace vhdlab {
namespace {

constexpr uint64_t change_piece_bytes = 1 * gib;

using Layers = std::span<const std::unique_ptr<Layer>>;
using Probes = std::span<const BlockProbe>;

std::vector<BlockProbe> probes_of(Layers layers) {
  std::vector<BlockProbe> probes;
  probes.reserve(layers.size());
  for (const auto& layer : layers)
    probes.push_back(layer->block_probe());
  return probes;
}

// How many of the first `count` layers are left to ask once those on top have gone that say nothing.
size_t pass_absent(Probes probes, size_t count, ByteRange range, ReadPlan& plan) {
  const uint64_t end = range.end();
  const bool in_one_part = range.offset / BlockProbe::part_length == (end - 1) / BlockProbe::part_length;
  if (probes.empty() || !in_one_part) return count;
  size_t left = count;
  while (left > 0 && probes[left - 1].is_absent(range.offset, end))
    --left;
  plan.layers_probed += count - left;
  plan.tables.lookups += count - left;
  return left;
}

void add_zeros(ByteRange range, ReadPlan& plan) {
  if (!plan.segments.empty()) {
    ReadSegment& last = plan.segments.back();
    if (last.is_zero && last.virtual_offset + last.length == range.offset) {
      last.length += range.length;
      return;
    }
  }
  plan.segments.push_back({.is_zero = true, .virtual_offset = range.offset, .length = range.length});
}

// Resolves `range` over the layers below `count`, depth first, so that segments come out in order. The
// scratch vector serves as the stack: each level reads its own extents from where they begin and drops them
// when it is done.
Result<void> walk(Layers layers, Probes probes, size_t count, ByteRange range, ReadPlan& plan) {
  while ((count = pass_absent(probes, count, range, plan)) > 0) {
    Layer& layer = *layers[count - 1];
    const uint64_t disk_size = layer.disk_size_bytes();
    if (range.end() > disk_size) {  // past the end of a smaller parent there are zeros, whatever is below
      const uint64_t inside = range.offset < disk_size ? disk_size - range.offset : 0;
      if (inside > 0) TRY(walk(layers, probes, count, {range.offset, inside}, plan));
      add_zeros({range.offset + inside, range.length - inside}, plan);
      return {};
    }
    const size_t first = plan.scratch.size();
    const size_t reads_before = plan.tables.reads.size();
    TRY(layer.resolve(range, plan.scratch, plan.tables));
    ++plan.layers_probed;
    for (size_t i = reads_before; i < plan.tables.reads.size(); ++i)
      plan.tables.reads[i].layer = static_cast<LayerIndex>(count - 1);
    const size_t last = plan.scratch.size();
    --count;
    if (last - first == 1 && plan.scratch[first].kind == ExtentKind::absent) {
      plan.scratch.resize(first);
      continue;  // nothing here: the whole range goes one layer down
    }
    for (size_t i = first; i < last; ++i) {
      const Extent extent = plan.scratch[i];
      switch (extent.kind) {
        case ExtentKind::data:
          plan.segments.push_back({.is_zero = false,
                                   .layer = static_cast<LayerIndex>(count),
                                   .file_offset = extent.file_offset,
                                   .virtual_offset = extent.virtual_offset,
                                   .length = extent.length});
          break;
        case ExtentKind::zero:
          add_zeros({extent.virtual_offset, extent.length}, plan);
          break;
        case ExtentKind::absent:
          TRY(walk(layers, probes, count, {extent.virtual_offset, extent.length}, plan));
      }
    }
    plan.scratch.resize(first);
    return {};
  }
  return {};
}

}  // namespace

Result<void> resolve_walk(Layers layers, ByteRange range, ReadPlan& plan, Probes probes) {
  plan.segments.clear();
  plan.scratch.clear();
  plan.layers_probed = 0;
  plan.tables.clear();
  return range.empty() ? Result<void>{} : walk(layers, probes, layers.size(), range, plan);
}

Chain::Chain(std::vector<std::unique_ptr<Layer>> layers, ResolveMode mode,
             std::shared_ptr<MetadataCache> tables, std::optional<uint64_t> index_memory_bytes)
    : layers_(std::move(layers)),
      probes_(probes_of(layers_)),
      tables_(std::move(tables)),
      index_memory_bytes_(index_memory_bytes) {
  if (mode == ResolveMode::index)
    index_ = std::make_unique<ChainIndex>(disk_size_bytes(), index_memory_bytes_);
}

Chain::Chain(Chain&&) noexcept = default;
Chain& Chain::operator=(Chain&&) noexcept = default;
Chain::~Chain() = default;

void Chain::push(std::unique_ptr<Layer> leaf_layer) {
  const bool same_size = leaf_layer->disk_size_bytes() == disk_size_bytes();
  layers_.push_back(std::move(leaf_layer));
  probes_.push_back(layers_.back()->block_probe());
  // Layers count from the base and the new one is empty: what the index knows stays true, but for the disk's
  // size.
  if (index_ != nullptr && !same_size)
    index_ = std::make_unique<ChainIndex>(disk_size_bytes(), index_memory_bytes_);
  if (window_ == nullptr) return;
  if (same_size) {
    window_->add(leaf());
  } else {
    window_ = ChainWindow::make(layers_, mappings_max_);
  }
}

void Chain::read_mapped(size_t mappings_max) {
  mappings_max_ = mappings_max;
  window_ = index_ != nullptr ? ChainWindow::make(layers_, mappings_max) : nullptr;
}

uint64_t Chain::mapped_bytes() const {
  return window_ != nullptr ? window_->shown_bytes() : 0;
}

uint64_t Chain::index_memory_bytes() const {
  return index_ != nullptr ? index_->memory_bytes() : 0;
}

void Chain::forget(ByteRange range) {
  if (index_ == nullptr) return;
  const uint64_t grain = leaf().change_grain_bytes();
  const uint64_t begin = round_down(range.offset, grain);
  const ByteRange changed{begin, std::min(round_up(range.end(), grain), disk_size_bytes()) - begin};
  index_->forget(changed);
  if (window_ != nullptr) window_->forget(changed);
}

Result<void> Chain::carry_out_on_leaf(const WritePlan& plan, ByteRange range, Bytes data) {
  TRY(carry_out(leaf(), plan, range.offset, data));
  if (plan.needs_publish()) forget(range);
  return {};
}

Result<void> Chain::check(ByteRange range) const {
  if (range.offset > disk_size_bytes() || range.length > disk_size_bytes() - range.offset) {
    return failure(ErrorKind::invalid_argument, "disk-range",
                   fmt::format("{}: {} bytes at {:#x} reach past the end of the disk at {:#x}", leaf().path(),
                               range.length, range.offset, disk_size_bytes()));
  }
  return {};
}

Result<void> Chain::check_sectors(ByteRange range) const {
  TRY(check(range));
  if (range.offset % sector_size_bytes() != 0 || range.length % sector_size_bytes() != 0) {
    return failure(ErrorKind::invalid_argument, "disk-alignment",
                   fmt::format("{}: {} bytes at {:#x} are not whole sectors of {} bytes", leaf().path(),
                               range.length, range.offset, sector_size_bytes()));
  }
  return {};
}

Result<void> Chain::resolve(ByteRange range, ReadPlan& plan) const {
  TRY(check(range));
  return index_ != nullptr ? index_->resolve(layers_, probes_, range, plan)
                           : resolve_walk(layers_, range, plan, probes_);
}

Result<void> Chain::read(uint64_t offset, MutableBytes into, ReadPlan& plan) const {
  TRY(resolve({offset, into.size()}, plan));
  if (window_ != nullptr && TRY(read_window(offset, into, plan))) return {};
  for (const ReadSegment& segment : plan.segments) {
    const MutableBytes part = into.subspan(segment.virtual_offset - offset, segment.length);
    if (segment.is_zero) {
      std::memset(part.data(), 0, part.size());
    } else {
      TRY(layers_[segment.layer]->file().read(segment.file_offset, part));
    }
  }
  return {};
}

Result<bool> Chain::read_window(uint64_t offset, MutableBytes into, ReadPlan& plan) const {
  if (window_->read(offset, into, plan.segments)) return true;
  constexpr uint64_t region_bytes = ChainWindow::region_bytes;
  bool is_new = false;
  for (uint64_t number = offset / region_bytes; number < divide_up(offset + into.size(), region_bytes);
       ++number) {
    const auto version = window_->wants(number);
    if (!version) continue;
    ReadPlan whole;
    const uint64_t begin = number * region_bytes;
    TRY(resolve({begin, std::min(region_bytes, disk_size_bytes() - begin)}, whole));
    plan.tables.reads.insert(plan.tables.reads.end(), whole.tables.reads.begin(), whole.tables.reads.end());
    window_->show(number, *version, whole.segments);
    is_new = true;
  }
  return is_new && window_->read(offset, into, plan.segments);
}

Result<void> Chain::write(uint64_t offset, Bytes from, WritePlan& plan) {
  TRY(check_sectors({offset, from.size()}));
  plan.tables.clear();
  while (!from.empty()) {
    const Bytes piece = from.first(std::min<uint64_t>(from.size(), write_piece_bytes_max));
    if (leaf().flush_is_due()) TRY(leaf().flush());
    TRY(leaf().plan_write({offset, piece.size()}, plan));
    TRY(carry_out_on_leaf(plan, {offset, piece.size()}, piece));
    offset += piece.size();
    from = from.subspan(piece.size());
  }
  return {};
}

Result<void> Chain::plan_write(ByteRange range, WritePlan& plan) {
  TRY(check_sectors(range));
  plan.tables.clear();
  if (leaf().flush_is_due()) TRY(leaf().flush());
  return leaf().plan_write(range, plan);
}

Result<void> Chain::publish_write(ByteRange range, const WritePlan& plan) {
  if (!plan.needs_publish()) return {};
  TRY(leaf().publish(plan));
  forget(range);
  return {};
}

Result<void> Chain::zero(ByteRange range, WritePlan& plan) {
  return change(range, &Layer::plan_zero, plan);
}

Result<void> Chain::trim(ByteRange range, WritePlan& plan) {
  return change(range, &Layer::plan_trim, plan);
}

Result<void> Chain::change(ByteRange range, PlanChange plan_change, WritePlan& plan) {
  TRY(check_sectors(range));
  plan.tables.clear();
  while (!range.empty()) {
    // Pieces end where every block size ends, so that cutting them never splits a block the range covers.
    const uint64_t piece_end =
        std::min(range.end(), round_down(range.offset, change_piece_bytes) + change_piece_bytes);
    const ByteRange piece{range.offset, piece_end - range.offset};
    if (leaf().flush_is_due()) TRY(leaf().flush());
    TRY((leaf().*plan_change)(piece, plan));
    TRY(carry_out_on_leaf(plan, piece, {}));
    range = {piece.end(), range.length - piece.length};
  }
  return {};
}

}  // namespace vhdlab
