// Making a file shorter without touching what its disk reads as: blocks at the end move into gaps further up.
// A block's old place is left alone until the file is closed, so a cut at any moment finds it either here or
// there, whole.
#include <algorithm>
#include <utility>
#include <vector>

#include "engine/format/vhdx/image.h"
#include "engine/format/vhdx/layout.h"

namespace vhdlab::vhdx {
namespace {

constexpr uint64_t copy_piece_bytes = 4 * mib;

Result<void> copy_within(File& file, ByteRange from, uint64_t to, AlignedBuffer& buffer) {
  for (uint64_t done = 0; done < from.length; done += buffer.size()) {
    const MutableBytes piece = buffer.bytes().first(std::min<uint64_t>(buffer.size(), from.length - done));
    TRY(file.read(from.offset + done, piece));
    if (!all_zero(piece)) TRY(file.write(to + done, piece));  // the gap reads as zeros already
  }
  return {};
}

}  // namespace

// Payload and bitmap blocks, the last in the file first.
Result<std::vector<Image::PlacedBlock>> Image::blocks_from_the_end() {
  std::vector<PlacedBlock> blocks;
  for (uint64_t index = next_entry_in_use(0); index < geometry_.entry_count();
       index = next_entry_in_use(index + 1)) {
    const BatEntry entry = TRY(entry_at(index));
    const bool is_bitmap = geometry_.is_bitmap_entry(index);
    const bool has_place =
        is_bitmap ? entry.state() == BlockState::fully_present && metadata_.has_parent()
                  : owns_space(entry) && number(geometry_.block_at(index)) < geometry_.block_count();
    const uint64_t length = is_bitmap ? bitmap_block_length : geometry_.block_size_bytes();
    if (has_place) blocks.push_back({{entry.file_offset(), length}, index});
  }
  std::ranges::sort(blocks, std::ranges::greater{},
                    [](const PlacedBlock& block) { return block.place.offset; });
  return blocks;
}

// `gap` is claimed, and as long as the block.
Result<void> Image::move_block(const PlacedBlock& block, ByteRange gap, AlignedBuffer& buffer) {
  TRY(file_->punch_hole(gap));
  TRY(copy_within(*file_, block.place, gap.offset, buffer));
  const BatEntry before = TRY(entry_at(block.entry_index));
  const std::unique_lock lock(tables_mutex_);
  if (geometry_.is_bitmap_entry(block.entry_index)) {
    bitmaps_[number(geometry_.chunk_at(block.entry_index))] =
        std::make_unique<MetadataPages>(*file_, gap, cache_);
  }
  TRY(set_entry(block.entry_index, BatEntry::make(before.state(), gap.offset)));
  occupancy_.release(block.place);
  return {};
}

Result<uint64_t> Image::pack(const std::function<bool()>& stop) {
  TRY(begin_session());
  uint64_t moved = 0;
  AlignedBuffer buffer(copy_piece_bytes);
  for (const PlacedBlock& block : TRY(blocks_from_the_end())) {
    if (stop && stop()) break;
    const auto gap = occupancy_.claim_gap(block.place.length);
    if (!gap) continue;  // a shorter one further up may still fit
    if (gap->offset > block.place.offset) {
      occupancy_.release(*gap);
      break;  // every gap left lies behind every block left
    }
    TRY(move_block(block, *gap, buffer));
    ++moved;
    if (flush_is_due()) TRY(flush());
  }
  TRY(flush());
  return moved;
}

Result<void> Image::close_and_truncate() {
  TRY(close());
  const uint64_t end = occupancy_.claimed_end();
  if (end >= TRY(file_->size_bytes())) return {};
  TRY(file_->resize(end));
  return file_->flush();
}

}  // namespace vhdlab::vhdx
