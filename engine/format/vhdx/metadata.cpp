// Metadata reading and writing; the rules are in metadata.h and [MS-VHDX] 2.6.
#include "engine/format/vhdx/metadata.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <map>

#include <fmt/format.h>

#include "engine/format/vhdx/faults.h"
#include "engine/format/vhdx/layout.h"

namespace vhdlab::vhdx {
namespace {

// No item that this program reads is longer; a locator's texts are bounded by their 16-bit lengths.
constexpr uint64_t item_length_max = 1 * mib;

struct Item {
  MetadataTableEntry entry;
  ByteRange entry_in_file;
  ByteRange bytes_in_file;
};

using Items = std::map<Guid, Item>;

bool is_known(const Guid& id) {
  return id == file_parameters_id || id == virtual_disk_size_id || id == virtual_disk_id_id ||
         id == logical_sector_size_id || id == physical_sector_size_id || id == parent_locator_id;
}

// The region's pages, each read once when first asked for: the table and its few small items lie in two.
class RegionPages {
 public:
  RegionPages(File& file, ByteRange region) : file_(file), region_(region) {}

  [[nodiscard]] File& file() const { return file_; }
  [[nodiscard]] ByteRange region() const { return region_; }

  // Promised: the bytes lie in the region.
  Result<void> read(uint64_t offset_in_file, MutableBytes into) {
    for (uint64_t done = 0; done < into.size();) {
      const uint64_t at = offset_in_file + done;
      const uint64_t within = at % page_bytes;
      const uint64_t length = std::min(into.size() - done, page_bytes - within);
      const Page& page = *TRY(page_at(at - within));
      std::memcpy(into.data() + done, page.bytes.data() + within, length);
      done += length;
    }
    return {};
  }

  template <typename Structure>
  Result<Structure> read(uint64_t offset_in_file) {
    Structure value;
    TRY(read(offset_in_file, std::as_writable_bytes(std::span(&value, 1))));
    return value;
  }

 private:
  static constexpr uint64_t page_bytes = AlignedBuffer::alignment_bytes;
  struct alignas(page_bytes) Page {  // so that a direct read needs no detour
    std::array<std::byte, page_bytes> bytes;
  };

  Result<const Page*> page_at(uint64_t offset_in_file) {
    const auto [page, is_new] = pages_.try_emplace(offset_in_file);
    if (is_new) TRY(file_.read(offset_in_file, page->second.bytes));
    return &page->second;
  }

