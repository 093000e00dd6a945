// The check's look at both region tables: whether each is intact, what it lists, and whether they agree.
#include <algorithm>

#include <fmt/format.h>

#include "engine/format/vhdx/check_parts.h"
#include "engine/format/vhdx/checksum.h"
#include "engine/format/vhdx/layout.h"

namespace vhdlab::vhdx {
namespace {

using Particulars = FindingCollector::Particulars;

using RegionTable = std::vector<std::byte>;

struct RegionTableCopy {
  RegionTable bytes;
  std::string trouble;  // why the copy is not intact; empty where it is
};

std::string region_table_name(size_t slot) {
  return fmt::format("region table {}", slot + 1);
}

Result<RegionTableCopy> read_region_table(CheckedFile& file, size_t slot) {
  RegionTableCopy copy{RegionTable(region_table_length), {}};
  if (!file.holds({region_table_offsets[slot], region_table_length})) {
    copy.trouble = "the file ends before it";
    return copy;
  }
  TRY(file.read(region_table_offsets[slot], copy.bytes));
  const auto header = read_at<RegionTableHeader>(copy.bytes, 0);
  const uint32_t expected = checksum_of(Bytes(copy.bytes));
  if (header.signature != RegionTableHeader::expected_signature) {
    copy.trouble = fmt::format("signature {:#010x}", uint32_t{header.signature});
  } else if (header.checksum != expected) {
    copy.trouble =
        fmt::format("checksum {:#010x}, its bytes give {:#010x}", uint32_t{header.checksum}, expected);
  }
  return copy;
}

// One known region, as far as the table places it.
struct RegionClaim {
  Guid id;
  std::string_view name;
  std::optional<ByteRange> range;
  bool is_usable = false;  // begins where a region may; its end may lie past the file's
};

void check_region_entry(const CheckedFile& file, const RegionTableEntry& entry, uint64_t entry_offset,
                        RegionClaim& claim, FindingCollector& findings) {
  const std::string where = fmt::format("region '{}'", claim.name);
  if (claim.range) {
    findings.add(Fault::region_duplicate, [&] {
      return Particulars{.where = where,
                         .file_offset = entry_offset,
                         .found = fmt::format("a second entry, at {:#x}", uint64_t{entry.file_offset}),
                         .expected = "one entry"};
    });
    return;
  }
  const ByteRange range{entry.file_offset, entry.length};
  claim.range = range;
  claim.is_usable = on_grid(range) && !range.empty() && range.offset >= header_section_length &&
                    range.offset < file.size_bytes();
  if (!claim.is_usable || !file.holds(range)) {
    findings.add(Fault::region_placement, [&] {
      return Particulars{.where = where,
                         .file_offset = entry_offset,
                         .found = fmt::format("offset {:#x}, length {:#x}", range.offset, range.length),
                         .expected = fmt::format("whole MiB from 1 MiB on, inside the file's {:#x} bytes",
                                                 file.size_bytes())};
    });
  }
}

void check_region_overlaps(std::span<const RegionClaim> claims, const CheckedState& state,
                           FindingCollector& findings) {
  std::vector<std::pair<std::string_view, ByteRange>> ranges;
  if (state.header && state.header->fields.log_length != 0)
    ranges.push_back({"log", {state.header->fields.log_offset, state.header->fields.log_length}});
  for (const RegionClaim& claim : claims) {
    if (claim.is_usable) ranges.push_back({claim.name, *claim.range});
  }
  for (size_t a = 0; a < ranges.size(); ++a) {
    for (size_t b = a + 1; b < ranges.size(); ++b) {
      const auto& [first, x] = ranges[a];
      const auto& [second, y] = ranges[b];
      // Differences, so that no sum of untrusted numbers can wrap.
      const bool overlap =
          x.offset < y.offset ? y.offset - x.offset < x.length : x.offset - y.offset < y.length;
      if (!overlap) continue;
      findings.add(Fault::region_overlap, [&] {
        return Particulars{.where = fmt::format("regions '{}' and '{}'", first, second),
                           .file_offset = std::max(x.offset, y.offset),
                           .found = fmt::format("{:#x} long at {:#x}, and {:#x} long at {:#x}", x.length,
                                                x.offset, y.length, y.offset),
                           .expected = "bytes of their own"};
      });
    }
  }
}

// How many entries of the table to look at: as many as it claims to have, and as can be.
uint32_t checked_entry_count(const RegionTableHeader& header, size_t slot, FindingCollector& findings) {
  if (header.entry_count <= RegionTableHeader::entry_count_max) return header.entry_count;
  findings.add(Fault::region_table_count, [&] {
    return Particulars{.where = region_table_name(slot),
                       .file_offset = region_table_offsets[slot] + offsetof(RegionTableHeader, entry_count),
                       .found = fmt::format("{} entries", uint32_t{header.entry_count}),
                       .expected = fmt::format("at most {}", RegionTableHeader::entry_count_max)};
  });
  return RegionTableHeader::entry_count_max;
}

// A region nobody here knows: a remark, or, where the file cannot be used without it, a fault.
void check_unknown_entry(const RegionTableEntry& entry, uint64_t entry_offset, size_t slot,
                         CheckedState& state, FindingCollector& findings) {
  const auto particulars = [&] {
    return Particulars{.where = region_table_name(slot),
                       .file_offset = entry_offset,
                       .found = "region " + entry.id.to_lower()};
  };
  if ((entry.required & 1) != 0) {
    state.is_supported = false;
    findings.add(Fault::region_unknown_required, particulars);
  } else if (!entry.id.is_zero()) {
    findings.add(Oddity::region_unknown, particulars);
  }
}

void check_missing_regions(std::span<const RegionClaim> claims, size_t slot, FindingCollector& findings) {
  for (const RegionClaim& claim : claims) {
    if (claim.range) continue;
    findings.add(Fault::region_missing, [&] {
      return Particulars{.where = region_table_name(slot),
                         .file_offset = region_table_offsets[slot],
                         .found = fmt::format("no region '{}' ({})", claim.name, claim.id.to_lower())};
    });
  }
}

// Reserved are a field of the header, and all behind the entries in use.
void check_reserved_bytes(const RegionTable& table, const RegionTableHeader& header, uint32_t entry_count,
                          size_t slot, FindingCollector& findings) {
  const size_t used = sizeof(RegionTableHeader) + entry_count * sizeof(RegionTableEntry);
  if (header.reserved == 0 && all_zero(Bytes(table).subspan(used))) return;
  findings.add(Oddity::reserved_not_zero, [&] {
    return Particulars{.where = region_table_name(slot),
                       .file_offset = region_table_offsets[slot] + used,
                       .found = "bytes that are not zero",
                       .expected = "zeros"};
  });
}

// What an intact table lists; sets state.regions where both regions a disk needs can be used.
void check_region_entries(const CheckedFile& file, const RegionTable& table, size_t slot, CheckedState& state,
                          FindingCollector& findings) {
  const auto header = read_at<RegionTableHeader>(table, 0);
  const uint32_t count = checked_entry_count(header, slot, findings);
  std::array<RegionClaim, 2> claims = {RegionClaim{bat_region_id, "block allocation table"},
                                       RegionClaim{metadata_region_id, "metadata"}};
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t at = sizeof(RegionTableHeader) + i * sizeof(RegionTableEntry);
    const auto entry = read_at<RegionTableEntry>(table, at);
    const auto claim = std::ranges::find(claims, entry.id, &RegionClaim::id);
    if (claim != claims.end()) {
      check_region_entry(file, entry, region_table_offsets[slot] + at, *claim, findings);
    } else {
      check_unknown_entry(entry, region_table_offsets[slot] + at, slot, state, findings);
    }
  }
  check_missing_regions(claims, slot, findings);
  check_reserved_bytes(table, header, count, slot, findings);
  check_region_overlaps(claims, state, findings);
  if (claims[0].is_usable && claims[1].is_usable)
    state.regions = Regions{.bat = *claims[0].range, .metadata = *claims[1].range};
}

}  // namespace

