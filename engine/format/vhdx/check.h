// Looks at everything in one VHDX file but its payload, and tells all that is wrong with it. Opening stops at
// the first fault and passes over what does no harm; a check goes on behind a fault wherever what follows can
// still be made sense of, and never writes.
//
//   identifier ─► headers ─► log (replayed in memory) ─► region tables ─► metadata ─► BAT ─► sector bitmaps
//
// Hostile files cost bounded effort: memory is one bit per MiB of the file up to 1 PiB plus what one log
// holds; time is one pass over the tables, two where blocks overlap.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/error.h"
#include "engine/format/vhdx/check_findings.h"
#include "engine/format/vhdx/header.h"
#include "engine/format/vhdx/log.h"
#include "engine/format/vhdx/metadata.h"
#include "engine/format/vhdx/region_table.h"
#include "engine/io/file.h"

namespace vhdlab::vhdx {

// Space past this is not looked at: sixteen times the largest disk.
inline constexpr uint64_t file_size_checked_max = 1024 * tib;

// A run of bits to be cleared in the sector bitmap block at `bitmap_offset`.
struct ClearBits {
  uint64_t bitmap_offset = 0;  // in the file
  uint64_t first_bit = 0;
  uint64_t bit_count = 0;
};

// What the file was understood to be, as far as that went: for repair and for chains.
struct CheckedState {
  uint64_t file_size_bytes = 0;
  std::optional<CurrentHeader> header;
  std::array<bool, 2> is_header_intact = {};
  std::array<bool, 2> is_region_table_intact = {};
  bool is_supported = true;        // no structure is of a version or kind beyond this program
  bool is_log_settled = false;     // the log is empty, or can be replayed
  LogReplay replay;                // what replaying does; empty for an empty log
  std::optional<Regions> regions;  // with the log replayed, as is everything below
  std::optional<DiskMetadata> metadata;
  std::vector<ClearBits> stale_bits;  // no reader looks at them
  // The file ends before its blocks do, and every byte that is missing is one nobody reads: how long the
  // file must be.
  std::optional<uint64_t> lost_tail_end;
};

struct CheckReport {
  std::vector<Finding> findings;                        // worst first, else in the order of the structures
  std::map<std::string, uint64_t, std::less<>> counts;  // by name, with what `findings` leaves out
  // Whether every structure could be looked at. False: damage hides what lies behind it.
  bool is_complete = false;
  CheckedState state;

  [[nodiscard]] bool has(Severity severity) const;
  [[nodiscard]] uint64_t count_of(std::string_view name) const;
};

// Faults: those of reading the file, never of what it holds.
[[nodiscard]] Result<CheckReport> check_image(File& file);

}  // namespace vhdlab::vhdx