  File& file_;
  ByteRange region_;
  std::map<uint64_t, Page> pages_;  // by their offset in the file
};

Result<Items> read_table(RegionPages& pages) {
  const File& file = pages.file();
  const ByteRange region = pages.region();
  const auto header = TRY(pages.read<MetadataTableHeader>(region.offset));
  if (header.signature != MetadataTableHeader::expected_signature) {
    return fault_in(file.name(), Fault::metadata_signature, fmt::format("at {:#x}", region.offset));
  }
  if (header.entry_count > MetadataTableHeader::entry_count_max) {
    return fault_in(file.name(), Fault::metadata_count,
                    fmt::format("found {}, expected at most {}", uint16_t{header.entry_count},
                                MetadataTableHeader::entry_count_max));
  }

  Items items;
  for (uint16_t i = 0; i < header.entry_count; ++i) {
    const uint64_t at = sizeof(header) + i * sizeof(MetadataTableEntry);
    const auto entry = TRY(pages.read<MetadataTableEntry>(region.offset + at));
    const bool user_item = (entry.flags & MetadataTableEntry::is_user) != 0;
    if (user_item || !is_known(entry.item_id)) {
      if ((entry.flags & MetadataTableEntry::is_required) == 0) continue;
      return fault_in(file.name(), Fault::metadata_item_unknown_required,
                      fmt::format("item {}", entry.item_id.to_lower()));
    }
    const uint64_t offset = entry.offset;
    const uint64_t length = entry.length;
    if (offset < metadata_items_offset_min || offset > region.length || length > region.length - offset) {
      return fault_in(
          file.name(), Fault::metadata_item_placement,
          fmt::format("item {} at {:#x}, length {:#x}; the region has {:#x} bytes, items from {:#x} on",
                      entry.item_id.to_lower(), offset, length, region.length, metadata_items_offset_min));
    }
    const Item item{entry, {region.offset + at, sizeof(entry)}, {region.offset + offset, length}};
    if (!items.emplace(entry.item_id, item).second) {
      return fault_in(file.name(), Fault::metadata_item_duplicate,
                      fmt::format("item {}", entry.item_id.to_lower()));
    }
  }
  return items;
}

Result<const Item*> find_item(const File& file, const Items& items, const Guid& id, std::string_view what) {
  const auto found = items.find(id);
  if (found == items.end()) {
    return fault_in(file.name(), Fault::metadata_item_missing,
                    fmt::format("no {} ({})", what, id.to_lower()));
  }
  return &found->second;
}

// An item of fixed length, such as the virtual disk size.
template <typename Structure>
Result<Structure> read_item(RegionPages& pages, const Items& items, const Guid& id, std::string_view what) {
  const File& file = pages.file();
  const Item& item = *TRY(find_item(file, items, id, what));
  if (item.bytes_in_file.length != sizeof(Structure)) {
    return fault_in(
        file.name(), Fault::metadata_item_length,
        fmt::format("{}: {} bytes, expected {}", what, item.bytes_in_file.length, sizeof(Structure)));
  }
  return pages.read<Structure>(item.bytes_in_file.offset);
}

Result<ParentLocator> read_locator(RegionPages& pages, const Item& item) {
  const File& file = pages.file();
  if (item.bytes_in_file.length > item_length_max) {
    return fault_in(file.name(), Fault::metadata_item_length,
                    fmt::format("parent locator: {} bytes, expected at most {}", item.bytes_in_file.length,
                                item_length_max));
  }
  std::vector<std::byte> bytes(item.bytes_in_file.length);
  TRY(pages.read(item.bytes_in_file.offset, bytes));
  return parse_parent_locator(bytes, file.name());
}

// How far the locator may grow: to the next item behind it or to the end of the region.
uint64_t growth_limit(const Items& items, const Item& locator, ByteRange region) {
  uint64_t limit = region.end();
  for (const auto& [id, item] : items) {
    if (item.bytes_in_file.offset > locator.bytes_in_file.offset)
      limit = std::min(limit, item.bytes_in_file.offset);
  }
  return limit - locator.bytes_in_file.offset;
}

}  // namespace

Result<void> check_disk_numbers(std::string_view where, const DiskMetadata& metadata) {
  const uint32_t block_size = metadata.block_size_bytes;
  if (!std::has_single_bit(block_size) || block_size < block_size_min_bytes ||
      block_size > block_size_max_bytes) {
    return fault_in(where, Fault::block_size_illegal, fmt::format("found {} bytes", block_size));
  }
  for (uint32_t size : {metadata.logical_sector_size_bytes, metadata.physical_sector_size_bytes}) {
    if (size != 512 && size != 4096) {
      return fault_in(where, Fault::sector_size_illegal, fmt::format("found {} bytes", size));
    }
  }
  const uint64_t disk_size = metadata.disk_size_bytes;
  if (disk_size == 0 || disk_size > disk_size_max_bytes ||
      disk_size % metadata.logical_sector_size_bytes != 0) {
    return fault_in(
        where, Fault::disk_size_illegal,
        fmt::format("found {} bytes with sectors of {}", disk_size, metadata.logical_sector_size_bytes));
  }
  return {};
}

Result<DiskMetadata> read_metadata(File& file, ByteRange region) {
  RegionPages pages(file, region);
  const Items items = TRY(read_table(pages));
  const auto parameters = TRY(read_item<FileParameters>(pages, items, file_parameters_id, "file parameters"));

  DiskMetadata metadata;
  metadata.block_size_bytes = parameters.block_size;
  metadata.leave_blocks_allocated = (parameters.flags & FileParameters::leave_blocks_allocated) != 0;
  metadata.disk_size_bytes = TRY(read_item<le64>(pages, items, virtual_disk_size_id, "virtual disk size"));
  metadata.virtual_disk_id = TRY(read_item<Guid>(pages, items, virtual_disk_id_id, "virtual disk identity"));
  metadata.logical_sector_size_bytes =
      TRY(read_item<le32>(pages, items, logical_sector_size_id, "logical sector size"));
  metadata.physical_sector_size_bytes =
      TRY(read_item<le32>(pages, items, physical_sector_size_id, "physical sector size"));
  metadata.disk_size_file_offset = items.at(virtual_disk_size_id).bytes_in_file.offset;
  TRY(check_disk_numbers(file.name(), metadata));

  if ((parameters.flags & FileParameters::has_parent) != 0) {
    const Item& locator = *TRY(find_item(file, items, parent_locator_id, "parent locator"));
    metadata.parent = TRY(read_locator(pages, locator));
    metadata.parent_locator_entry = locator.entry_in_file;
    metadata.parent_locator_item = locator.bytes_in_file;
    metadata.parent_locator_limit_bytes = growth_limit(items, locator, region);
  }
  return metadata;
}

Result<std::vector<std::byte>> serialize_metadata(const DiskMetadata& metadata) {
  constexpr uint32_t required = MetadataTableEntry::is_required;
  // As Windows sets them.
  constexpr uint32_t required_of_disk = required | MetadataTableEntry::is_virtual_disk;
  std::vector<std::byte> region(metadata_items_offset_min);
  uint16_t count = 0;
  auto add = [&](const Guid& id, Bytes item, uint32_t flags) {
    const MetadataTableEntry entry{id, static_cast<uint32_t>(region.size()),
                                   static_cast<uint32_t>(item.size()), flags, 0};
    std::memcpy(region.data() + sizeof(MetadataTableHeader) + count * sizeof(entry), &entry, sizeof(entry));
    region.insert(region.end(), item.begin(), item.end());
    ++count;
  };
  auto add_value = [&](const Guid& id, const auto& value, uint32_t flags) {
    add(id, std::as_bytes(std::span(&value, 1)), flags);
  };

  const FileParameters parameters{
      metadata.block_size_bytes,
      (metadata.leave_blocks_allocated ? FileParameters::leave_blocks_allocated : 0) |
          (metadata.has_parent() ? FileParameters::has_parent : 0)};
  add_value(file_parameters_id, parameters, required);
  add_value(virtual_disk_size_id, le64(metadata.disk_size_bytes), required_of_disk);
  add_value(virtual_disk_id_id, metadata.virtual_disk_id, required_of_disk);
  add_value(logical_sector_size_id, le32(metadata.logical_sector_size_bytes), required_of_disk);
  add_value(physical_sector_size_id, le32(metadata.physical_sector_size_bytes), required_of_disk);
  if (metadata.parent) add(parent_locator_id, TRY(serialize_parent_locator(*metadata.parent)), required);

  MetadataTableHeader header{};
  header.signature = MetadataTableHeader::expected_signature;
  header.entry_count = count;
  std::memcpy(region.data(), &header, sizeof(header));
  return region;
}

}  // namespace vhdlab::vhdx