Result<void> check_region_tables(CheckedFile& file, CheckedState& state, FindingCollector& findings) {
  const std::array<RegionTableCopy, 2> copies = {TRY(read_region_table(file, 0)),
                                                 TRY(read_region_table(file, 1))};
  for (size_t slot = 0; slot < copies.size(); ++slot)
    state.is_region_table_intact[slot] = copies[slot].trouble.empty();
  const auto [first_intact, second_intact] = state.is_region_table_intact;
  if (!first_intact && !second_intact) {
    findings.add(Fault::no_valid_region_table, [&] {
      return Particulars{.where = "region tables 1 and 2",
                         .file_offset = region_table_offsets[0],
                         .found = fmt::format("{}; {}", copies[0].trouble, copies[1].trouble),
                         .expected = "'regi' and a matching checksum in one of them"};
    });
    return {};
  }
  if (first_intact && second_intact && copies[0].bytes != copies[1].bytes) {
    const auto differing =
        std::ranges::mismatch(copies[0].bytes, copies[1].bytes).in1 - copies[0].bytes.begin();
    findings.add(Oddity::region_tables_differ, [&] {
      return Particulars{.where = region_table_name(1),
                         .file_offset = region_table_offsets[1] + static_cast<uint64_t>(differing),
                         .found = fmt::format("the first difference at byte {:#x} of the table", differing),
                         .expected = "the same bytes as region table 1"};
    });
  }
  for (size_t slot = 0; slot < copies.size(); ++slot) {
    if (copies[slot].trouble.empty()) continue;
    findings.add(Oddity::region_table_torn, [&] {
      return Particulars{.where = region_table_name(slot),
                         .file_offset = region_table_offsets[slot],
                         .found = copies[slot].trouble,
                         .expected = "'regi' and a matching checksum"};
    });
  }
  const size_t current = first_intact ? 0 : 1;
  check_region_entries(file, copies[current].bytes, current, state, findings);
  return {};
}

}  // namespace vhdlab::vhdx
