// Formatting a file as a new, empty disk: identifier, metadata, an empty table, region tables, and the
// headers last, so that a file cut short is no VHDX rather than a broken one. Layout as Windows makes it:
//
//   0 header section | 1 MiB log | 2 MiB metadata region | 3 MiB block allocation table | payload
#include <array>
#include <cstring>

#include <fmt/format.h>

#include "engine/base/utf16.h"
#include "engine/format/vhdx/checksum.h"
#include "engine/format/vhdx/faults.h"
#include "engine/format/vhdx/image.h"

namespace vhdlab::vhdx {
namespace {

constexpr ByteRange log_region{1 * mib, 1 * mib};
constexpr ByteRange metadata_region{2 * mib, 1 * mib};
constexpr uint64_t bat_region_offset = 3 * mib;
constexpr std::string_view creator = "vhdlab 0.1";

Result<void> check_request(const File& file, const DiskMetadata& metadata) {
  TRY(check_disk_numbers(file.name(), metadata));
  if (metadata.disk_size_bytes < disk_size_min_bytes) {
    return fault_in(file.name(), Fault::disk_size_illegal,
                    fmt::format("{} bytes asked for, at least {} expected", metadata.disk_size_bytes,
                                disk_size_min_bytes),
                    "choose 3 MiB or more");
  }
  if (metadata.has_parent() && metadata.leave_blocks_allocated) {
    return failure(ErrorKind::invalid_argument, "disk-fixed-with-parent",
                   file.name() + ": a differencing disk cannot be of fixed size");
  }
  return {};
}

Result<void> write_identifier(File& file) {
  FileIdentifier identifier{.signature = FileIdentifier::expected_signature, .creator = {}};
  const auto text = TRY(utf16le_from_utf8(creator));
  std::memcpy(identifier.creator.data(), text.data(), text.size());
  return file.write(0, std::as_bytes(std::span(&identifier, 1)));
}

Result<void> write_header(File& file, size_t slot, Header header) {
  header.sequence_number = slot + 1;
  header.checksum = checksum_of(header);
  return file.write(header_offsets[slot], std::as_bytes(std::span(&header, 1)));
}

// A fixed disk's table: every block present, one behind the other from `payload_offset` on.
Result<void> write_fixed_bat(File& file, const BatGeometry& geometry, uint64_t payload_offset) {
  constexpr uint64_t entries_per_piece = 1 * mib / sizeof(le64);
  std::vector<le64> piece;
  for (uint64_t first = 0; first < geometry.entry_count(); first += entries_per_piece) {
    piece.assign(std::min(entries_per_piece, geometry.entry_count() - first), le64{});
    for (uint64_t i = 0; i < piece.size(); ++i) {
      if (geometry.is_bitmap_entry(first + i)) continue;
      const uint64_t block = number(geometry.block_at(first + i));
      piece[i] =
          BatEntry::make(BlockState::fully_present, payload_offset + block * geometry.block_size_bytes())
              .bits;
    }
    TRY(file.write(bat_region_offset + first * sizeof(le64), std::as_bytes(std::span(piece))));
  }
  return {};
}

}  // namespace

Result<void> Image::create(File& file, const DiskMetadata& metadata, RandomSource& random) {
  TRY(check_request(file, metadata));
  const BatGeometry geometry(metadata);
  const ByteRange bat_region{bat_region_offset,
                             round_up(geometry.entry_count() * sizeof(le64), placement_unit)};
  const uint64_t payload_length =
      metadata.leave_blocks_allocated ? geometry.block_count() * geometry.block_size_bytes() : 0;

  TRY(file.resize(bat_region.end() + payload_length));
  TRY(write_identifier(file));
  TRY(file.write(metadata_region.offset, TRY(serialize_metadata(metadata))));
  if (metadata.leave_blocks_allocated) TRY(write_fixed_bat(file, geometry, bat_region.end()));
  TRY(write_region_tables(file, {.bat = bat_region, .metadata = metadata_region}));
  TRY(file.flush());

  Header header{};
  header.signature = Header::expected_signature;
  header.file_write_guid = Guid::make_random(random);
  header.data_write_guid = Guid::make_random(random);
  header.version = Header::supported_version;
  header.log_version = Header::supported_log_version;
  header.log_length = static_cast<uint32_t>(log_region.length);
  header.log_offset = log_region.offset;
  for (size_t slot = 0; slot < header_offsets.size(); ++slot)
    TRY(write_header(file, slot, header));
  return file.flush();
}

}  // namespace vhdlab::vhdx
