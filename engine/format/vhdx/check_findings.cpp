// The table behind check_findings.h. A test checks that it names every enumerator once, in order.
#include "engine/format/vhdx/check_findings.h"

#include <algorithm>
#include <array>

namespace vhdlab::vhdx {
namespace {

using enum Oddity;
using enum Severity;

constexpr auto oddity_table = std::to_array<OddityInfo>({
    {header_torn, "vhdx-header-torn", "one of the two headers is not intact; the other one carries the file",
     risk},
    {header_sequence_equal, "vhdx-header-sequence-equal",
     "two different headers carry the same sequence number: which one counts cannot be told", damage},
    {header_identical, "vhdx-header-identical", "both headers are the same, as Disk2vhd writes them", note},
    {header_sequence_gap, "vhdx-header-sequence-gap",
     "the older header is more than one update behind the current one", note},
    {headers_differ, "vhdx-headers-differ",
     "the two headers disagree: an update was cut short between its two steps", note},
    {identity_zero, "vhdx-identity-zero", "the file's data identity is zero: no child can tell its versions",
     risk},
    {reserved_not_zero, "vhdx-reserved-not-zero", "reserved bytes are not zero", note},
    {log_absent, "vhdx-log-absent", "the file has no log, so no change to it is safe", risk},
    {log_dirty, "vhdx-log-dirty", "the log holds changes that are not in their places yet", risk},
    {log_target_outside, "vhdx-log-target-outside", "a log entry writes past the end it gives the file",
     risk},
    {log_leftover, "vhdx-log-leftover", "whole entries of earlier sessions lie in the log", note},
    {log_torn_entry, "vhdx-log-torn-entry",
     "entries that were cut short or partly overwritten lie in the log", note},
    {log_not_examined, "vhdx-log-not-examined",
     "the log claims so much that examining it was given up: no program writes such a log", damage},
    {region_table_torn, "vhdx-region-table-torn",
     "one of the two region tables is not intact; the other one carries the file", risk},
    {region_tables_differ, "vhdx-region-tables-differ",
     "the two region tables are intact and disagree; the first one counts", risk},
    {region_unknown, "vhdx-region-unknown", "a region that need not be understood is not", note},
    {metadata_flags, "vhdx-metadata-flags", "a metadata item's flags are not those Windows writes", note},
    {metadata_item_unknown, "vhdx-metadata-item-unknown",
     "a metadata item that need not be understood is not", note},
    {metadata_item_overlap, "vhdx-metadata-item-overlap", "two metadata items share bytes", risk},
    {physical_sector_smaller, "vhdx-physical-sector-smaller",
     "the physical sectors are smaller than the logical ones", note},
    {fixed_with_parent, "vhdx-fixed-with-parent", "a differencing disk asks to keep all blocks allocated",
     note},
    {locator_unused, "vhdx-locator-unused", "a parent locator stands in a disk that says it has no parent",
     note},
    {locator_without_path, "vhdx-locator-without-path", "the parent locator does not say where its parent is",
     risk},
    {locator_second_linkage, "vhdx-locator-second-linkage",
     "the parent locator accepts a second identity: a merge below may not have ended", note},
    {bat_larger_than_needed, "vhdx-bat-larger-than-needed",
     "the block allocation table has room for a larger disk", note},
    {bat_slack_not_zero, "vhdx-bat-slack-not-zero",
     "bytes behind the last entry of the block allocation table are not zero", note},
    {bat_reserved_bits, "vhdx-bat-reserved-bits", "a table entry has reserved bits set", note},
    {block_undefined, "vhdx-block-undefined", "a block is in the state whose content the format leaves open",
     note},
    {block_offset_unused, "vhdx-block-offset-unused", "a block that holds no data has a place in the file",
     note},
    {block_past_disk_end, "vhdx-block-past-disk-end",
     "a block past the end of the disk is in use: growing the disk would bring it back", risk},
    {block_missing_in_fixed, "vhdx-block-missing-in-fixed", "a block of a fixed disk is not allocated", note},
    {bitmap_without_parent, "vhdx-bitmap-without-parent",
     "a disk without a parent has a sector bitmap, which nobody reads", note},
    {bitmap_stale, "vhdx-bitmap-stale", "a sector bitmap marks sectors of a block that holds no data", note},
    {bitmap_past_disk_end, "vhdx-bitmap-past-disk-end",
     "a sector bitmap marks sectors past the end of the disk: growing the disk would bring them back", risk},
    {block_partial_empty, "vhdx-block-partial-empty",
     "a block is partly present and none of its sectors is: its space serves nothing", note},
    {space_unused, "vhdx-space-unused", "space inside the file belongs to nothing", note},
    {file_longer_than_needed, "vhdx-file-longer-than-needed",
     "the file goes on behind the last thing it holds", note},
    {file_size_uneven, "vhdx-file-size-uneven", "the file's size is not whole MiB", note},
    {file_beyond_limit, "vhdx-file-beyond-limit",
     "the file is longer than any disk needs; space past the limit was not looked at", risk},
});

}  // namespace

std::string_view name_of(Severity severity) {
  switch (severity) {
    case damage:
      return "damage";
    case risk:
      return "risk";
    case note:
      break;
  }
  return "note";
}

std::span<const OddityInfo> all_oddities() {
  return oddity_table;
}

const OddityInfo& oddity_info(Oddity oddity) {
  return oddity_table[static_cast<size_t>(oddity)];
}

bool FindingCollector::add(const Error& error, Particulars particulars) {
  const auto info = std::ranges::find(all_faults(), error.fault, &FaultInfo::name);
  if (info == all_faults().end()) return false;
  if (!counted(info->name)) return true;
  // "file: meaning: particulars": only the last is news here.
  const size_t meaning = error.message.find(info->meaning);
  const size_t news = meaning == std::string::npos ? 0 : meaning + info->meaning.size() + 2;
  particulars.found = news < error.message.size() ? error.message.substr(news) : error.message;
  keep(info->name, info->meaning, damage, std::move(particulars));
  return true;
}

bool FindingCollector::counted(std::string_view name) {
  auto found = counts_.find(name);
  if (found == counts_.end()) found = counts_.emplace(std::string(name), 0).first;
  return ++found->second <= kept_per_name_max;
}

void FindingCollector::keep(std::string_view name, std::string_view meaning, Severity usual,
                            Particulars particulars) {
  findings_.push_back({.severity = particulars.severity.value_or(usual),
                       .name = std::string(name),
                       .meaning = std::string(meaning),
                       .where = std::move(particulars.where),
                       .file_offset = particulars.file_offset,
                       .found = std::move(particulars.found),
                       .expected = std::move(particulars.expected),
                       .is_repairable = particulars.is_repairable});
}

}  // namespace vhdlab::vhdx
