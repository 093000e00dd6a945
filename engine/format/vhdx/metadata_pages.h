// A table of the file (the block allocation table, or one sector bitmap block) held in memory by 4 KiB pages,
// read when first asked for. 4 KiB is the log's unit, so a changed page is exactly one log descriptor.
//
// Reads of loaded pages take no lock and may run in several threads; loading is serialised. Changing a page
// must exclude readers of the same table: the chain's lock does that.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/endian.h"
#include "engine/base/error.h"
#include "engine/format/table_use.h"
#include "engine/format/vhdx/log.h"
#include "engine/io/file.h"

namespace vhdlab::vhdx {

class MetadataPages {
 public:
  // The table of `range` in `file`, 4 KiB aligned; the file must outlive this object.
  MetadataPages(File& file, ByteRange range);
  ~MetadataPages();
  MetadataPages(const MetadataPages&) = delete;
  MetadataPages& operator=(const MetadataPages&) = delete;

  [[nodiscard]] ByteRange range() const { return range_; }

  // The page holding the table's byte `table_offset`, loaded if need be. Valid as long as this object.
  [[nodiscard]] Result<const MetadataPage*> page_at(uint64_t table_offset, TableUse& use) {
    ++use.lookups;
    const MetadataPage* page = slots_[table_offset / log_sector_length].load(std::memory_order_acquire);
    if (page != nullptr) [[likely]]
      return page;
    return load(table_offset / log_sector_length, use);
  }

  // The same page, to be changed. The caller notes that it is dirty.
  [[nodiscard]] Result<MetadataPage*> page_to_change(uint64_t table_offset, TableUse& use);

  // Memory the loaded pages take, in bytes.
  [[nodiscard]] uint64_t memory_bytes() const { return loaded_count_.load() * sizeof(MetadataPage); }

  // Pages read from the file so far: what a cold table costs.
  [[nodiscard]] uint64_t pages_loaded() const { return loaded_count_.load(); }

 private:
  [[nodiscard]] Result<const MetadataPage*> load(uint64_t index, TableUse& use);

  File& file_;
  ByteRange range_;
  std::vector<std::atomic<MetadataPage*>> slots_;
  std::mutex loading_;
  std::atomic<uint64_t> loaded_count_ = 0;
};

}  // namespace vhdlab::vhdx
