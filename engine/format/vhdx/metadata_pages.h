// A table of the file (the block allocation table, or one sector bitmap block), read by 4 KiB pages when
// first asked for and kept in the chain's metadata cache. 4 KiB is the log's unit, so a changed page is
// exactly one log descriptor.
//
// Words of pages in memory are read without a lock by any number of threads, also while one thread changes
// some: each word is seen as it was or as it is. What a change means for several words together is the
// image's business.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/error.h"
#include "engine/format/metadata_cache.h"
#include "engine/format/table_use.h"
#include "engine/io/file.h"

namespace vhdlab::vhdx {

class MetadataPages {
 public:
  // The table of `range` in `file`, 4 KiB aligned; the file must outlive this object.
  MetadataPages(File& file, ByteRange range, std::shared_ptr<MetadataCache> cache);
  ~MetadataPages();
  MetadataPages(const MetadataPages&) = delete;
  MetadataPages& operator=(const MetadataPages&) = delete;

  [[nodiscard]] ByteRange range() const { return range_; }

  // The table's word `index`, counted in words of eight bytes. The caller counts its lookups; a page that had
  // to be read is added to `use`.
  [[nodiscard]] Result<uint64_t> word_at(uint64_t index, TableUse& use) {
    if (const auto word = cache_->peek(slots_[index / table_words_per_page], index % table_words_per_page))
        [[likely]]
      return *word;
    return load(index, use);
  }

  // The first word from `index` on, before `end`, that is not `uniform`; `end` where there is none. Stops at
  // the page's end, and at once where the page is not in memory.
  [[nodiscard]] uint64_t skip_uniform(uint64_t index, uint64_t end, uint64_t uniform) const;

  // The page that holds word `index`, to be changed by one thread at a time.
  [[nodiscard]] Result<PinnedPage> page_to_change(uint64_t index);

  // Slots of the table's pages in order; they stay where they are as long as this object.
  [[nodiscard]] const TableSlot* slots() const { return slots_.data(); }

  // Pages read from the file so far: what a cold table costs.
  [[nodiscard]] uint64_t pages_loaded() const { return pages_loaded_.load(std::memory_order_relaxed); }

 private:
  [[nodiscard]] Result<uint64_t> load(uint64_t index, TableUse& use);

  File& file_;
  ByteRange range_;
  std::shared_ptr<MetadataCache> cache_;
  std::vector<TableSlot> slots_;
  std::atomic<uint64_t> pages_loaded_ = 0;
};

}  // namespace vhdlab::vhdx
