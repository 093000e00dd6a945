// Finding data in an image and planning writes to it. Opening is in image_open.cpp, creation in
// image_create.cpp, and everything that makes changes durable in image_commit.cpp.
#include "engine/format/vhdx/image.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace vhdlab::vhdx {
namespace {

constexpr uint64_t bits_per_page = log_sector_length * 8;

// More waiting pages than this make a flush due: half of what one log entry of a 1 MiB ring carries.
constexpr size_t dirty_pages_before_flush = 40;

struct BitRun {
  uint64_t length = 0;
  bool present = false;
};

// The run of equal bits that begins at `first_bit`, at most `count` long. Bit 0 is the lowest of byte 0
// (2.4).
Result<BitRun> run_at(MetadataPages& bitmap, uint64_t first_bit, uint64_t count, TableUse& tables) {
  BitRun run;
  for (uint64_t bit = first_bit; bit < first_bit + count;) {
    if (run.length == 0 || bit % bits_per_page == 0) ++tables.lookups;  // another page
    const uint64_t rest = TRY(bitmap.word_at(bit / 64, tables)) >> (bit % 64);
    if (run.length == 0) run.present = (rest & 1) != 0;
    const uint64_t equal = run.present ? std::countr_one(rest) : std::countr_zero(rest);
    const uint64_t available = 64 - bit % 64;
    run.length += std::min(equal, available);
    if (equal < available) break;
    bit += available;
    if (bit % bits_per_page == 0) continue;
    const uint64_t same =
        bitmap.skip_uniform(bit / 64, (first_bit + count) / 64, run.present ? ~uint64_t{0} : 0);
    run.length += same * 64 - bit;
    bit = same * 64;
  }
  run.length = std::min(run.length, count);
  return run;
}

}  // namespace

// ---- Tables ----

Result<BatEntry> Image::entry_at(uint64_t entry_index, TableUse& tables) {
  ++tables.lookups;
  return BatEntry{TRY(bat_->word_at(entry_index, tables))};
}

Result<void> Image::set_entry(uint64_t entry_index, BatEntry entry) {
  PinnedPage page = TRY(bat_->page_to_change(entry_index));
  page.set_word(entry_index % table_words_per_page, entry.bits);
  const uint64_t at = round_down(entry_index * bat_entry_length, table_page_length);
  dirty_bat_pages_.try_emplace(bat_->range().offset + at, std::move(page));
  bat_pages_in_use_[at / table_page_length] = true;
  return {};
}

Result<void> Image::set_bits(ChunkIndex chunk, uint64_t first_bit, uint64_t count, bool present) {
  MetadataPages& bitmap = *bitmaps_[number(chunk)];
  for (uint64_t bit = first_bit; bit < first_bit + count;) {
    const uint64_t page_bit = bit % bits_per_page;
    const uint64_t here = std::min(bits_per_page - page_bit, first_bit + count - bit);
    PinnedPage page = TRY(bitmap.page_to_change(bit / 64));
    for (uint64_t i = page_bit; i < page_bit + here;) {
      const uint64_t in_word = std::min<uint64_t>(64 - i % 64, page_bit + here - i);
      const uint64_t mask = ~uint64_t{0} >> (64 - in_word) << (i % 64);
      const uint64_t before = page.word(i / 64);
      page.set_word(i / 64, present ? before | mask : before & ~mask);
      i += in_word;
    }
    dirty_bitmap_pages_.try_emplace(bitmap.range().offset + round_down(bit / 8, table_page_length),
                                    std::move(page));
    bit += here;
  }
  return {};
}

uint64_t Image::next_entry_in_use(uint64_t entry_index) const {
  constexpr uint64_t entries_per_page = table_page_length / bat_entry_length;
  while (entry_index < geometry_.entry_count() && !bat_pages_in_use_[entry_index / entries_per_page])
    entry_index = round_down(entry_index, entries_per_page) + entries_per_page;
  return std::min(entry_index, geometry_.entry_count());
}

ByteRange Image::range_of(BlockIndex block) const {
  const uint64_t begin = geometry_.first_byte_of(block);
  return {begin, std::min(geometry_.block_size_bytes(), metadata_.disk_size_bytes - begin)};
}

bool Image::covers_block(BlockIndex block, ByteRange range) const {
  const ByteRange whole = range_of(block);
  return range.offset <= whole.offset && range.end() >= whole.end();
}

// ---- Resolving ----

