// Chooses and replaces the current header. Two copies lie at 64 and 128 KiB; the intact one with the higher
// sequence number counts. An update writes the other copy with the next number, so that a torn write leaves
// the old one standing ([MS-VHDX] 2.2.2).
#pragma once

#include <cstdint>

#include "engine/base/error.h"
#include "engine/format/vhdx/layout.h"
#include "engine/io/file.h"

namespace vhdlab::vhdx {

struct CurrentHeader {
  Header fields;
  size_t slot = 0;  // which of header_offsets it was read from or last written to
};

// Reads both copies and returns the one that counts; two identical copies are fine (Disk2vhd writes them so).
// Faults: vhdx-no-valid-header, vhdx-header-version, vhdx-log-version, vhdx-header-log-placement.
[[nodiscard]] Result<CurrentHeader> read_current_header(File& file, uint64_t file_size_bytes);

// Writes `header.fields` to the slot that is not current, with the next sequence number and a fresh checksum,
// flushes, and makes it current. Everything the new header refers to must be durable before the call. 2.2.2.1
[[nodiscard]] Result<void> write_next_header(File& file, CurrentHeader& header);

}  // namespace vhdlab::vhdx
