// Region table reading and writing; the rules are in region_table.h and [MS-VHDX] 2.2.3.
#include "engine/format/vhdx/region_table.h"

#include <cstring>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "engine/format/vhdx/checksum.h"
#include "engine/format/vhdx/faults.h"
#include "engine/format/vhdx/layout.h"

namespace vhdlab::vhdx {
namespace {

using Table = std::vector<std::byte>;

template <typename Structure>
Structure read_at(Bytes bytes, size_t offset) {
  Structure structure;
  std::memcpy(&structure, bytes.data() + offset, sizeof(structure));
  return structure;
}

Result<Table> read_first_intact_table(File& file, uint64_t file_size_bytes) {
  for (uint64_t offset : region_table_offsets) {
    if (offset + region_table_length > file_size_bytes) break;
    Table table(region_table_length);
    TRY(file.read(offset, table));
    const auto header = read_at<RegionTableHeader>(table, 0);
    if (header.signature == RegionTableHeader::expected_signature &&
        header.checksum == checksum_of(Bytes(table))) {
      return table;
    }
  }
  return fault_in(file.name(), Fault::no_valid_region_table,
                  "looked for 'regi' and a matching checksum at 192 KiB and 256 KiB");
}

Result<void> check_placement(const File& file, const RegionTableEntry& entry, uint64_t file_size_bytes) {
  const uint64_t offset = entry.file_offset;
  const uint64_t length = entry.length;
  const bool on_grid = offset % placement_unit == 0 && length % placement_unit == 0 && length != 0;
  const bool outside =
      offset < header_section_length || offset > file_size_bytes || length > file_size_bytes - offset;
  if (!on_grid || outside) {
    return fault_in(
        file.name(), Fault::region_placement,
        fmt::format("region {} at {:#x}, length {:#x}; expected whole MiB from 1 MiB on, inside the file's "
                    "{:#x} bytes",
                    entry.id.to_lower(), offset, length, file_size_bytes));
  }
  return {};
}

bool overlap(ByteRange a, ByteRange b) {
  return a.offset < b.end() && b.offset < a.end();
}

}  // namespace

Result<Regions> read_region_table(File& file, uint64_t file_size_bytes) {
  const Table table = TRY(read_first_intact_table(file, file_size_bytes));
  const uint32_t count = read_at<RegionTableHeader>(table, 0).entry_count;
  if (count > RegionTableHeader::entry_count_max) {
    return fault_in(file.name(), Fault::region_table_count,
                    fmt::format("found {}, expected at most {}", count, RegionTableHeader::entry_count_max));
  }

  std::optional<ByteRange> bat;
  std::optional<ByteRange> metadata;
  for (uint32_t i = 0; i < count; ++i) {
    const auto entry =
        read_at<RegionTableEntry>(table, sizeof(RegionTableHeader) + i * sizeof(RegionTableEntry));
    std::optional<ByteRange>* region = entry.id == bat_region_id        ? &bat
                                       : entry.id == metadata_region_id ? &metadata
                                                                        : nullptr;
    if (region == nullptr) {
      if ((entry.required & 1) == 0) continue;
      return fault_in(file.name(), Fault::region_unknown_required,
                      fmt::format("region {}", entry.id.to_lower()));
    }
    if (region->has_value()) {
      return fault_in(file.name(), Fault::region_duplicate, fmt::format("region {}", entry.id.to_lower()));
    }
    TRY(check_placement(file, entry, file_size_bytes));
    *region = ByteRange{entry.file_offset, entry.length};
  }
  if (!bat || !metadata) {
    return fault_in(file.name(), Fault::region_missing,
                    !bat ? "no block allocation table region" : "no metadata region");
  }
  if (overlap(*bat, *metadata)) {
    return fault_in(
        file.name(), Fault::region_overlap,
        fmt::format("block allocation table at {:#x}, length {:#x}; metadata at {:#x}, length {:#x}",
                    bat->offset, bat->length, metadata->offset, metadata->length));
  }
  return Regions{*bat, *metadata};
}

Result<void> write_region_tables(File& file, const Regions& regions) {
  Table table(region_table_length);
  auto put = [&](size_t offset, const auto& structure) {
    std::memcpy(table.data() + offset, &structure, sizeof(structure));
  };
  RegionTableHeader header{
      .signature = RegionTableHeader::expected_signature, .checksum = 0, .entry_count = 2, .reserved = 0};
  put(sizeof(RegionTableHeader),
      RegionTableEntry{bat_region_id, regions.bat.offset, static_cast<uint32_t>(regions.bat.length), 1});
  put(sizeof(RegionTableHeader) + sizeof(RegionTableEntry),
      RegionTableEntry{metadata_region_id, regions.metadata.offset,
                       static_cast<uint32_t>(regions.metadata.length), 1});
  put(0, header);
  header.checksum = checksum_of(Bytes(table));
  put(0, header);
  for (uint64_t offset : region_table_offsets)
    TRY(file.write(offset, table));
  return {};
}

}  // namespace vhdlab::vhdx