// Without a lock: an entry is one word, and what it refers to was there before it. A block becomes partially
// present once in a session, after its bits; where it stops being so, whoever reads it meanwhile reads what
// overlaps the change.
Result<void> Image::resolve(ByteRange range, std::vector<Extent>& extents, TableUse& tables) {
  const size_t first = extents.size();
  const ExtentKind when_not_present = metadata_.has_parent() ? ExtentKind::absent : ExtentKind::zero;
  for (uint64_t offset = range.offset; offset < range.end();) {
    const BlockIndex block = geometry_.block_of(offset);
    const uint64_t block_begin = geometry_.first_byte_of(block);
    const uint64_t length = std::min(range.end(), block_begin + geometry_.block_size_bytes()) - offset;
    const BatEntry entry = TRY(entry_at(geometry_.entry_of(block), tables));
    switch (entry.state()) {
      case BlockState::not_present:
        append_joined(extents, first, {when_not_present, offset, length, 0});
        break;
      case BlockState::fully_present:
        append_joined(extents, first,
                      {ExtentKind::data, offset, length, entry.file_offset() + (offset - block_begin)});
        break;
      case BlockState::partially_present:
        TRY(resolve_partial(block, entry, {offset, length}, first, extents, tables));
        break;
      default:  // undefined, zero, unmapped: hide the parent
        append_joined(extents, first, {ExtentKind::zero, offset, length, 0});
    }
    offset += length;
  }
  return {};
}

Result<void> Image::resolve_partial(BlockIndex block, BatEntry entry, ByteRange range, size_t first,
                                    std::vector<Extent>& extents, TableUse& tables) {
  if (bitmaps_[number(geometry_.chunk_of(block))] == nullptr) {
    // Its chunk had no bitmap when this file was opened for reading: a merge under way has put the block
    // here since, and the layers it merges still hide every byte of it.
    append_joined(extents, first, {ExtentKind::absent, range.offset, range.length, 0});
    return {};
  }
  MetadataPages& bitmap = *bitmaps_[number(geometry_.chunk_of(block))];
  const uint64_t sector_size = geometry_.sector_size_bytes();
  const uint64_t block_begin = geometry_.first_byte_of(block);
  for (uint64_t offset = range.offset; offset < range.end();) {
    const uint64_t within_sector = offset % sector_size;
    const uint64_t sectors_left = divide_up(within_sector + range.end() - offset, sector_size);
    const BitRun run = TRY(run_at(bitmap, geometry_.bit_of(offset), sectors_left, tables));
    const uint64_t length = std::min(run.length * sector_size - within_sector, range.end() - offset);
    const ExtentKind kind = run.present ? ExtentKind::data : ExtentKind::absent;
    append_joined(extents, first,
                  {kind, offset, length, run.present ? entry.file_offset() + (offset - block_begin) : 0});
    offset += length;
  }
  return {};
}

BlockProbe Image::block_probe() const {
  if (!metadata_.has_parent()) return {};
  return {.cache = cache_.get(),
          .slots = bat_->slots(),
          .disk_size_bytes = metadata_.disk_size_bytes,
          .block_shift = static_cast<uint32_t>(std::countr_zero(geometry_.block_size_bytes())),
          .chunk_shift = static_cast<uint32_t>(std::countr_zero(geometry_.chunk_ratio())),
          .absent_mask = BatEntry::state_mask};
}

Result<uint64_t> Image::absent_until(uint64_t offset) {
  if (!metadata_.has_parent() || offset >= metadata_.disk_size_bytes) return offset;
  std::shared_lock lock(tables_mutex_, std::defer_lock);
  if (mode_ == OpenMode::read_write) lock.lock();
  for (uint64_t index = next_entry_in_use(geometry_.entry_of(geometry_.block_of(offset)));
       index < geometry_.entry_count(); index = next_entry_in_use(index + 1)) {
    if (geometry_.is_bitmap_entry(index)) continue;
    const BlockIndex block = geometry_.block_at(index);
    if (number(block) >= geometry_.block_count()) break;  // padding of the last chunk
    if (TRY(entry_at(index)).state() != BlockState::not_present)
      return std::max(offset, geometry_.first_byte_of(block));
  }
  return metadata_.disk_size_bytes;
}

// ---- Planning writes ----

Result<void> Image::plan_write(ByteRange range, WritePlan& plan) {
  return plan_each_block(range, &Image::plan_block_write, plan);
}

Result<void> Image::plan_zero(ByteRange range, WritePlan& plan) {
  return plan_each_block(range, &Image::plan_block_zero, plan);
}

Result<void> Image::plan_trim(ByteRange range, WritePlan& plan) {
  return plan_each_block(range, &Image::plan_block_trim, plan);
}

Result<void> Image::plan_each_block(ByteRange range, PlanBlock plan_block, WritePlan& plan) {
  TRY(begin_session());
  plan.clear();
  const std::unique_lock lock(tables_mutex_);
  for (uint64_t offset = range.offset; offset < range.end();) {
    const BlockIndex block = geometry_.block_of(offset);
    const uint64_t end = std::min(range.end(), geometry_.first_byte_of(block) + geometry_.block_size_bytes());
    TRY((this->*plan_block)(block, {offset, end - offset}, plan));
    offset = end;
  }
  return {};
}

