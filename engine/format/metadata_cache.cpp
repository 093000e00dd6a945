// Misses, pins and replacement; see metadata_cache.h. The order of stores that readers rely on: a frame's
// slot is emptied, then its version counted up, then its words change, then the new slot is filled; each
// store releases the ones before it.
#include "engine/format/metadata_cache.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "engine/base/endian.h"

namespace vhdlab {

namespace {

using PageBytes = std::array<std::byte, table_page_length>;

// Words are kept as numbers of this machine, whose order of bytes is the file's or is turned round here.
uint64_t word_of(const PageBytes& page, uint64_t index) {
  le64 word;
  std::memcpy(&word, page.data() + index * sizeof(word), sizeof(word));
  return word;
}

// What `read` finds in the frame of `slot`, taken only where the page stood there all the while. A frame that
// has changed hands is left for the slot's next one; nothing where there is none.
template <typename Read>
std::optional<uint64_t> read_validated(const TableSlot& slot, TableFrame* frame, Read read) {
  while (frame != nullptr) {
    const uint64_t version = frame->version.load(std::memory_order_acquire);
    const uint64_t found = read(*frame);
    TableFrame* now = slot.load(std::memory_order_acquire);
    if (now == frame && frame->version.load(std::memory_order_relaxed) == version) [[likely]] {
      if (!frame->used_lately.load(std::memory_order_relaxed))
        frame->used_lately.store(true, std::memory_order_relaxed);
      return found;
    }
    frame = now;
  }
  return std::nullopt;
}

}  // namespace

// ---- Pins ----

PinnedPage::~PinnedPage() {
  if (frame_ != nullptr) cache_->unpin(*frame_);
}

PageBytes PinnedPage::bytes() const {
  PageBytes page;
  for (uint64_t i = 0; i < table_words_per_page; ++i) {
    const le64 stored = word(i);
    std::memcpy(page.data() + i * sizeof(stored), &stored, sizeof(stored));
  }
  return page;
}

// ---- Lookups ----

MetadataCache::MetadataCache(std::optional<uint64_t> limit_bytes)
    : frames_max_(limit_bytes ? std::max<size_t>(1, divide_up(*limit_bytes, table_page_length)) : unlimited) {
}

MetadataCache::~MetadataCache() = default;

std::optional<uint64_t> MetadataCache::peek_validated(const TableSlot& slot, TableFrame* frame,
                                                      uint64_t word_index) {
  return read_validated(slot, frame, [word_index](const TableFrame& page) {
    return page.words[word_index].load(std::memory_order_acquire);
  });
}

std::optional<uint64_t> MetadataCache::peek_past(const TableSlot& slot, uint64_t first, uint64_t end,
                                                 uint64_t uniform) const {
  return read_validated(slot, slot.load(std::memory_order_acquire), [&](const TableFrame& page) {
    uint64_t index = first;
    while (index < end && page.words[index].load(std::memory_order_acquire) == uniform)
      ++index;
    return index;
  });
}

Result<uint64_t> MetadataCache::load(TableSlot& slot, uint64_t word_index, File& file, uint64_t file_offset,
                                     bool& was_read) {
  std::unique_lock lock(mutex_);
  const TableFrame* frame = TRY(bring_in(lock, slot, file, file_offset, was_read));
  return frame->words[word_index].load(std::memory_order_relaxed);
}

Result<PinnedPage> MetadataCache::pin(TableSlot& slot, File& file, uint64_t file_offset, bool& was_read) {
  std::unique_lock lock(mutex_);
  TableFrame* frame = TRY(bring_in(lock, slot, file, file_offset, was_read));
  ++frame->pins;
  return PinnedPage(shared_from_this(), frame);
}

// The page's frame, whose page stays as long as `lock` is held from the return on. The lock is let go while
// the file is read.
Result<TableFrame*> MetadataCache::bring_in(std::unique_lock<std::mutex>& lock, TableSlot& slot, File& file,
                                            uint64_t file_offset, bool& was_read) {
  for (;;) {
    if (TableFrame* frame = slot.load(std::memory_order_relaxed)) {
      frame->used_lately.store(true, std::memory_order_relaxed);
      return frame;
    }
    if (std::ranges::find(loading_, &slot) == loading_.end()) break;
    page_came_.wait(lock);
  }
  loading_.push_back(&slot);
  lock.unlock();
  alignas(AlignedBuffer::alignment_bytes) PageBytes page;  // aligned, so that a direct read needs no detour
  const auto read = file.read(file_offset, page);
  lock.lock();
  std::erase(loading_, &slot);
  page_came_.notify_all();
  if (!read) return std::unexpected(read.error());

  was_read = true;
  TableFrame* frame = free_frame();
  for (uint64_t i = 0; i < table_words_per_page; ++i)
    frame->words[i].store(word_of(page, i), std::memory_order_release);
  frame->used_lately.store(false,
                           std::memory_order_relaxed);  // one look alone does not earn it a second round
  frame->slot = &slot;
  slot.store(frame, std::memory_order_release);
  return frame;
}

// ---- Replacement ----

TableFrame* MetadataCache::free_frame() {
  const size_t in_use = frames_.size() - free_frames_.size();
  TableFrame* frame = in_use >= frames_max_ ? least_used() : nullptr;
  if (frame != nullptr) {
    vacate(*frame);
    return frame;
  }
  if (!free_frames_.empty()) {
    frame = free_frames_.back();
    free_frames_.pop_back();
    return frame;
  }
  return frames_.emplace_back(std::make_unique<TableFrame>()).get();
}

// The next frame the hand meets that was not used since it passed last; nothing where all are pinned.
TableFrame* MetadataCache::least_used() {
  for (size_t steps = 0; steps < 2 * frames_.size(); ++steps) {
    TableFrame& frame = *frames_[hand_];
    hand_ = (hand_ + 1) % frames_.size();
    if (frame.slot == nullptr || frame.pins > 0) continue;
    if (!frame.used_lately.exchange(false, std::memory_order_relaxed)) return &frame;
  }
  return nullptr;
}

void MetadataCache::vacate(TableFrame& frame) {
  if (frame.slot != nullptr) frame.slot->store(nullptr, std::memory_order_release);
  frame.slot = nullptr;
  frame.version.fetch_add(1, std::memory_order_release);
}

void MetadataCache::unpin(TableFrame& frame) {
  const std::lock_guard lock(mutex_);
  if (--frame.pins > 0) return;
  const bool beyond_limit = is_limited() && frames_.size() - free_frames_.size() > frames_max_;
  if (frame.slot != nullptr && !beyond_limit) return;
  vacate(frame);
  free_frames_.push_back(&frame);
}

void MetadataCache::release(std::vector<TableSlot>& slots) {
  const std::lock_guard lock(mutex_);
  for (TableSlot& slot : slots) {
    TableFrame* frame = slot.load(std::memory_order_relaxed);
    if (frame == nullptr) continue;
    vacate(*frame);
    if (frame->pins == 0) free_frames_.push_back(frame);
  }
}

uint64_t MetadataCache::memory_bytes() const {
  const std::lock_guard lock(mutex_);
  return frames_.size() * sizeof(TableFrame);
}

}  // namespace vhdlab
