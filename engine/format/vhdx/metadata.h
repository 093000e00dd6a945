// What a VHDX file says about its disk: sizes, sectors, identity, and the parent locator of a differencing
// disk. The metadata region holds a table of items at its start and the items themselves from 64 KiB on
// ([MS-VHDX] 2.6).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/error.h"
#include "engine/base/guid.h"
#include "engine/format/vhdx/parent_locator.h"
#include "engine/io/file.h"

namespace vhdlab::vhdx {

struct DiskMetadata {
  uint64_t disk_size_bytes = 0;
  uint32_t block_size_bytes = 0;
  uint32_t logical_sector_size_bytes = 512;
  uint32_t physical_sector_size_bytes = 4096;
  bool leave_blocks_allocated = false;  // a fixed disk: every block is allocated and stays so
  Guid virtual_disk_id;                 // SCSI page 83; the same for all files of a chain
  std::optional<ParentLocator> parent;  // set for a differencing disk

  // Where the items that change after creation stand, as offsets in the file. Filled in by reading.
  uint64_t disk_size_file_offset = 0;
  ByteRange parent_locator_entry;           // its table entry
  ByteRange parent_locator_item;            // its bytes
  uint64_t parent_locator_limit_bytes = 0;  // how long it may grow in place

  [[nodiscard]] bool has_parent() const { return parent.has_value(); }
};

// Reads and checks the whole region; nothing in it is trusted. `region` lies inside the file.
// Faults: every vhdx-metadata-*, vhdx-locator-*, vhdx-block-size, vhdx-disk-size, vhdx-sector-size.
[[nodiscard]] Result<DiskMetadata> read_metadata(File& file, ByteRange region);

// The first bytes of a region that holds `metadata`, to be written at the region's start; the rest of the
// region is zeros. The parent locator comes last so that it can grow. Faults: vhdx-locator-too-long,
// utf8-malformed.
[[nodiscard]] Result<std::vector<std::byte>> serialize_metadata(const DiskMetadata& metadata);

// Checks the numbers themselves, whether they come from a file or from a caller; `where` begins the message.
[[nodiscard]] Result<void> check_disk_numbers(std::string_view where, const DiskMetadata& metadata);

}  // namespace vhdlab::vhdx
