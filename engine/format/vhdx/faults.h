// Every way a VHDX file can be wrong, each with a name that stays the same for scripts. The sentence with the
// particulars is written where the fault is found; this table says what the fault means and how bad it is.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "engine/base/error.h"

namespace vhdlab::vhdx {

// The numbers are the sections of [MS-VHDX] that a fault goes against.
enum class Fault {
  // File identifier and headers
  not_a_vhdx,            // 2.2.1
  file_too_short,        // 2.2
  no_valid_header,       // 2.2.2
  header_version,        // 2.2.2
  header_log_placement,  // 2.2.2

  // Region table
  no_valid_region_table,    // 2.2.3.1
  region_table_count,       // 2.2.3.1
  region_unknown_required,  // 2.2.3.2, as all that follow
  region_duplicate,
  region_missing,
  region_placement,
  region_overlap,

  // Log
  log_version,             // 2.2.2
  log_no_active_sequence,  // 2.3.2
  log_file_truncated,      // 2.3.3
  log_descriptor,          // 2.3.1.2, 2.3.1.3

  // Metadata
  metadata_signature,              // 2.6.1.1
  metadata_count,                  // 2.6.1.1
  metadata_item_placement,         // 2.6.1.2
  metadata_item_duplicate,         // 2.6.1.2
  metadata_item_missing,           // 2.6.2
  metadata_item_unknown_required,  // 2.6.1.2
  metadata_item_length,            // 2.6.2
  block_size_illegal,              // 2.6.2.1
  disk_size_illegal,               // 2.6.2.2
  sector_size_illegal,             // 2.6.2.4, 2.6.2.5

  // Parent locator
  locator_malformed,        // 2.6.2.6.2
  locator_type,             // 2.6.2.6.1
  locator_missing_linkage,  // 2.6.2.6.3
  locator_too_long,         // none: a path the caller gave

  // Block allocation table and sector bitmaps
  bat_too_small,                 // 2.5
  block_state_illegal,           // 2.5.1.1
  block_placement,               // 2.5.1
  block_overlap,                 // 2.5.1
  block_zero_with_offset,        // 2.5.1.1
  block_partial_without_parent,  // 2.5.1.1
  block_partial_without_bitmap,  // 2.5.1.2
  bitmap_state_illegal,          // 2.5.1.2
};

struct FaultInfo {
  Fault fault;
  std::string_view name;     // "vhdx-block-overlap"
  std::string_view meaning;  // one sentence for a person
  ErrorKind kind;            // damaged, or unsupported where the file is legal and beyond this program
};

// Every fault once, in the order of the enumeration.
[[nodiscard]] std::span<const FaultInfo> all_faults();

[[nodiscard]] const FaultInfo& fault_info(Fault fault);

// An Error for `fault` found in `file`: "file: particulars", with the hint given or the usual one for damage.
[[nodiscard]] std::unexpected<Error> fault_in(std::string_view file, Fault fault, std::string particulars,
                                              std::string hint = {});

}  // namespace vhdlab::vhdx
