// The way to the metadata cache; the contract is in metadata_pages.h.
#include "engine/format/vhdx/metadata_pages.h"

#include <algorithm>
#include <utility>

namespace vhdlab::vhdx {

MetadataPages::MetadataPages(File& file, ByteRange range, std::shared_ptr<MetadataCache> cache)
    : file_(file),
      range_(range),
      cache_(std::move(cache)),
      slots_(divide_up(range.length, table_page_length)) {}

MetadataPages::~MetadataPages() {
  cache_->release(slots_);
}

uint64_t MetadataPages::skip_uniform(uint64_t index, uint64_t end, uint64_t uniform) const {
  const uint64_t page_begin = round_down(index, table_words_per_page);
  const uint64_t page_end = std::min(end, page_begin + table_words_per_page);
  if (index >= page_end) return index;
  const auto found = cache_->peek_past(slots_[index / table_words_per_page], index - page_begin,
                                       page_end - page_begin, uniform);
  return found ? page_begin + *found : index;
}

Result<PinnedPage> MetadataPages::page_to_change(uint64_t index) {
  const uint64_t page = index / table_words_per_page;
  bool was_read = false;
  auto pinned = cache_->pin(slots_[page], file_, range_.offset + page * table_page_length, was_read);
  if (was_read) pages_loaded_.fetch_add(1, std::memory_order_relaxed);
  return pinned;
}

Result<uint64_t> MetadataPages::load(uint64_t index, TableUse& use) {
  const uint64_t page = index / table_words_per_page;
  const uint64_t file_offset = range_.offset + page * table_page_length;
  bool was_read = false;
  const uint64_t word =
      TRY(cache_->load(slots_[page], index % table_words_per_page, file_, file_offset, was_read));
  if (was_read) {
    pages_loaded_.fetch_add(1, std::memory_order_relaxed);
    use.reads.push_back({.layer = 0, .file_offset = file_offset});
  }
  return word;
}

}  // namespace vhdlab::vhdx