Result<void> Image::plan_block_write(BlockIndex block, ByteRange range, WritePlan& plan) {
  const BatEntry entry = TRY(entry_at(geometry_.entry_of(block), plan.tables));
  const uint64_t within_block = range.offset - geometry_.first_byte_of(block);
  auto place = [&](uint64_t block_offset) {
    plan.data.push_back({range.offset, block_offset + within_block, range.length});
  };
  auto change = [&](BlockState state, uint64_t block_offset) {
    plan.changes.push_back({number(block), static_cast<uint8_t>(state), block_offset, range});
  };

  switch (entry.state()) {
    case BlockState::fully_present:
      place(entry.file_offset());
      return {};
    case BlockState::partially_present: {
      place(entry.file_offset());
      if (covers_block(block, range)) {
        change(BlockState::fully_present, entry.file_offset());
        return {};
      }
      const uint64_t sectors = range.length / geometry_.sector_size_bytes();
      const BitRun run = TRY(run_at(*bitmaps_[number(geometry_.chunk_of(block))],
                                    geometry_.bit_of(range.offset), sectors, plan.tables));
      if (!run.present || run.length < sectors) change(BlockState::partially_present, entry.file_offset());
      return {};
    }
    case BlockState::not_present: {
      const uint64_t block_offset = TRY(space_for(block));
      place(block_offset);
      const bool whole = !metadata_.has_parent() || covers_block(block, range);
      if (!whole) TRY(ensure_bitmap(geometry_.chunk_of(block)));
      change(whole ? BlockState::fully_present : BlockState::partially_present, block_offset);
      return {};
    }
    default: {  // undefined, zero, unmapped: the rest of the block stays zeros and goes on hiding the parent
      // New space even where an unmapped block kept its own: that still holds old data, and clearing around
      // this write could clear another one that is in flight.
      const uint64_t block_offset = TRY(space_for(block));
      place(block_offset);
      change(BlockState::fully_present, block_offset);
      return {};
    }
  }
}

Result<void> Image::plan_block_zero(BlockIndex block, ByteRange range, WritePlan& plan) {
  const BatEntry entry = TRY(entry_at(geometry_.entry_of(block), plan.tables));
  const BlockState state = entry.state();
  const bool has_data = state == BlockState::fully_present || state == BlockState::partially_present;
  const bool reads_as_zeros = !has_data && (state != BlockState::not_present || !metadata_.has_parent());
  if (reads_as_zeros) return {};

  auto change = [&](BlockState next, uint64_t block_offset) {
    plan.changes.push_back({number(block), static_cast<uint8_t>(next), block_offset, range});
  };
  if (covers_block(block, range) && !metadata_.leave_blocks_allocated) {
    change(BlockState::zero, 0);
    return {};
  }
  if (has_data) {
    plan.zero_fill.push_back(
        {entry.file_offset() + range.offset - geometry_.first_byte_of(block), range.length});
    if (state == BlockState::partially_present) change(BlockState::partially_present, entry.file_offset());
    return {};
  }
  const bool tried_before = reserved_.contains(number(block));
  const uint64_t block_offset = TRY(space_for(block));  // fresh space reads as zeros already
  if (tried_before) {
    plan.zero_fill.push_back({block_offset + range.offset - geometry_.first_byte_of(block), range.length});
  }
  TRY(ensure_bitmap(geometry_.chunk_of(block)));
  change(BlockState::partially_present, block_offset);
  return {};
}

Result<void> Image::plan_block_trim(BlockIndex block, ByteRange range, WritePlan& plan) {
  if (metadata_.leave_blocks_allocated || !covers_block(block, range)) return {};
  const BatEntry entry = TRY(entry_at(geometry_.entry_of(block), plan.tables));
  const bool shows_something = owns_space(entry) || metadata_.has_parent();
  if (!shows_something || entry.state() == BlockState::unmapped) return {};
  plan.changes.push_back({number(block), static_cast<uint8_t>(BlockState::unmapped), 0, range});
  return {};
}

// Space for a block that has none, the same again until it is published: a plan that failed leaves it to the
// next one.
Result<uint64_t> Image::space_for(BlockIndex block) {
  if (const auto found = reserved_.find(number(block)); found != reserved_.end()) return found->second;
  const uint64_t offset = TRY(allocate(geometry_.block_size_bytes()));
  reserved_.emplace(number(block), offset);
  return offset;
}

