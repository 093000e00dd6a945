// The table behind faults.h. A test checks that it names every enumerator once, in order.
#include "engine/format/vhdx/faults.h"

#include <array>

#include <fmt/format.h>

namespace vhdlab::vhdx {
namespace {

using enum Fault;
using enum ErrorKind;

constexpr auto fault_table = std::to_array<FaultInfo>({
    {not_a_vhdx, "vhdx-not-a-vhdx", "the file does not begin with 'vhdxfile'", damaged},
    {file_too_short, "vhdx-file-too-short", "the file ends before a structure it must hold", damaged},
    {no_valid_header, "vhdx-no-valid-header", "neither of the two headers is intact", damaged},
    {header_version, "vhdx-header-version", "the header is of a version this program does not know",
     unsupported},
    {header_log_placement, "vhdx-header-log-placement", "the header places the log where no log can be",
     damaged},
    {no_valid_region_table, "vhdx-no-valid-region-table", "neither of the two region tables is intact",
     damaged},
    {region_table_count, "vhdx-region-table-count", "the region table claims more entries than it can hold",
     damaged},
    {region_unknown_required, "vhdx-region-unknown-required", "a region that must be understood is not",
     unsupported},
    {region_duplicate, "vhdx-region-duplicate", "the region table lists one region twice", damaged},
    {region_missing, "vhdx-region-missing", "the region table lacks a region every file has", damaged},
    {region_placement, "vhdx-region-placement", "a region lies off the grid or outside the file", damaged},
    {region_overlap, "vhdx-region-overlap", "two regions share bytes", damaged},
    {Fault::log_version, "vhdx-log-version", "the log is of a version this program does not know",
     unsupported},
    {log_no_active_sequence, "vhdx-log-no-active-sequence",
     "the log must be replayed, and holds nothing whole", damaged},
    {log_file_truncated, "vhdx-log-file-truncated", "the file is shorter than its log says it was", damaged},
    {log_descriptor, "vhdx-log-descriptor", "a log entry with a good checksum describes an impossible write",
     damaged},
    {metadata_signature, "vhdx-metadata-signature", "the metadata region does not begin with its signature",
     damaged},
    {metadata_count, "vhdx-metadata-count", "the metadata table claims more entries than it can hold",
     damaged},
    {metadata_item_placement, "vhdx-metadata-item-placement", "a metadata item lies outside its region",
     damaged},
    {metadata_item_duplicate, "vhdx-metadata-item-duplicate", "the metadata table lists one item twice",
     damaged},
    {metadata_item_missing, "vhdx-metadata-item-missing", "the metadata lacks an item every disk has",
     damaged},
    {metadata_item_unknown_required, "vhdx-metadata-item-unknown-required",
     "a metadata item that must be understood is not", unsupported},
    {metadata_item_length, "vhdx-metadata-item-length", "a metadata item is of the wrong length", damaged},
    {block_size_illegal, "vhdx-block-size", "the block size is not a power of two from 1 to 256 MiB",
     damaged},
    {disk_size_illegal, "vhdx-disk-size", "the disk size is zero, over 64 TiB or not whole sectors", damaged},
    {sector_size_illegal, "vhdx-sector-size", "the sector size is neither 512 nor 4096", damaged},
    {locator_malformed, "vhdx-locator-malformed", "the parent locator points outside itself or holds no text",
     damaged},
    {locator_type, "vhdx-locator-type", "the parent locator is not of the VHDX type", unsupported},
    {locator_missing_linkage, "vhdx-locator-missing-linkage", "the parent locator does not name its parent",
     damaged},
    {locator_too_long, "vhdx-locator-too-long", "the parent's path does not fit the parent locator",
     invalid_argument},
    {bat_too_small, "vhdx-bat-too-small", "the block allocation table is too short for the disk", damaged},
    {block_state_illegal, "vhdx-block-state", "a block is in a state that does not exist", damaged},
    {block_placement, "vhdx-block-placement", "a block lies in the first MiB or past the end of the file",
     damaged},
    {block_overlap, "vhdx-block-overlap", "a block shares bytes with another block or a region", damaged},
    {block_zero_with_offset, "vhdx-block-zero-with-offset",
     "a zero block claims space; Windows refuses such files", damaged},
    {block_partial_without_parent, "vhdx-block-partial-without-parent",
     "a block is partly present in a disk that has no parent for the rest", damaged},
    {block_partial_without_bitmap, "vhdx-block-partial-without-bitmap",
     "a block is partly present and no bitmap says which part", damaged},
    {bitmap_state_illegal, "vhdx-bitmap-state", "a sector bitmap block is in a state that does not exist",
     damaged},
});

}  // namespace

std::span<const FaultInfo> all_faults() {
  return fault_table;
}

const FaultInfo& fault_info(Fault fault) {
  return fault_table[static_cast<size_t>(fault)];
}

std::unexpected<Error> fault_in(std::string_view file, Fault fault, std::string particulars,
                                std::string hint) {
  const FaultInfo& info = fault_info(fault);
  if (hint.empty() && info.kind == ErrorKind::damaged) hint = "restore this file from a backup";
  if (hint.empty() && info.kind == ErrorKind::unsupported) hint = "the file needs a newer program";
  return failure(info.kind, info.name, fmt::format("{}: {}: {}", file, info.meaning, particulars),
                 std::move(hint));
}

}  // namespace vhdlab::vhdx
