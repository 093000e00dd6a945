// Every way a VHDX file can be wrong, each with a name that stays the same for scripts. The sentence with the
// particulars is written where the fault is found; this table says what the fault means and how bad it is.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "engine/base/error.h"

namespace vhdlab::vhdx {

enum class Fault {
  // File identifier and headers, 2.2
  not_a_vhdx,
  file_too_short,
  no_valid_header,
  header_version,
  header_log_placement,
  // Region table, 2.2.3
  no_valid_region_table,
  region_table_count,
  region_unknown_required,
  region_duplicate,
  region_missing,
  region_placement,
  region_overlap,
  // Log, 2.3
  log_version,
  log_no_active_sequence,
  log_file_truncated,
  log_descriptor,
  // Metadata, 2.6
  metadata_signature,
  metadata_count,
  metadata_item_placement,
  metadata_item_duplicate,
  metadata_item_missing,
  metadata_item_unknown_required,
  metadata_item_length,
  block_size_illegal,
  disk_size_illegal,
  sector_size_illegal,
  // Parent locator, 2.6.2.6
  locator_malformed,
  locator_type,
  locator_missing_linkage,
  locator_too_long,
  // Block allocation table and sector bitmaps, 2.5
  bat_too_small,
  block_state_illegal,
  block_placement,
  block_overlap,
  block_zero_with_offset,
  block_partial_without_parent,
  block_partial_without_bitmap,
  bitmap_state_illegal,
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