// New space reads as zeros and holds nobody's data: a gap that was there when the file was opened, emptied
// first, or the end of the file. Space given up since the file was opened waits for the next open, because a
// reader may still be on its way there.
Result<uint64_t> Image::allocate(uint64_t length) {
  if (const auto gap = occupancy_.claim_gap(length)) {
    TRY(file_->punch_hole(*gap));
    return gap->offset;
  }
  const uint64_t offset = std::max(occupancy_.end(), round_up(TRY(file_->size_bytes()), placement_unit));
  TRY(file_->resize(offset + length));
  if (!occupancy_.claim({offset, length})) std::unreachable();
  return offset;
}

Result<void> Image::ensure_bitmap(ChunkIndex chunk) {
  if (bitmaps_[number(chunk)] != nullptr) return {};
  const uint64_t offset = TRY(allocate(bitmap_block_length));
  bitmaps_[number(chunk)] =
      std::make_unique<MetadataPages>(*file_, ByteRange{offset, bitmap_block_length}, cache_);
  return set_entry(geometry_.bitmap_entry_of(chunk), BatEntry::make(BlockState::fully_present, offset));
}

// ---- Publishing ----

Result<void> Image::publish(const WritePlan& plan) {
  const std::unique_lock lock(tables_mutex_);
  for (const BlockChange& change : plan.changes)
    TRY(publish_change(change));
  return {};
}

Result<void> Image::publish_change(const BlockChange& change) {
  const BlockIndex block{change.block};
  const uint64_t entry_index = geometry_.entry_of(block);
  const BatEntry before = TRY(entry_at(entry_index));
  const auto state = static_cast<BlockState>(change.state);
  const BatEntry after = BatEntry::make(state, change.file_offset);
  const auto reserved = reserved_.find(change.block);
  const bool is_fresh = reserved != reserved_.end() && reserved->second == change.file_offset;
  if (reserved != reserved_.end()) reserved_.erase(reserved);

  // While this write was on its way the whole block was zeroed or trimmed, which overlaps it, so it may count
  // as the earlier one: its place is given up, or it would let the parent show around it. Or another write
  // has completed the block.
  const bool was_given_up = !is_fresh && owns_space(after) && before.file_offset() != change.file_offset;
  const bool has_nothing_to_mark = state == BlockState::partially_present &&
                                   before.state() != BlockState::not_present &&
                                   before.state() != BlockState::partially_present;
  if (was_given_up || has_nothing_to_mark) return {};

  if (state == BlockState::partially_present) {
    const ChunkIndex chunk = geometry_.chunk_of(block);
    if (before.state() != BlockState::partially_present) {
      const ByteRange whole = range_of(block);
      const uint64_t sectors = geometry_.block_size_bytes() / geometry_.sector_size_bytes();
      // An earlier life of the block may have left bits.
      TRY(set_bits(chunk, geometry_.bit_of(whole.offset), sectors, false));
    }
    TRY(set_bits(chunk, geometry_.bit_of(change.present.offset),
                 change.present.length / geometry_.sector_size_bytes(), true));
  }
  if (after == before) return {};
  if (owns_space(before) && before.file_offset() != after.file_offset()) {
    given_up_.push_back({before.file_offset(), geometry_.block_size_bytes()});
  }
  return set_entry(entry_index, after);
}

// ---- Facts ----

bool Image::flush_is_due() {
  const std::shared_lock lock(tables_mutex_);
  return dirty_bat_pages_.size() + dirty_bitmap_pages_.size() >= dirty_pages_before_flush;
}

Result<BlockCensus> Image::census() {
  const std::shared_lock lock(tables_mutex_);
  BlockCensus census{.not_present = geometry_.block_count()};
  for (uint64_t index = next_entry_in_use(0); index < geometry_.entry_count();
       index = next_entry_in_use(index + 1)) {
    if (geometry_.is_bitmap_entry(index) || number(geometry_.block_at(index)) >= geometry_.block_count())
      continue;
    const BatEntry entry = TRY(entry_at(index));
    if (entry.state() != BlockState::not_present) --census.not_present;
    switch (entry.state()) {
      case BlockState::not_present:
        break;
      case BlockState::fully_present:
        ++census.fully_present;
        break;
      case BlockState::partially_present:
        ++census.partially_present;
        break;
      default:
        ++census.zeroed;
    }
  }
  census.bitmap_blocks = static_cast<uint64_t>(
      std::ranges::count_if(bitmaps_, [](const auto& bitmap) { return bitmap != nullptr; }));
  return census;
}

uint64_t Image::metadata_pages_loaded() const {
  const std::shared_lock lock(tables_mutex_);  // a write may be adding a bitmap
  uint64_t pages = bat_->pages_loaded();
  for (const auto& bitmap : bitmaps_)
    pages += bitmap ? bitmap->pages_loaded() : 0;
  return pages;
}

}  // namespace vhdlab::vhdx
