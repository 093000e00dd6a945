// One VHDX file in memory with tools to make it, use it, and damage it: what every test of the format starts
// from. Structures are edited in place and their checksums mended, so that a test breaks exactly one rule.
//
// Files made here are laid out as engine/format/vhdx/image_create.cpp says: log at 1 MiB, metadata at 2 MiB,
// table at 3 MiB, payload after it.
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/random.h"
#include "engine/format/vhdx/checksum.h"
#include "engine/format/vhdx/image.h"
#include "engine/io/memory_file_system.h"
#include "engine/layer/vhdx_layer.h"

namespace vhdlab::tests {

// The value, where the test cannot go on without it. Throws, which Google Test reports as a failure of the
// test.
template <typename T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().fault + ": " + result.error().text());
  return *std::move(result);
}
inline void must(Result<void> result) {
  if (!result) throw std::runtime_error(result.error().fault + ": " + result.error().text());
}

// The stable name of what went wrong; "" where nothing did.
template <typename T>
std::string fault_of(const Result<T>& result) {
  return result ? "" : result.error().fault;
}

inline std::vector<std::byte> filled(size_t size_bytes, uint8_t value) {
  return std::vector<std::byte>(size_bytes, std::byte{value});
}

template <typename Structure>
Structure get(File& file, uint64_t offset) {
  Structure structure;
  must(file.read(offset, std::as_writable_bytes(std::span(&structure, 1))));
  return structure;
}

template <typename Structure>
void put(File& file, uint64_t offset, const Structure& structure) {
  must(file.write(offset, std::as_bytes(std::span(&structure, 1))));
}

// ---- Guest reads and writes on one image, without a chain ----

inline void write_guest(vhdx::Image& image, uint64_t offset, Bytes data) {
  WritePlan plan;
  must(image.plan_write({offset, data.size()}, plan));
  for (const ByteRange& zeros : plan.zero_fill)
    must(image.file().punch_hole(zeros));
  for (const Placement& placement : plan.data) {
    must(image.file().write(placement.file_offset,
                            data.subspan(placement.virtual_offset - offset, placement.length)));
  }
  must(image.publish(plan));
}

inline void zero_guest(vhdx::Image& image, ByteRange range) {
  WritePlan plan;
  must(image.plan_zero(range, plan));
  for (const ByteRange& zeros : plan.zero_fill)
    must(image.file().punch_hole(zeros));
  must(image.publish(plan));
}

inline constexpr std::byte absent_byte{0xee};  // what read_guest shows where the image asks its parent

inline std::vector<std::byte> read_guest(vhdx::Image& image, ByteRange range) {
  std::vector<Extent> extents;
  must(image.resolve(range, extents));
  std::vector<std::byte> data(range.length, absent_byte);
  for (const Extent& extent : extents) {
    const MutableBytes part = MutableBytes(data).subspan(extent.virtual_offset - range.offset, extent.length);
    if (extent.kind == ExtentKind::zero) std::ranges::fill(part, std::byte{0});
    if (extent.kind == ExtentKind::data) must(image.file().read(extent.file_offset, part));
  }
  return data;
}

// ---- The workbench ----

class ImageWorkbench {
 public:
  static constexpr const char* path = "/disk.vhdx";
  static constexpr uint64_t log_offset = 1 * mib;
  static constexpr uint64_t metadata_offset = 2 * mib;
  static constexpr uint64_t bat_offset = 3 * mib;

  MemoryFileSystem files;
  SeededRandom random{20261123};

  // 64 MiB in blocks of 1 MiB, unless changed by the caller.
  static vhdx::DiskMetadata dynamic_disk() {
    vhdx::DiskMetadata metadata;
    metadata.disk_size_bytes = 64 * mib;
    metadata.block_size_bytes = 1 * mib;
    return metadata;
  }

  static vhdx::DiskMetadata differencing_disk() {
    vhdx::DiskMetadata metadata = dynamic_disk();
    metadata.parent =
        vhdx::make_parent_locator(Guid::literal("11111111-2222-3333-4444-555555555555"), "/", "/base.vhdx");
    return metadata;
  }

  void create(const vhdx::DiskMetadata& metadata) {
    const auto file = must(files.create(path));
    must(vhdx::Image::create(*file, metadata, random));
  }

  // Block 0 whole and block 2 in part (sectors 1 to 3), closed cleanly.
  void create_with_data(const vhdx::DiskMetadata& metadata) {
    create(metadata);
    const auto image = open();
    write_guest(*image, 0, filled(metadata.block_size_bytes, 0xa1));
    write_guest(*image, 2 * uint64_t{metadata.block_size_bytes} + metadata.logical_sector_size_bytes,
                filled(3 * metadata.logical_sector_size_bytes, 0xa2));
    must(image->close());
  }

  [[nodiscard]] Result<std::unique_ptr<vhdx::Image>> try_open(
      OpenMode mode = OpenMode::read_write, vhdx::WriteIntent intent = vhdx::WriteIntent::guest_visible) {
    return vhdx::Image::open(must(files.open(path, mode)), mode, random, intent);
  }

