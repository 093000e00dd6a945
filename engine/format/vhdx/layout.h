// The structures of a VHDX file, byte for byte, as [MS-VHDX] 2.1 - 2.6 lays them out. Declarations only: what
// they mean and which values are legal is the business of the file named after each structure.
//
//     0 KiB  file identifier                             from 1 MiB on, in whole MiB and any order:
//    64 KiB  header 1         128 KiB  header 2          log, metadata region, block allocation table,
//   192 KiB  region table 1   256 KiB  region table 2    payload blocks, sector bitmap blocks
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "engine/base/bytes.h"
#include "engine/base/endian.h"
#include "engine/base/guid.h"

namespace vhdlab::vhdx {

// A four- or eight-letter signature as the little-endian integer it is on disk.
template <size_t size>
consteval uint64_t letters(const char (&text)[size]) {
  uint64_t value = 0;
  for (size_t i = 0; i + 1 < size; ++i)
    value |= static_cast<uint64_t>(static_cast<uint8_t>(text[i])) << (8 * i);
  return value;
}

// ---- Header section, 2.2 ----

inline constexpr uint64_t header_section_length = 1 * mib;
inline constexpr std::array<uint64_t, 2> header_offsets = {64 * kib, 128 * kib};
inline constexpr std::array<uint64_t, 2> region_table_offsets = {192 * kib, 256 * kib};
inline constexpr uint64_t region_table_length = 64 * kib;
inline constexpr uint64_t placement_unit = 1 * mib;  // 2.1: regions and blocks lie at multiples of this

struct FileIdentifier {  // 2.2.1
  static constexpr uint64_t expected_signature = letters("vhdxfile");
  le64 signature;
  std::array<le16, 256> creator;  // UTF-16, for people only
};
static_assert(sizeof(FileIdentifier) == 520);

struct Header {  // 2.2.2
  static constexpr uint32_t expected_signature = letters("head");
  static constexpr uint16_t supported_version = 1;
  static constexpr uint16_t supported_log_version = 0;
  le32 signature;
  le32 checksum;  // CRC-32C of the 4 KiB with this field zero
  le64 sequence_number;
  Guid file_write_guid;
  Guid data_write_guid;
  Guid log_guid;
  le16 log_version;
  le16 version;
  le32 log_length;
  le64 log_offset;
  std::array<std::byte, 4016> reserved;
};
static_assert(sizeof(Header) == 4096);
static_assert(offsetof(Header, file_write_guid) == 16 && offsetof(Header, log_offset) == 72);

struct RegionTableHeader {  // 2.2.3.1
  static constexpr uint32_t expected_signature = letters("regi");
  static constexpr uint32_t entry_count_max = 2047;
  le32 signature;
  le32 checksum;  // CRC-32C of the 64 KiB with this field zero
  le32 entry_count;
  le32 reserved;
};
static_assert(sizeof(RegionTableHeader) == 16);

struct RegionTableEntry {  // 2.2.3.2
  Guid id;
  le64 file_offset;
  le32 length;
  le32 required;  // bit 0
};
static_assert(sizeof(RegionTableEntry) == 32);

inline constexpr Guid bat_region_id = Guid::literal("2DC27766-F623-4200-9D64-115E9BFD4A08");
inline constexpr Guid metadata_region_id = Guid::literal("8B7CA206-4790-4B9A-B8FE-575F050F886E");

// ---- Log, 2.3 ----

inline constexpr uint64_t log_sector_length = 4 * kib;

struct LogEntryHeader {  // 2.3.1.1
  static constexpr uint32_t expected_signature = letters("loge");
  le32 signature;
  le32 checksum;  // CRC-32C of the whole entry with this field zero
  le32 entry_length;
  le32 tail;  // offset in the log of the oldest entry that replay needs
  le64 sequence_number;
  le32 descriptor_count;
  le32 reserved;
  Guid log_guid;
  le64 flushed_file_offset;  // the file was durable up to here when the entry was written
  le64 last_file_offset;     // and must be at least this long after replay
};
static_assert(sizeof(LogEntryHeader) == 64);

struct LogZeroDescriptor {  // 2.3.1.2
  static constexpr uint32_t expected_signature = letters("zero");
  le32 signature;
  le32 reserved;
  le64 zero_length;
  le64 file_offset;
  le64 sequence_number;
};
static_assert(sizeof(LogZeroDescriptor) == 32);

struct LogDataDescriptor {  // 2.3.1.3
  static constexpr uint32_t expected_signature = letters("desc");
  le32 signature;
  std::array<std::byte, 4> trailing_bytes;  // the last 4 bytes of the target sector
  std::array<std::byte, 8> leading_bytes;   // and its first 8
  le64 file_offset;
  le64 sequence_number;
};
static_assert(sizeof(LogDataDescriptor) == 32);

struct LogDataSector {  // 2.3.1.4
  static constexpr uint32_t expected_signature = letters("data");
  le32 signature;
  le32 sequence_high;
  std::array<std::byte, 4084> data;
  le32 sequence_low;
};
static_assert(sizeof(LogDataSector) == log_sector_length);

// ---- Metadata region, 2.6 ----

inline constexpr uint32_t metadata_items_offset_min = 64 * kib;

struct MetadataTableHeader {  // 2.6.1.1
  static constexpr uint64_t expected_signature = letters("metadata");
  static constexpr uint16_t entry_count_max = 2047;
  le64 signature;
  le16 reserved;
  le16 entry_count;
  std::array<std::byte, 20> reserved2;
};
static_assert(sizeof(MetadataTableHeader) == 32);

struct MetadataTableEntry {  // 2.6.1.2
  static constexpr uint32_t is_user = 1;
  static constexpr uint32_t is_virtual_disk = 2;
  static constexpr uint32_t is_required = 4;
  Guid item_id;
  le32 offset;  // from the start of the metadata region
  le32 length;
  le32 flags;
  le32 reserved;
};
static_assert(sizeof(MetadataTableEntry) == 32);

inline constexpr Guid file_parameters_id = Guid::literal("CAA16737-FA36-4D43-B3B6-33F0AA44E76B");
inline constexpr Guid virtual_disk_size_id = Guid::literal("2FA54224-CD1B-4876-B211-5DBED83BF4B8");
inline constexpr Guid virtual_disk_id_id = Guid::literal("BECA12AB-B2E6-4523-93EF-C309E000C746");
inline constexpr Guid logical_sector_size_id = Guid::literal("8141BF1D-A96F-4709-BA47-F233A8FAAB5F");
inline constexpr Guid physical_sector_size_id = Guid::literal("CDA348C7-445D-4471-9CC9-E9885251C556");
inline constexpr Guid parent_locator_id = Guid::literal("A8D35F2D-B30B-454D-ABF7-D3D84834AB0C");

struct FileParameters {  // 2.6.2.1
  static constexpr uint32_t leave_blocks_allocated = 1;
  static constexpr uint32_t has_parent = 2;
  le32 block_size;
  le32 flags;
};
static_assert(sizeof(FileParameters) == 8);

struct ParentLocatorHeader {  // 2.6.2.6.1
  // 2.6.2.6.3
  static constexpr Guid vhdx_type = Guid::literal("B04AEFB7-D19E-4A81-B789-25B8E9445913");
  Guid type;
  le16 reserved;
  le16 entry_count;
};
static_assert(sizeof(ParentLocatorHeader) == 20);

struct ParentLocatorEntry {  // 2.6.2.6.2
  le32 key_offset;           // both offsets from the start of the locator
  le32 value_offset;
  le16 key_length;  // both lengths in bytes, text not terminated
  le16 value_length;
};
static_assert(sizeof(ParentLocatorEntry) == 12);

// ---- Limits, 2.6.2 ----

inline constexpr uint32_t block_size_min_bytes = 1 * mib;
inline constexpr uint32_t block_size_max_bytes = 256 * mib;
inline constexpr uint64_t disk_size_max_bytes = 64 * tib;
// What Hyper-V creates; smaller images are read, not made.
inline constexpr uint64_t disk_size_min_bytes = 3 * mib;
inline constexpr uint64_t bitmap_block_length = 1 * mib;          // 2.4
inline constexpr uint64_t sectors_per_chunk = uint64_t{1} << 23;  // one bitmap block's bits, 2.4

}  // namespace vhdlab::vhdx
