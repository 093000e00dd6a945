// The decisions of engine/format/vhdx/image.cpp and image_commit.cpp over runs; see extent_layer.h.
// tests/scenarios/targets/one_story_test.cpp holds the two to each other.
#include "engine/layer/extent_layer.h"

#include <array>

#include "engine/format/vhdx/layout.h"

namespace vhdlab {
namespace {

using vhdx::BlockIndex;
using vhdx::BlockState;
using vhdx::ChunkIndex;

// As Image::create lays out a file.
constexpr uint64_t log_region_offset = 1 * mib;
constexpr uint64_t log_region_length = 1 * mib;
constexpr uint64_t bat_region_offset = 3 * mib;
constexpr uint64_t entries_per_page = table_page_length / vhdx::bat_entry_length;
constexpr uint64_t bits_per_page = vhdx::log_sector_length * 8;
constexpr size_t dirty_pages_before_flush = 40;
// Entries of at most a third of the ring, as LogWriter makes them; 32 bytes each after a header of 64.
constexpr size_t log_pages_max = log_region_length / vhdx::log_sector_length / 3 - 1;

constexpr std::array<std::byte, 1 * mib> zeros{};

bool owns_space(BlockState state) {
  return state == BlockState::fully_present || state == BlockState::partially_present;
}

}  // namespace

// ---- Tables ----

ExtentTables::ExtentTables(const ExtentDiskShape& shape)
    : shape_(shape),
      geometry_(shape.disk_size_bytes, shape.block_size_bytes, shape.sector_size_bytes, shape.has_parent),
      file_end_(bat_region_offset + round_up(geometry_.entry_count() * 8, vhdx::placement_unit)) {
  if (!shape.fixed) return;
  const uint64_t payload = geometry_.block_count() * geometry_.block_size_bytes();
  blocks_.assign({0, payload}, {BlockState::fully_present, file_end_});
  file_end_ += payload;
}

vhdx::BlockCensus ExtentTables::census() const {
  vhdx::BlockCensus census{.bitmap_blocks = bitmap_offsets_.size()};
  const uint64_t end = geometry_.block_count() * geometry_.block_size_bytes();
  uint64_t known = 0;
  for (auto run = blocks_.next(0, end); run; run = blocks_.next(run->range.end(), end)) {
    const uint64_t count = run->range.length / geometry_.block_size_bytes();
    known += count;
    (run->value.state == BlockState::fully_present       ? census.fully_present
     : run->value.state == BlockState::partially_present ? census.partially_present
                                                         : census.zeroed) += count;
  }
  census.not_present = geometry_.block_count() - known;
  return census;
}

uint64_t ExtentTables::next_entry_in_use(uint64_t entry_index) const {
  const uint64_t page_begin = round_down(entry_index, entries_per_page);
  uint64_t held = geometry_.entry_count();
  const uint64_t payload_end = geometry_.block_count() * geometry_.block_size_bytes();
  if (const auto run = blocks_.next(geometry_.first_byte_of(geometry_.block_at(page_begin)), payload_end))
    held = geometry_.entry_of(geometry_.block_of(run->range.offset));
  const auto bitmap = bitmap_offsets_.lower_bound(number(geometry_.chunk_at(page_begin)));
  if (bitmap != bitmap_offsets_.end())
    held = std::min(held, geometry_.bitmap_entry_of(ChunkIndex{bitmap->first}));
  if (held == geometry_.entry_count()) return held;
  return std::max(entry_index, round_down(held, entries_per_page));
}

bool TableMemory::touch(uint32_t layer, uint64_t file_offset) {
  const uint64_t page = file_offset / table_page_length;
  if (pages_max_ == 0) {
    if (unlimited_.size() <= layer) unlimited_.resize(layer + 1);
    const bool is_new = unlimited_[layer].insert(page).second;
    unlimited_count_ += is_new ? 1 : 0;
    return !is_new;
  }
  const uint64_t key = uint64_t{layer} << 40 | page;
  const auto [found, is_new] = where_.try_emplace(key, tick_);
  if (!is_new) {
    by_age_.erase(found->second);
    found->second = tick_;
  } else if (where_.size() > pages_max_) {
    where_.erase(by_age_.begin()->second);
    by_age_.erase(by_age_.begin());
  }
  by_age_.emplace(tick_++, key);
  return !is_new;
}

ExtentLayer::ExtentLayer(std::string path, ExtentTables& tables, std::unique_ptr<File> file, OpenMode mode,
                         TableMemory& memory, uint32_t number)
    : path_(std::move(path)),
      tables_(tables),
      file_(std::move(file)),
      mode_(mode),
      memory_(memory),
      number_(number) {}

ExtentLayer::Block ExtentLayer::block_at(BlockIndex block) const {
  const uint64_t begin = tables_.geometry_.first_byte_of(block);
  const auto run = tables_.blocks_.next(begin, begin + 1);
  return run ? run->value : Block{};
}

Result<void> ExtentLayer::touch(uint64_t page_file_offset, TableUse& use) {
  ++use.lookups;
  if (memory_.touch(number_, page_file_offset)) return {};
  std::array<std::byte, table_page_length> page;
  TRY(file_->read(page_file_offset, page));
  use.reads.push_back({.layer = 0, .file_offset = page_file_offset});
  ++pages_loaded_;
  return {};
}

Result<void> ExtentLayer::touch_entry(uint64_t entry, TableUse& use) {
  return touch(bat_region_offset + round_down(entry * 8, table_page_length), use);
}

// Looks at the bits of `range` from its first one to the end of the run of equal bits, page by page.
Result<void> ExtentLayer::touch_bits(BlockIndex block, ByteRange range, uint64_t run_end, TableUse& use) {
  const auto& geometry = tables_.geometry_;
  const uint64_t bitmap = tables_.bitmap_offsets_.at(number(geometry.chunk_of(block)));
  const uint64_t first_bit = geometry.bit_of(range.offset);
  const uint64_t last_byte = std::min(run_end, range.end() - 1);
  const uint64_t last_bit =
      first_bit + last_byte / geometry.sector_size_bytes() - range.offset / geometry.sector_size_bytes();
  for (uint64_t page = first_bit / bits_per_page; page <= last_bit / bits_per_page; ++page)
    TRY(touch(bitmap + page * table_page_length, use));
  return {};
}

ByteRange ExtentLayer::range_of(BlockIndex block) const {
  const uint64_t begin = tables_.geometry_.first_byte_of(block);
  return {begin, std::min(tables_.geometry_.block_size_bytes(), disk_size_bytes() - begin)};
}

bool ExtentLayer::covers_block(BlockIndex block, ByteRange range) const {
  const ByteRange whole = range_of(block);
  return range.offset <= whole.offset && range.end() >= whole.end();
}

// ---- Resolving ----

Result<void> ExtentLayer::resolve(ByteRange range, std::vector<Extent>& extents, TableUse& use) {
  const std::lock_guard lock(mutex_);
  const auto& geometry = tables_.geometry_;
  const size_t first = extents.size();
  const ExtentKind nothing = tables_.shape_.has_parent ? ExtentKind::absent : ExtentKind::zero;
  for (uint64_t offset = range.offset; offset < range.end();) {
    const BlockIndex index = geometry.block_of(offset);
    const uint64_t block_begin = geometry.first_byte_of(index);
    const uint64_t length = std::min(range.end(), block_begin + geometry.block_size_bytes()) - offset;
    TRY(touch_entry(geometry.entry_of(index), use));
    const Block block = block_at(index);
    switch (block.state) {
      case BlockState::not_present:
        append_joined(extents, first, {nothing, offset, length, 0});
        break;
      case BlockState::fully_present:
        append_joined(extents, first,
                      {ExtentKind::data, offset, length, block.file_offset + (offset - block_begin)});
        break;
      case BlockState::partially_present:
        TRY(resolve_partial(block, index, {offset, length}, first, extents, use));
        break;
      default:
        append_joined(extents, first, {ExtentKind::zero, offset, length, 0});
    }
    offset += length;
  }
  return {};
}

Result<void> ExtentLayer::resolve_partial(const Block& block, BlockIndex index, ByteRange range, size_t first,
                                          std::vector<Extent>& extents, TableUse& use) {
  const uint64_t block_begin = tables_.geometry_.first_byte_of(index);
  for (uint64_t offset = range.offset; offset < range.end();) {
    const auto run = tables_.present_.next(offset, range.end());
    const bool is_present = run && run->range.offset == offset;
    const uint64_t end = is_present ? run->range.end() : run ? run->range.offset : range.end();
    TRY(touch_bits(index, {offset, range.end() - offset}, end, use));
    append_joined(extents, first,
                  {is_present ? ExtentKind::data : ExtentKind::absent, offset, end - offset,
                   is_present ? block.file_offset + (offset - block_begin) : 0});
    offset = end;
  }
  return {};
}

Result<uint64_t> ExtentLayer::absent_until(uint64_t offset) {
  if (!tables_.shape_.has_parent || offset >= disk_size_bytes()) return offset;
  const std::lock_guard lock(mutex_);
  const auto& geometry = tables_.geometry_;
  const BlockIndex first = geometry.block_of(offset);
  const BlockIndex end{geometry.block_count()};
  const auto held = tables_.blocks_.next(geometry.first_byte_of(first), geometry.first_byte_of(end));
  const BlockIndex last = held ? geometry.block_of(held->range.offset) : BlockIndex{number(end) - 1};

  // VHDX looks at every page on the way in which anything stands.
  TableUse unasked;
  uint64_t entry = tables_.next_entry_in_use(geometry.entry_of(first));
  while (entry <= geometry.entry_of(last)) {
    TRY(touch_entry(entry, unasked));
    entry = tables_.next_entry_in_use(round_down(entry, entries_per_page) + entries_per_page);
  }
  return held ? std::max(offset, held->range.offset) : disk_size_bytes();
}

// ---- Planning ----

Result<void> ExtentLayer::plan_write(ByteRange range, WritePlan& plan) {
  return plan_each_block(range, &ExtentLayer::plan_block_write, plan);
}

Result<void> ExtentLayer::plan_zero(ByteRange range, WritePlan& plan) {
  return plan_each_block(range, &ExtentLayer::plan_block_zero, plan);
}

Result<void> ExtentLayer::plan_trim(ByteRange range, WritePlan& plan) {
  return plan_each_block(range, &ExtentLayer::plan_block_trim, plan);
}

Result<void> ExtentLayer::plan_each_block(ByteRange range, PlanBlock plan_block, WritePlan& plan) {
  const std::lock_guard lock(mutex_);
  TRY(begin_session());
  plan.clear();
  const auto& geometry = tables_.geometry_;
  for (uint64_t offset = range.offset; offset < range.end();) {
    const BlockIndex block = geometry.block_of(offset);
    const uint64_t end = std::min(range.end(), geometry.first_byte_of(block) + geometry.block_size_bytes());
    TRY(touch_entry(geometry.entry_of(block), plan.tables));
    TRY((this->*plan_block)(block, {offset, end - offset}, plan));
    offset = end;
  }
  return {};
}

Result<void> ExtentLayer::plan_block_write(BlockIndex index, ByteRange range, WritePlan& plan) {
  const Block block = block_at(index);
  const uint64_t within_block = range.offset - tables_.geometry_.first_byte_of(index);
  const auto place = [&](uint64_t block_offset) {
    plan.data.push_back({range.offset, block_offset + within_block, range.length});
  };
  const auto change = [&](BlockState state, uint64_t block_offset) {
    plan.changes.push_back({number(index), static_cast<uint8_t>(state), block_offset, range});
  };
  if (block.state == BlockState::fully_present) {
    place(block.file_offset);
    return {};
  }
  if (block.state == BlockState::partially_present) {
    place(block.file_offset);
    if (covers_block(index, range)) {
      change(BlockState::fully_present, block.file_offset);
      return {};
    }
    const auto run = tables_.present_.next(range.offset, range.end());
    const bool is_present = run && run->range.offset == range.offset;
    const uint64_t run_end = is_present ? run->range.end() : run ? run->range.offset : range.end();
    TRY(touch_bits(index, range, run_end, plan.tables));
    if (!is_present || run_end < range.end()) change(BlockState::partially_present, block.file_offset);
    return {};
  }
  const uint64_t block_offset = TRY(space_for(index));
  place(block_offset);
  const bool whole =
      block.state != BlockState::not_present || !tables_.shape_.has_parent || covers_block(index, range);
  if (!whole) TRY(ensure_bitmap(tables_.geometry_.chunk_of(index)));
  change(whole ? BlockState::fully_present : BlockState::partially_present, block_offset);
  return {};
}

Result<void> ExtentLayer::plan_block_zero(BlockIndex index, ByteRange range, WritePlan& plan) {
  const Block block = block_at(index);
  const bool has_data = owns_space(block.state);
  if (!has_data && (block.state != BlockState::not_present || !tables_.shape_.has_parent)) return {};
  const auto change = [&](BlockState next, uint64_t block_offset) {
    plan.changes.push_back({number(index), static_cast<uint8_t>(next), block_offset, range});
  };
  if (covers_block(index, range) && !tables_.shape_.fixed) {
    change(BlockState::zero, 0);
    return {};
  }
  const uint64_t within_block = range.offset - tables_.geometry_.first_byte_of(index);
  if (has_data) {
    plan.zero_fill.push_back({block.file_offset + within_block, range.length});
    if (block.state == BlockState::partially_present)
      change(BlockState::partially_present, block.file_offset);
    return {};
  }
  const bool tried_before = reserved_.contains(number(index));
  const uint64_t block_offset = TRY(space_for(index));
  if (tried_before) plan.zero_fill.push_back({block_offset + within_block, range.length});
  TRY(ensure_bitmap(tables_.geometry_.chunk_of(index)));
  change(BlockState::partially_present, block_offset);
  return {};
}

Result<void> ExtentLayer::plan_block_trim(BlockIndex index, ByteRange range, WritePlan& plan) {
  if (tables_.shape_.fixed || !covers_block(index, range)) return {};
  const Block block = block_at(index);
  const bool shows_something = owns_space(block.state) || tables_.shape_.has_parent;
  if (!shows_something || block.state == BlockState::unmapped) return {};
  plan.changes.push_back({number(index), static_cast<uint8_t>(BlockState::unmapped), 0, range});
  return {};
}

Result<uint64_t> ExtentLayer::space_for(BlockIndex block) {
  if (const auto found = reserved_.find(number(block)); found != reserved_.end()) return found->second;
  const uint64_t offset = TRY(allocate(tables_.geometry_.block_size_bytes()));
  reserved_.emplace(number(block), offset);
  return offset;
}

Result<uint64_t> ExtentLayer::allocate(uint64_t length) {
  const uint64_t offset = tables_.file_end_;
  TRY(file_->resize(offset + length));
  tables_.file_end_ = offset + length;
  return offset;
}

Result<void> ExtentLayer::ensure_bitmap(ChunkIndex chunk) {
  if (tables_.bitmap_offsets_.contains(number(chunk))) return {};
  tables_.bitmap_offsets_[number(chunk)] = TRY(allocate(vhdx::bitmap_block_length));
  const uint64_t entry = tables_.geometry_.bitmap_entry_of(chunk);
  TableUse unasked;
  TRY(touch_entry(entry, unasked));
  dirty_bat_pages_.insert(bat_region_offset + round_down(entry * 8, table_page_length));
  return {};
}

// ---- Publishing ----

Result<void> ExtentLayer::publish(const WritePlan& plan) {
  const std::lock_guard lock(mutex_);
  for (const BlockChange& change : plan.changes)
    TRY(publish_change(change));
  return {};
}

Result<void> ExtentLayer::publish_change(const BlockChange& change) {
  const BlockIndex index{change.block};
  const Block before = block_at(index);
  const Block after{static_cast<BlockState>(change.state), change.file_offset};
  const auto reserved = reserved_.find(change.block);
  const bool is_fresh = reserved != reserved_.end() && reserved->second == change.file_offset;
  if (reserved != reserved_.end()) reserved_.erase(reserved);
  const bool was_given_up = !is_fresh && owns_space(after.state) && before.file_offset != after.file_offset;
  const bool has_nothing_to_mark = after.state == BlockState::partially_present &&
                                   before.state != BlockState::not_present &&
                                   before.state != BlockState::partially_present;
  if (was_given_up || has_nothing_to_mark) return {};
  if (after.state == BlockState::partially_present) {
    if (before.state != BlockState::partially_present) {
      const ByteRange whole{range_of(index).offset, tables_.geometry_.block_size_bytes()};
      TRY(set_bits(index, whole, false));
    }
    TRY(set_bits(index, change.present, true));
  }
  if (after == before) return {};
  if (owns_space(before.state) && before.file_offset != after.file_offset)
    given_up_.push_back({before.file_offset, tables_.geometry_.block_size_bytes()});
  return set_entry(index, after);
}

Result<void> ExtentLayer::set_bits(BlockIndex block, ByteRange range, bool present) {
  if (present) {
    tables_.present_.assign(range, {});
  } else {
    tables_.present_.erase(range);
  }
  const auto& geometry = tables_.geometry_;
  const uint64_t bitmap = tables_.bitmap_offsets_.at(number(geometry.chunk_of(block)));
  const uint64_t first = geometry.bit_of(range.offset) / bits_per_page;
  const uint64_t last =
      (geometry.bit_of(range.offset) + range.length / geometry.sector_size_bytes() - 1) / bits_per_page;
  TableUse unasked;
  for (uint64_t page = first; page <= last; ++page) {
    TRY(touch(bitmap + page * table_page_length, unasked));
    dirty_bitmap_pages_.insert(bitmap + page * table_page_length);
  }
  return {};
}

Result<void> ExtentLayer::set_entry(BlockIndex block, const Block& value) {
  const uint64_t begin = tables_.geometry_.first_byte_of(block);
  tables_.blocks_.assign({begin, tables_.geometry_.block_size_bytes()}, value);
  if (value.state != BlockState::partially_present)
    tables_.present_.erase({begin, tables_.geometry_.block_size_bytes()});
  const uint64_t page =
      bat_region_offset + round_down(tables_.geometry_.entry_of(block) * 8, table_page_length);
  TableUse unasked;
  TRY(touch(page, unasked));
  dirty_bat_pages_.insert(page);
  return {};
}

// ---- Sessions and flushing ----

Result<void> ExtentLayer::begin_session() {
  if (session_begun_) return {};
  if (mode_ == OpenMode::read_only) {
    return failure(ErrorKind::permission_denied, "file-read-only", path_ + ": opened read-only",
                   "open it for writing");
  }
  TRY(append_log_entry(0));
  TRY(write_header());
  TRY(write_header());
  session_begun_ = true;
  return {};
}

Result<void> ExtentLayer::write_header() {
  header_slot_ = 1 - header_slot_;
  TRY(file_->write(vhdx::header_offsets[header_slot_], Bytes(zeros).first(vhdx::log_sector_length)));
  return file_->flush();
}

Result<void> ExtentLayer::append_log_entry(size_t pages) {
  constexpr uint64_t header_length = 64;
  constexpr uint64_t descriptor_length = 32;
  const uint64_t length = round_up(header_length + pages * descriptor_length, vhdx::log_sector_length) +
                          pages * vhdx::log_sector_length;
  if (log_offset_ + length > log_region_length) log_offset_ = 0;
  TRY(file_->write(log_region_offset + log_offset_, Bytes(zeros).first(length)));
  log_offset_ += length;
  return file_->flush();
}

bool ExtentLayer::flush_is_due() {
  const std::lock_guard lock(mutex_);
  return dirty_bat_pages_.size() + dirty_bitmap_pages_.size() >= dirty_pages_before_flush;
}

Result<void> ExtentLayer::flush() {
  const std::lock_guard lock(mutex_);
  return flush_locked();
}

Result<void> ExtentLayer::flush_locked() {
  TRY(file_->flush());
  std::vector<uint64_t> pages(dirty_bitmap_pages_.begin(), dirty_bitmap_pages_.end());
  pages.insert(pages.end(), dirty_bat_pages_.begin(), dirty_bat_pages_.end());
  dirty_bitmap_pages_.clear();
  dirty_bat_pages_.clear();
  for (size_t first = 0; first < pages.size(); first += log_pages_max) {
    if (first > 0) TRY(file_->flush());
    const size_t count = std::min(log_pages_max, pages.size() - first);
    TRY(append_log_entry(count));
    for (size_t i = first; i < first + count; ++i)
      TRY(file_->write(pages[i], Bytes(zeros).first(table_page_length)));
  }
  for (const ByteRange& range : given_up_)
    TRY(file_->punch_hole(range));
  given_up_.clear();
  return {};
}

Result<void> ExtentLayer::close() {
  const std::lock_guard lock(mutex_);
  if (!session_begun_) return {};
  TRY(flush_locked());
  TRY(file_->flush());
  TRY(write_header());
  TRY(write_header());
  session_begun_ = false;
  mode_ = OpenMode::read_only;
  return {};
}

}  // namespace vhdlab
