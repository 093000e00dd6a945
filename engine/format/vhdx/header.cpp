// Header selection and update; the rules are in header.h.
#include "engine/format/vhdx/header.h"

#include <optional>

#include <fmt/format.h>

#include "engine/format/vhdx/checksum.h"
#include "engine/format/vhdx/faults.h"

namespace vhdlab::vhdx {
namespace {

bool is_intact(const Header& header) {
  return header.signature == Header::expected_signature && header.checksum == checksum_of(header);
}

Result<void> check_supported(const File& file, const Header& header, uint64_t file_size_bytes) {
  if (header.version != Header::supported_version) {
    return fault_in(
        file.name(), Fault::header_version,
        fmt::format("found version {}, expected {}", uint16_t{header.version}, Header::supported_version));
  }
  const bool log_in_use = !header.log_guid.is_zero();
  if (log_in_use && header.log_version != Header::supported_log_version) {
    return fault_in(file.name(), Fault::log_version,
                    fmt::format("found version {}, expected {}", uint16_t{header.log_version},
                                Header::supported_log_version));
  }
  const uint64_t log_offset = header.log_offset;
  const uint64_t log_length = header.log_length;
  const bool on_grid = log_offset % placement_unit == 0 && log_length % placement_unit == 0;
  const bool outside = log_offset < header_section_length || log_offset > file_size_bytes ||
                       log_length > file_size_bytes - log_offset;
  if (log_length != 0 && (!on_grid || outside)) {
    return fault_in(
        file.name(), Fault::header_log_placement,
        fmt::format(
            "offset {:#x}, length {:#x}; expected whole MiB from 1 MiB on, inside the file's {:#x} bytes",
            log_offset, log_length, file_size_bytes));
  }
  return {};
}

}  // namespace

Result<CurrentHeader> read_current_header(File& file, uint64_t file_size_bytes) {
  std::optional<CurrentHeader> current;
  for (size_t slot = 0; slot < header_offsets.size(); ++slot) {
    Header header;
    if (header_offsets[slot] + sizeof(header) > file_size_bytes) break;
    TRY(file.read(header_offsets[slot], std::as_writable_bytes(std::span(&header, 1))));
    if (!is_intact(header)) continue;
    if (!current || header.sequence_number > current->fields.sequence_number)
      current = CurrentHeader{header, slot};
  }
  if (!current) {
    return fault_in(file.name(), Fault::no_valid_header,
                    "looked for 'head' and a matching checksum at 64 KiB and 128 KiB");
  }
  TRY(check_supported(file, current->fields, file_size_bytes));
  return *current;
}

Result<void> write_next_header(File& file, CurrentHeader& header) {
  Header next = header.fields;
  next.sequence_number = next.sequence_number + 1;
  next.checksum = checksum_of(next);
  const size_t slot = 1 - header.slot;
  TRY(file.write(header_offsets[slot], std::as_bytes(std::span(&next, 1))));
  TRY(file.flush());
  header = CurrentHeader{next, slot};
  return {};
}

}  // namespace vhdlab::vhdx
