// Making changes durable. A session lasts from the first modification of an open file to its close; within
// it, every flush commits the table pages changed since the last one:
//
//   data barrier ──► log entry ──► barrier ──► pages in place
//
// (the next flush's data barrier makes the pages durable)
// so that a cut at any moment leaves either the old tables or a log that completes the new ones.
#include <algorithm>
#include <cstring>
#include <map>

#include <fmt/format.h>

#include "engine/format/vhdx/faults.h"
#include "engine/format/vhdx/image.h"

namespace vhdlab::vhdx {
namespace {

uint64_t random_sequence_number(RandomSource& random) {
  return (random.next_u64() >> 1) + 1;  // positive, and half the range left to count up
}

// Where the sectors of a disk end in its last chunk's bitmap: the first bit past it may be the bitmap's end.
struct EndInBitmap {
  ChunkIndex chunk;
  uint64_t first_bit_past;
};

EndInBitmap end_in_bitmap(const BatGeometry& geometry, uint64_t disk_size_bytes) {
  const uint64_t last_byte = disk_size_bytes - 1;
  return {geometry.chunk_of(geometry.block_of(last_byte)), geometry.bit_of(last_byte) + 1};
}

}  // namespace

// ---- Sessions ----

Result<void> Image::begin_session() {
  if (session_begun_.load(std::memory_order_acquire)) [[likely]]
    return {};
  const std::lock_guard lock(commit_mutex_);
  return begin_session_locked();
}

Result<void> Image::begin_session_locked() {
  if (session_begun_.load()) return {};
  if (session_error_) return std::unexpected(*session_error_);
  auto begun = start_log_and_identity();
  // A header may name the new log already; a second try would write over its only entry.
  if (!begun && begun.error().kind == ErrorKind::io_failed) session_error_ = begun.error();
  return begun;
}

Result<void> Image::start_log_and_identity() {
  if (mode_ == OpenMode::read_only) {
    return failure(ErrorKind::permission_denied, "file-read-only", file_->name() + ": opened read-only",
                   "open it for writing");
  }
  const ByteRange ring{header_.fields.log_offset, header_.fields.log_length};
  if (ring.empty()) {
    return fault_in(file_->name(), Fault::header_log_placement,
                    "the file has no log, and no change is safe without one",
                    "copy the disk with 'vhdlab disk convert'");
  }
  // An empty entry first: from the moment the header names the new log there is a whole sequence in it.
  const Guid log_guid = Guid::make_random(random_);
  LogWriter log(*file_, ring, log_guid, random_sequence_number(random_));
  TRY(log.append({}, TRY(file_->size_bytes())));

  header_.fields.log_guid = log_guid;
  header_.fields.log_version = Header::supported_log_version;
  header_.fields.file_write_guid = Guid::make_random(random_);
  if (intent_ == WriteIntent::guest_visible) header_.fields.data_write_guid = Guid::make_random(random_);
  TRY(write_next_header(*file_, header_));
  TRY(write_next_header(*file_, header_));  // both copies agree, 2.2.2.1
  log_.emplace(log);
  session_begun_.store(true, std::memory_order_release);
  return {};
}

Result<void> Image::close() {
  const std::lock_guard lock(commit_mutex_);
  if (!session_begun_.load()) return {};
  TRY(flush_locked());
  TRY(file_->flush());  // the pages in place, before the log that repeats them is given up
  header_.fields.log_guid = Guid{};
  TRY(write_next_header(*file_, header_));
  TRY(write_next_header(*file_, header_));
  log_.reset();
  session_begun_.store(false);
  mode_ = OpenMode::read_only;
  return {};
}

// ---- Flushing ----

Result<void> Image::flush() {
  const std::lock_guard lock(commit_mutex_);
  return flush_locked();
}

std::vector<PageWrite> Image::copies_of(const DirtyPages& dirty) {
  std::vector<PageWrite> pages;
  pages.reserve(dirty.size());
  for (const auto& [offset, page] : dirty)
    pages.push_back({offset, page.bytes()});
  return pages;
}

Result<void> Image::flush_locked() {
  DirtyPages bitmap_pages;
  DirtyPages bat_pages;
  std::vector<PageWrite> bitmap_writes;
  std::vector<PageWrite> bat_writes;
  std::vector<ByteRange> given_up;
  uint64_t file_size_bytes = 0;  // what grows the file after this is not durable with these pages
  {
    const std::unique_lock lock(tables_mutex_);
    file_size_bytes = TRY(file_->size_bytes());
    bitmap_pages.swap(dirty_bitmap_pages_);
    bat_pages.swap(dirty_bat_pages_);
    given_up.swap(given_up_);
    bitmap_writes = copies_of(bitmap_pages);
    bat_writes = copies_of(bat_pages);
  }
  auto committed = file_->flush();  // the data these pages speak of, and the pages of the last commit
  if (committed && !(bitmap_writes.empty() && bat_writes.empty()))
    committed = commit(bitmap_writes, bat_writes, file_size_bytes);
  if (!committed) {
    const std::unique_lock lock(tables_mutex_);
    dirty_bitmap_pages_.merge(bitmap_pages);
    dirty_bat_pages_.merge(bat_pages);
    given_up_.insert(given_up_.end(), given_up.begin(), given_up.end());
    return committed;
  }
  return give_back(given_up);
}

// Returns space to the file system once no cut can bring its blocks back. A read that is still under way
// there finds zeros, as if it had come later.
Result<void> Image::give_back(std::span<const ByteRange> given_up) {
  for (const ByteRange& range : given_up)
    TRY(file_->punch_hole(range));
  return {};
}

// One entry where everything fits. Otherwise several, each whole in itself, in an order that never shows a
// partly present block without its bitmap: bitmap bits, then the table's bitmap entries alone, then the
// table.
Result<void> Image::commit(std::span<const PageWrite> bitmap_pages, std::span<const PageWrite> bat_pages,
                           uint64_t durable_file_size_bytes) {
  std::vector<PageWrite> pages(bitmap_pages.begin(), bitmap_pages.end());
  const size_t pages_max = log_->pages_per_entry_max();
  if (bitmap_pages.size() + bat_pages.size() <= pages_max) {
    pages.insert(pages.end(), bat_pages.begin(), bat_pages.end());
    return commit_entry(pages, durable_file_size_bytes);
  }
  if (metadata_.has_parent()) {
    for (const PageWrite& page : bat_pages)
      pages.push_back(TRY(with_bitmap_entries_only(page)));
  }
  pages.insert(pages.end(), bat_pages.begin(), bat_pages.end());
  for (size_t first = 0; first < pages.size(); first += pages_max) {
    if (first > 0)
      TRY(file_->flush());  // the entry before is in place before its room in the ring may be reused
    TRY(commit_entry(std::span(pages).subspan(first, std::min(pages_max, pages.size() - first)),
                     durable_file_size_bytes));
  }
  return {};
}

Result<void> Image::commit_entry(std::span<const PageWrite> pages, uint64_t durable_file_size_bytes) {
  TRY(log_->append(pages, durable_file_size_bytes));
  for (const PageWrite& page : pages)
    TRY(file_->write(page.file_offset, page.page));
  return {};
}

// The table page as it stands in the file, but for its bitmap entries, which are new.
Result<PageWrite> Image::with_bitmap_entries_only(const PageWrite& bat_page) {
  PageWrite page{bat_page.file_offset, {}};
  TRY(file_->read(page.file_offset, page.page));
  const uint64_t first_entry = (page.file_offset - regions_.bat.offset) / sizeof(le64);
  for (uint64_t i = 0; i < page.page.size() / sizeof(le64); ++i) {
    if (!geometry_.is_bitmap_entry(first_entry + i)) continue;
    std::memcpy(page.page.data() + i * sizeof(le64), bat_page.page.data() + i * sizeof(le64), sizeof(le64));
  }
  return page;
}

// Changes bytes of the metadata region together, in one log entry, durable in place on return.
Result<void> Image::commit_bytes(std::span<const BytesChange> changes) {
  std::map<uint64_t, MetadataPage> changed;  // by file offset: pages that two changes share are one
  for (const auto& [file_offset, bytes] : changes) {
    const uint64_t end = file_offset + bytes.size();
    for (uint64_t offset = round_down(file_offset, log_sector_length); offset < end;
         offset += log_sector_length) {
      const auto [page, is_new] = changed.try_emplace(offset);
      if (is_new) TRY(file_->read(offset, page->second));
      const uint64_t from = std::max(file_offset, offset);
      const uint64_t to = std::min(end, offset + log_sector_length);
      std::memcpy(page->second.data() + (from - offset), bytes.data() + (from - file_offset), to - from);
    }
  }
  std::vector<PageWrite> pages;
  pages.reserve(changed.size());
  for (const auto& [offset, page] : changed)
    pages.push_back({offset, page});
  TRY(flush_locked());
  const uint64_t file_size_bytes = TRY(file_->size_bytes());
  TRY(file_->flush());  // the tables are in place before this entry makes theirs unreachable for replay
  TRY(commit_entry(pages, file_size_bytes));
  return file_->flush();
}

// ---- Identity and shape ----

Result<void> Image::set_data_write_guid(const Guid& guid) {
  const std::lock_guard lock(commit_mutex_);
  TRY(begin_session_locked());
  TRY(flush_locked());
  header_.fields.data_write_guid = guid;
  TRY(write_next_header(*file_, header_));
  return write_next_header(*file_, header_);
}

Result<void> Image::set_parent(const ParentLocator& parent) {
  if (!metadata_.has_parent()) {
    return failure(ErrorKind::invalid_argument, "disk-has-no-parent",
                   file_->name() + ": only a differencing disk can be given a parent");
  }
  std::vector<std::byte> item = TRY(serialize_parent_locator(parent));
  if (item.size() > metadata_.parent_locator_limit_bytes) {
    return fault_in(file_->name(), Fault::locator_too_long,
                    fmt::format("{} bytes, room for {}", item.size(), metadata_.parent_locator_limit_bytes),
                    "choose a shorter path");
  }
  const std::lock_guard lock(commit_mutex_);
  TRY(begin_session_locked());
  // The item and its length in the table must change together.
  MetadataTableEntry entry;
  TRY(file_->read(metadata_.parent_locator_entry.offset, std::as_writable_bytes(std::span(&entry, 1))));
  entry.length = static_cast<uint32_t>(item.size());
  const BytesChange changes[] = {{metadata_.parent_locator_entry.offset, std::as_bytes(std::span(&entry, 1))},
                                 {metadata_.parent_locator_item.offset, item}};
  TRY(commit_bytes(changes));
  metadata_.parent = parent;
  metadata_.parent_locator_item.length = item.size();
  return {};
}

Result<void> Image::set_disk_size(uint64_t disk_size_bytes, uint64_t zeros_end_bytes) {
  DiskMetadata resized = metadata_;
  resized.disk_size_bytes = disk_size_bytes;
  TRY(check_disk_numbers(file_->name(), resized));
  const BatGeometry geometry(resized);
  const uint64_t table_length = geometry.entry_count() * sizeof(le64);
  if (table_length > regions_.bat.length) {
    return fault_in(file_->name(), Fault::bat_too_small,
                    fmt::format("{} bytes, a disk of {} bytes needs {}", regions_.bat.length, disk_size_bytes,
                                table_length),
                    "copy the disk into a larger one with 'vhdlab disk convert'");
  }
  const std::lock_guard lock(commit_mutex_);
  const uint64_t old_size_bytes = metadata_.disk_size_bytes;
  if (disk_size_bytes == old_size_bytes && !TRY(holds_leftovers())) return {};
  TRY(begin_session_locked());
  TRY(flush_locked());
  if (disk_size_bytes > old_size_bytes) {
    const bool hides_parent = metadata_.has_parent() && zeros_end_bytes > old_size_bytes;
    TRY(clear_slack(hides_parent ? std::min(zeros_end_bytes, disk_size_bytes) : old_size_bytes));
    TRY(clear_entries_past_end());
    if (hides_parent) TRY(hide_parent_behind(geometry, std::min(zeros_end_bytes, disk_size_bytes)));
    TRY(commit_disk_size(disk_size_bytes));
  } else if (disk_size_bytes < old_size_bytes) {
    TRY(commit_disk_size(disk_size_bytes));
    TRY(forget_past(disk_size_bytes));
  } else {
    TRY(clear_bits_past(disk_size_bytes));
    TRY(clear_entries_past_end());
  }

  // Entries past the old end were written without a look at what they hold.
  bat_pages_in_use_.resize(geometry_.entry_count() * sizeof(le64) / log_sector_length);
  bat_pages_in_use_.resize(divide_up(table_length, log_sector_length), true);
  metadata_ = resized;
  geometry_ = geometry;
  bitmaps_.resize(metadata_.has_parent() ? geometry_.chunk_count() : 0);
  bat_ = std::make_unique<MetadataPages>(
      *file_, ByteRange{regions_.bat.offset, round_up(table_length, log_sector_length)}, cache_);
  return {};
}

Result<void> Image::commit_disk_size(uint64_t disk_size_bytes) {
  const le64 stored = disk_size_bytes;
  const BytesChange change{metadata_.disk_size_file_offset, std::as_bytes(std::span(&stored, 1))};
  return commit_bytes({&change, 1});
}

// Takes the blocks past a smaller end out of the table, and what lies past it in the last block out of its
// bitmap, so that growing again cannot bring them back.
Result<void> Image::forget_past(uint64_t disk_size_bytes) {
  TRY(clear_bits_past(disk_size_bytes));
  {
    const std::unique_lock lock(tables_mutex_);
    const uint64_t kept_blocks = divide_up(disk_size_bytes, geometry_.block_size_bytes());
    for (uint64_t index = next_entry_in_use(geometry_.entry_of(BlockIndex{kept_blocks}));
         index < geometry_.entry_count(); index = next_entry_in_use(index + 1)) {
      if (geometry_.is_bitmap_entry(index) || number(geometry_.block_at(index)) >= geometry_.block_count())
        continue;
      if (TRY(entry_at(index)).bits != 0) TRY(set_entry(index, BatEntry{}));
    }
    const uint64_t kept_chunks = divide_up(kept_blocks, geometry_.chunk_ratio());
    for (uint64_t chunk = kept_chunks; chunk < bitmaps_.size(); ++chunk) {
      if (bitmaps_[chunk] != nullptr)
        TRY(set_entry(geometry_.bitmap_entry_of(ChunkIndex{chunk}), BatEntry{}));
    }
  }
  TRY(flush_locked());
  return file_->flush();
}

// Where the last chunk's bitmap marks sectors past `disk_size_bytes`, in words of 64 bits.
Result<std::vector<uint64_t>> Image::bit_words_past(uint64_t disk_size_bytes) {
  const auto [chunk, end_bit] = end_in_bitmap(geometry_, disk_size_bytes);
  if (!metadata_.has_parent() || bitmaps_[number(chunk)] == nullptr) return {};
  std::vector<uint64_t> words;
  TableUse tables;
  for (uint64_t word = end_bit / 64; word < bitmap_block_length / sizeof(uint64_t); ++word) {
    const uint64_t before_end = word == end_bit / 64 ? (uint64_t{1} << end_bit % 64) - 1 : 0;
    if ((TRY(bitmaps_[number(chunk)]->word_at(word, tables)) & ~before_end) != 0) words.push_back(word);
  }
  return words;
}

Result<void> Image::clear_bits_past(uint64_t disk_size_bytes) {
  const std::unique_lock lock(tables_mutex_);
  const auto [chunk, end_bit] = end_in_bitmap(geometry_, disk_size_bytes);
  for (const uint64_t word : TRY(bit_words_past(disk_size_bytes))) {
    const uint64_t from = std::max(end_bit, word * 64);
    TRY(set_bits(chunk, from, (word + 1) * 64 - from, false));
  }
  return {};
}

// What a cut leaves of a shrinking: entries or bits past the disk's end.
Result<bool> Image::holds_leftovers() {
  if (!TRY(bit_words_past(metadata_.disk_size_bytes)).empty()) return true;
  for (const ByteRange& range : entries_past_end()) {
    AlignedBuffer buffer(std::min(range.length, 1 * mib));
    for (uint64_t done = 0; done < range.length; done += buffer.size()) {
      const MutableBytes part = buffer.bytes().first(std::min<uint64_t>(buffer.size(), range.length - done));
      TRY(file_->read(range.offset + done, part));
      if (!all_zero(part)) return true;
    }
  }
  return false;
}

// Zeroes what lies in the last block past the disk's end: it becomes part of the disk when the disk grows.
// Up to `zeros_end`, where the parent shall not show, the zeros become present.
Result<void> Image::clear_slack(uint64_t zeros_end) {
  const uint64_t slack = metadata_.disk_size_bytes % geometry_.block_size_bytes();
  if (slack == 0) return {};
  const std::unique_lock lock(tables_mutex_);
  const BlockIndex last = geometry_.block_of(metadata_.disk_size_bytes - 1);
  const BatEntry entry = TRY(entry_at(geometry_.entry_of(last)));
  const uint64_t slack_length = geometry_.block_size_bytes() - slack;
  const uint64_t hidden_length = std::min(zeros_end - metadata_.disk_size_bytes, slack_length);
  const bool hide_parent = hidden_length > 0;
  const auto mark = [&]() -> Result<void> {
    const auto [chunk, first_bit] = end_in_bitmap(geometry_, metadata_.disk_size_bytes);
    const uint64_t hidden = hidden_length / geometry_.sector_size_bytes();
    TRY(set_bits(chunk, first_bit, hidden, true));
    return set_bits(chunk, first_bit + hidden, slack_length / geometry_.sector_size_bytes() - hidden, false);
  };
  switch (entry.state()) {
    case BlockState::fully_present:
      return file_->punch_hole({entry.file_offset() + slack, slack_length});
    case BlockState::partially_present:
      if (hide_parent) TRY(file_->punch_hole({entry.file_offset() + slack, slack_length}));
      return mark();
    case BlockState::not_present: {
      if (!hide_parent) return {};
      const uint64_t block_offset = TRY(allocate(geometry_.block_size_bytes()));
      TRY(ensure_bitmap(geometry_.chunk_of(last)));
      TRY(set_bits(geometry_.chunk_of(last), geometry_.bit_of(geometry_.first_byte_of(last)),
                   geometry_.block_size_bytes() / geometry_.sector_size_bytes(), false));
      TRY(mark());
      return set_entry(geometry_.entry_of(last), BatEntry::make(BlockState::partially_present, block_offset));
    }
    default:
      return {};  // zeros already
  }
}

// Makes the blocks between the disk's end and `zeros_end_bytes` zero blocks, which the parent does not show
// through. As with clear_entries_past_end, nobody reads these entries before the size changes.
Result<void> Image::hide_parent_behind(const BatGeometry& larger, uint64_t zeros_end_bytes) {
  const le64 zero_block = BatEntry::make(BlockState::zero, 0).bits;
  const uint64_t end = divide_up(zeros_end_bytes, larger.block_size_bytes());
  for (uint64_t block = geometry_.block_count(); block < end; ++block) {
    TRY(file_->write(regions_.bat.offset + larger.entry_of(BlockIndex{block}) * sizeof(le64),
                     std::as_bytes(std::span(&zero_block, 1))));
  }
  return {};
}

// Where in the file the table's region goes on behind the disk's end: after the last block of the last chunk,
// and after that chunk.
std::vector<ByteRange> Image::entries_past_end() const {
  std::vector<ByteRange> ranges;
  const auto add = [&](uint64_t first_entry, uint64_t end_entry) {
    if (first_entry >= end_entry) return;
    ranges.push_back(
        {regions_.bat.offset + first_entry * sizeof(le64), (end_entry - first_entry) * sizeof(le64)});
  };
  if (metadata_.has_parent())
    add(geometry_.entry_of(BlockIndex{geometry_.block_count()}), geometry_.entry_count() - 1);
  add(geometry_.entry_count(), regions_.bat.length / sizeof(le64));
  return ranges;
}

// Zeroes the entries past the disk's end, which become part of the table when the disk grows: what stands
// there was never checked. It is other programs' leftovers, or what a cut left of a shrinking, or an attack.
// No log is needed, since until the size changes nobody reads them.
Result<void> Image::clear_entries_past_end() {
  TRY(flush_locked());  // before entries change in the file behind the back of the pages held in memory
  for (const ByteRange& range : entries_past_end())
    TRY(file_->punch_hole(range));
  return {};
}

}  // namespace vhdlab::vhdx
