// Finds the regions of a file: the block allocation table and the metadata region. Two copies of the table
// lie at 192 and 256 KiB; the first intact one counts. A region that is marked required and unknown means a
// newer format: refuse ([MS-VHDX] 2.2.3).
#pragma once

#include <cstdint>

#include "engine/base/bytes.h"
#include "engine/base/error.h"
#include "engine/io/file.h"

namespace vhdlab::vhdx {

struct Regions {
  ByteRange bat;
  ByteRange metadata;
};

// Faults: vhdx-no-valid-region-table and every other vhdx-region-*.
[[nodiscard]] Result<Regions> read_region_table(File& file, uint64_t file_size_bytes);

// Writes both copies. Not durable until the file is flushed.
[[nodiscard]] Result<void> write_region_tables(File& file, const Regions& regions);

}  // namespace vhdlab::vhdx