  [[nodiscard]] std::unique_ptr<vhdx::Image> open(
      OpenMode mode = OpenMode::read_write, vhdx::WriteIntent intent = vhdx::WriteIntent::guest_visible) {
    return must(try_open(mode, intent));
  }

  [[nodiscard]] std::unique_ptr<File> file() { return must(files.open(path, OpenMode::read_write)); }

  [[nodiscard]] std::vector<std::byte> all_bytes() {
    const auto opened = must(files.open(path, OpenMode::read_only));
    std::vector<std::byte> bytes(must(opened->size_bytes()));
    must(opened->read(0, bytes));
    return bytes;
  }

  void flip_byte(uint64_t offset) {
    const auto opened = file();
    put(*opened, offset, get<std::byte>(*opened, offset) ^ std::byte{0xff});
  }

  // ---- Edits with the checksum mended ----

  void edit_header(size_t slot, const std::function<void(vhdx::Header&)>& edit) {
    const auto opened = file();
    auto header = get<vhdx::Header>(*opened, vhdx::header_offsets[slot]);
    edit(header);
    header.checksum = vhdx::checksum_of(header);
    put(*opened, vhdx::header_offsets[slot], header);
  }

  void edit_headers(const std::function<void(vhdx::Header&)>& edit) {
    edit_header(0, edit);
    edit_header(1, edit);
  }

  [[nodiscard]] vhdx::Header header(size_t slot) {
    return get<vhdx::Header>(*must(files.open(path, OpenMode::read_only)), vhdx::header_offsets[slot]);
  }

  // Both copies. `table` is the whole 64 KiB.
  void edit_region_tables(
      const std::function<void(vhdx::RegionTableHeader&, vhdx::RegionTableEntry*)>& edit) {
    const auto opened = file();
    for (uint64_t offset : vhdx::region_table_offsets)
      edit_region_table(*opened, offset, edit);
  }

  void edit_region_table(File& opened, uint64_t offset,
                         const std::function<void(vhdx::RegionTableHeader&, vhdx::RegionTableEntry*)>& edit) {
    std::vector<std::byte> table(vhdx::region_table_length);
    must(opened.read(offset, table));
    auto* table_header = reinterpret_cast<vhdx::RegionTableHeader*>(table.data());
    edit(*table_header, reinterpret_cast<vhdx::RegionTableEntry*>(table_header + 1));
    table_header->checksum = vhdx::checksum_of(Bytes(table));
    must(opened.write(offset, table));
  }

  void edit_metadata_table(
      const std::function<void(vhdx::MetadataTableHeader&, vhdx::MetadataTableEntry*)>& edit) {
    const auto opened = file();
    std::vector<std::byte> table(64 * kib);
    must(opened->read(metadata_offset, table));
    auto* table_header = reinterpret_cast<vhdx::MetadataTableHeader*>(table.data());
    edit(*table_header, reinterpret_cast<vhdx::MetadataTableEntry*>(table_header + 1));
    must(opened->write(metadata_offset, table));
  }

  // Where an item's bytes stand in the file.
  [[nodiscard]] ByteRange item(const Guid& id) {
    const auto opened = must(files.open(path, OpenMode::read_only));
    const auto table_header = get<vhdx::MetadataTableHeader>(*opened, metadata_offset);
    for (uint16_t i = 0; i < table_header.entry_count; ++i) {
      const auto entry = get<vhdx::MetadataTableEntry>(
          *opened, metadata_offset + sizeof(table_header) + i * sizeof(vhdx::MetadataTableEntry));
      if (entry.item_id == id) return {metadata_offset + entry.offset, entry.length};
    }
    throw std::runtime_error("no such metadata item");
  }

  template <typename Value>
  void set_item(const Guid& id, const Value& value) {
    const uint64_t offset = item(id).offset;
    put(*file(), offset, value);
  }

  void set_bat_entry(uint64_t entry_index, uint64_t bits) {
    put(*file(), bat_offset + entry_index * 8, le64(bits));
  }

  [[nodiscard]] uint64_t bat_entry(uint64_t entry_index) {
    return get<le64>(*must(files.open(path, OpenMode::read_only)), bat_offset + entry_index * 8);
  }

  // Appends one log entry for `pages` and makes both headers name its log: the file is then as a power cut
  // leaves it.
  void make_dirty(std::span<const vhdx::PageWrite> pages, uint64_t durable_file_size_bytes) {
    const Guid log_guid = Guid::make_random(random);
    {
      const auto opened = file();
      vhdx::LogWriter log(*opened, {log_offset, 1 * mib}, log_guid, 77);
      must(log.append(pages, durable_file_size_bytes));
    }
    edit_headers([&](vhdx::Header& header) { header.log_guid = log_guid; });
  }
};

}  // namespace vhdlab::tests
