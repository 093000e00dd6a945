// Table pages in memory, for all layers of a chain together: without a limit every page that was read stays;
// with one, pages that were not used lately make room (CLOCK), and a scenario can show what tables on disk
// cost.
//
//   table of a layer        frames
//   ┌ slot ┐ ─────────────► ┌ 512 words ┐   A reader follows the slot and takes one word: no lock, and no
//   │ slot │   nothing      │ 512 words │   store either where the page was used lately. Where frames are
//   └ slot ┘ ─────────────► └ 512 words ┘   reused it looks again afterwards whether it still was there.
//
// A miss reads the page with no lock held, so that it holds up nobody but those who want the same page; they
// wait and share the one read. Pages that were changed and are not durable yet are pinned: they stay, where
// need be beyond the limit.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/error.h"
#include "engine/format/table_use.h"
#include "engine/io/file.h"

namespace vhdlab {

inline constexpr uint64_t table_words_per_page = table_page_length / sizeof(uint64_t);

struct TableFrame;

// Where a table keeps what it knows of one page: the frame that holds it, or nothing.
using TableSlot = std::atomic<TableFrame*>;

// One page in memory, as the eight-byte words of the file. A frame lives as long as its cache and never turns
// into anything else, so that a late reader finds other words in it, but never something that is no frame.
struct alignas(64) TableFrame {
  std::array<std::atomic<uint64_t>, table_words_per_page> words;
  std::atomic<uint64_t> version = 0;  // counts what the frame has held
  std::atomic<bool> used_lately = false;
  uint32_t pins = 0;          // this and the next under the cache's mutex
  TableSlot* slot = nullptr;  // whose page it holds
};

class MetadataCache;

// Holds a page in memory while it is changed, and until the change is durable.
class PinnedPage {
 public:
  PinnedPage() = default;
  PinnedPage(PinnedPage&& other) noexcept
      : cache_(std::move(other.cache_)), frame_(std::exchange(other.frame_, nullptr)) {}
  PinnedPage& operator=(PinnedPage&& other) noexcept {
    std::swap(cache_, other.cache_);
    std::swap(frame_, other.frame_);
    return *this;
  }
  ~PinnedPage();

  [[nodiscard]] uint64_t word(uint64_t index) const {
    return frame_->words[index].load(std::memory_order_acquire);
  }
  // Seen whole by readers at any time. One thread at a time changes a page.
  void set_word(uint64_t index, uint64_t word) {
    frame_->words[index].store(word, std::memory_order_release);
  }
  [[nodiscard]] std::array<std::byte, table_page_length> bytes() const;

 private:
  friend class MetadataCache;
  PinnedPage(std::shared_ptr<MetadataCache> cache, TableFrame* frame)
      : cache_(std::move(cache)), frame_(frame) {}

  std::shared_ptr<MetadataCache> cache_;
  TableFrame* frame_ = nullptr;
};

// Safe to use from several threads. Slots stay where they are until release() has been called for them.
class MetadataCache : public std::enable_shared_from_this<MetadataCache> {
 public:
  // Without a limit nothing is ever given up. A limit is rounded up to whole pages; every page counts with
  // its table_page_length, what is kept beside it (64 bytes) does not.
  explicit MetadataCache(std::optional<uint64_t> limit_bytes = std::nullopt);
  ~MetadataCache();
  MetadataCache(const MetadataCache&) = delete;
  MetadataCache& operator=(const MetadataCache&) = delete;

  [[nodiscard]] bool is_limited() const { return frames_max_ != unlimited; }

  // The word where its page is in memory.
  [[nodiscard]] std::optional<uint64_t> peek(const TableSlot& slot, uint64_t word_index) const {
    TableFrame* frame = slot.load(std::memory_order_acquire);
    if (frame == nullptr) [[unlikely]]
      return std::nullopt;
    if (!is_limited()) [[likely]]
      return frame->words[word_index].load(std::memory_order_acquire);
    return peek_validated(slot, frame, word_index);
  }

  // The first of the words `first` .. `end` - 1 that is not `uniform`, or `end`, where the page is in memory:
  // whole runs of a bitmap for one look at its page.
  [[nodiscard]] std::optional<uint64_t> peek_past(const TableSlot& slot, uint64_t first, uint64_t end,
                                                  uint64_t uniform) const;

  // The word after a miss: the page at `file_offset` is read, unless it has come into memory meanwhile; then
  // `was_read` stays false. Faults: those of reading the file.
  [[nodiscard]] Result<uint64_t> load(TableSlot& slot, uint64_t word_index, File& file, uint64_t file_offset,
                                      bool& was_read);

  // Brings the page into memory and keeps it there.
  [[nodiscard]] Result<PinnedPage> pin(TableSlot& slot, File& file, uint64_t file_offset, bool& was_read);

  // The table of these slots goes away. Nobody uses it any more, but pins may outlive it.
  void release(std::vector<TableSlot>& slots);

  // Memory that pages take, in bytes.
  [[nodiscard]] uint64_t memory_bytes() const;

 private:
  friend class PinnedPage;
  static constexpr size_t unlimited = ~size_t{0};

  [[nodiscard]] static std::optional<uint64_t> peek_validated(const TableSlot& slot, TableFrame* frame,
                                                              uint64_t word_index);
  [[nodiscard]] Result<TableFrame*> bring_in(std::unique_lock<std::mutex>& lock, TableSlot& slot, File& file,
                                             uint64_t file_offset, bool& was_read);
  [[nodiscard]] TableFrame* free_frame();
  [[nodiscard]] TableFrame* least_used();
  void vacate(TableFrame& frame);
  void unpin(TableFrame& frame);

  const size_t frames_max_;
  mutable std::mutex mutex_;  // guards everything below; never held while a file is read
  std::condition_variable page_came_;
  std::vector<const TableSlot*> loading_;
  std::vector<std::unique_ptr<TableFrame>> frames_;
  std::vector<TableFrame*> free_frames_;
  size_t hand_ = 0;  // CLOCK's, into frames_
};

}  // namespace vhdlab
