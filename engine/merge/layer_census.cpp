// Counting what layers hold, stretch by stretch; see layer_census.h.
#include "engine/merge/layer_census.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/format/vhdx/block_allocation_table.h"
#include "engine/format/vhdx/layout.h"
#include "engine/layer/vhdx_layer.h"

namespace vhdlab {
namespace {

constexpr uint64_t stretch_bytes = 64 * mib;
constexpr uint64_t page_bytes = 4 * kib;

// The extents of one layer in a stretch. Where a source ends before the disk does, it reads as zeros and
// hides what is below, as a merge takes it; a target that ends holds nothing.
Result<void> read_extents(Layer& layer, ByteRange stretch, bool is_target, std::vector<Extent>& extents) {
  extents.clear();
  const uint64_t inside_end = std::clamp(layer.disk_size_bytes(), stretch.offset, stretch.end());
  if (inside_end > stretch.offset) TRY(layer.resolve({stretch.offset, inside_end - stretch.offset}, extents));
  if (inside_end < stretch.end()) {
    extents.push_back({.kind = is_target ? ExtentKind::absent : ExtentKind::zero,
                       .virtual_offset = inside_end,
                       .length = stretch.end() - inside_end});
  }
  return {};
}

// Goes through all layers' extents side by side and counts each piece in which none of them changes.
void count(const std::vector<std::vector<Extent>>& extents, ByteRange stretch, LayerCensus& census) {
  std::vector<size_t> at(extents.size());
  LayerColumn column;
  for (uint64_t offset = stretch.offset; offset < stretch.end();) {
    uint64_t end = stretch.end();
    column.clear();
    for (uint32_t layer = 0; layer < extents.size(); ++layer) {
      while (extents[layer][at[layer]].virtual_end() <= offset)
        ++at[layer];
      const Extent& extent = extents[layer][at[layer]];
      end = std::min(end, extent.virtual_end());
      if (extent.kind != ExtentKind::absent) column.push_back({layer, extent.kind == ExtentKind::zero});
    }
    if (!column.empty()) census.add(column, {offset, end - offset});
    offset = end;
  }
}

// Bitmap blocks for a differencing target, and the pages of its block allocation table.
uint64_t table_growth(Layer& layer, uint64_t disk_size_bytes) {
  auto* vhdx_layer = dynamic_cast<VhdxLayer*>(&layer);
  if (vhdx_layer == nullptr) return 0;
  const vhdx::DiskMetadata& metadata = vhdx_layer->image().metadata();
  const uint64_t blocks = divide_up(disk_size_bytes, metadata.block_size_bytes);
  const uint64_t table = round_up(blocks * sizeof(uint64_t), page_bytes) + page_bytes;
  if (!metadata.has_parent()) return table;
  const uint64_t chunk_bytes = vhdx::sectors_per_chunk * metadata.logical_sector_size_bytes;
  // One bit for each sector that can be touched, in whole pages, never more than the whole bitmap blocks.
  const uint64_t bits = divide_up(disk_size_bytes, metadata.logical_sector_size_bytes);
  return table + std::min(divide_up(disk_size_bytes, chunk_bytes) * vhdx::bitmap_block_length,
                          round_up(divide_up(bits, 8), page_bytes) + page_bytes);
}

}  // namespace

void LayerCensus::add(const LayerColumn& column, ByteRange range) {
  ColumnSize& size = columns[column];
  size.bytes += range.length;
  size.space_bytes += round_up(range.end(), page_bytes) - round_down(range.offset, page_bytes);
}

Result<LayerCensus> take_census(const Chain& chain, MergeRange range, const StopRequested& stop) {
  if (range.target >= range.top || range.top > chain.depth()) {
    return failure(
        ErrorKind::invalid_argument, "merge-range",
        fmt::format("{}: cannot merge layers {} to {} into layer {}: the chain has layers 0 to {}",
                    chain.leaf().path(), range.target + 1, range.top, range.target, chain.depth()));
  }
  // As far as the largest source: what a smaller disk above it cuts off is moved by the merges that come
  // first.
  uint64_t disk_size = 0;
  for (LayerIndex layer = range.target + 1; layer <= range.top; ++layer)
    disk_size = std::max(disk_size, chain.layers()[layer]->disk_size_bytes());
  LayerCensus census;
  census.source_count = range.source_count();
  for (LayerIndex layer = range.target; layer <= range.top; ++layer) {
    Layer& each = *chain.layers()[layer];
    census.allocated_bytes.push_back(TRY(each.file().allocated_bytes()));
    census.table_growth_bytes.push_back(table_growth(each, disk_size));
  }
  std::vector<std::vector<Extent>> extents(range.source_count() + 1);
  for (uint64_t offset = 0; offset < disk_size; offset += stretch_bytes) {
    if (stop && stop()) {
      return failure(ErrorKind::interrupted, "merge-interrupted",
                     fmt::format("{}: stopped on request while planning", chain.leaf().path()));
    }
    const ByteRange stretch{offset, std::min(stretch_bytes, disk_size - offset)};
    for (uint32_t layer = 0; layer < extents.size(); ++layer)
      TRY(read_extents(*chain.layers()[range.target + layer], stretch, layer == 0, extents[layer]));
    count(extents, stretch, census);
  }
  return census;
}

}  // namespace vhdlab
