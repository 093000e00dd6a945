// The log: metadata changes are written here, made durable, and only then written in place, so that a cut at
// any moment leaves either the old tables or everything needed to finish the new ones ([MS-VHDX] 2.3).
//
// The log is a ring of 4 KiB sectors. An entry is a header and its descriptors, padded to whole sectors,
// followed by one data sector per data descriptor. Entries that follow each other in the ring with rising
// sequence numbers form a sequence; the newest complete one is active, and its newest entry's tail says where
// replay begins.
//
//   ... | stale | [ entry 41 ][ entry 42, tail -> 41 ] | stale generation with another LogGuid | ...
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/error.h"
#include "engine/base/guid.h"
#include "engine/format/vhdx/layout.h"
#include "engine/io/file.h"

namespace vhdlab::vhdx {

using MetadataPage = std::array<std::byte, log_sector_length>;

// What replaying a log does to a file: pages to write and ranges to zero. A page beats a range that covers
// it.
struct LogReplay {
  std::map<uint64_t, MetadataPage> pages;  // by file offset
  std::vector<ByteRange> zeroed;
  uint64_t file_size_min_bytes = 0;  // the file must be at least this long afterwards
};

// Reads the log that `header` refers to; changes nothing. A header whose LogGuid is zero gives an empty
// replay. Faults: vhdx-log-no-active-sequence, vhdx-log-file-truncated, vhdx-log-descriptor.
[[nodiscard]] Result<LogReplay> read_log(File& file, const Header& header, uint64_t file_size_bytes);

// Performs the replay on the file and flushes it. The caller changes the FileWriteGuid before and clears the
// LogGuid after.
[[nodiscard]] Result<void> apply_replay(File& file, const LogReplay& replay);

// One metadata page on its way to its place in the file.
struct PageWrite {
  uint64_t file_offset = 0;
  MetadataPage page;
};

// Appends entries to the ring. Every entry is its own sequence: its tail is itself, because the caller makes
// an entry's pages durable in place before it appends the next one. One writer at a time; the file must
// outlive it.
class LogWriter {
 public:
  // `first_sequence_number` is positive; Windows starts at a random one.
  LogWriter(File& file, ByteRange ring, const Guid& log_guid, uint64_t first_sequence_number);

  // The most pages one entry may carry: a third of the ring, so that a torn entry cannot reach back into the
  // one before it.
  [[nodiscard]] size_t pages_per_entry_max() const;

  // Writes one entry for `pages` (at most pages_per_entry_max; none is legal and marks the start of a
  // session) and flushes it. `durable_file_size_bytes` is how long the file is, flushed.
  [[nodiscard]] Result<void> append(std::span<const PageWrite> pages, uint64_t durable_file_size_bytes);

 private:
  File& file_;
  ByteRange ring_;
  Guid log_guid_;
  uint64_t next_sequence_number_;
  uint64_t next_offset_ = 0;  // in the ring
};

}  // namespace vhdlab::vhdx
