// Page loading; the contract is in metadata_pages.h.
#include "engine/format/vhdx/metadata_pages.h"

namespace vhdlab::vhdx {

MetadataPages::MetadataPages(File& file, ByteRange range)
    : file_(file), range_(range), slots_(divide_up(range.length, log_sector_length)) {}

MetadataPages::~MetadataPages() {
  for (auto& slot : slots_)
    delete slot.load(std::memory_order_relaxed);
}

Result<MetadataPage*> MetadataPages::page_to_change(uint64_t table_offset, TableUse& use) {
  // Every page lives on the heap, unshared and mutable; only the read path sees it as const.
  return const_cast<MetadataPage*>(TRY(page_at(table_offset, use)));
}

Result<const MetadataPage*> MetadataPages::load(uint64_t index, TableUse& use) {
  const std::lock_guard lock(loading_);
  if (const MetadataPage* page = slots_[index].load(std::memory_order_relaxed)) return page;
  auto page = std::make_unique<MetadataPage>();
  TRY(file_.read(range_.offset + index * log_sector_length, *page));
  use.reads.push_back({.layer = 0, .file_offset = range_.offset + index * log_sector_length});
  slots_[index].store(page.get(), std::memory_order_release);
  loaded_count_.fetch_add(1, std::memory_order_relaxed);
  return page.release();
}

}  // namespace vhdlab::vhdx
