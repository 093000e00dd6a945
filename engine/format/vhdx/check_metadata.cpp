// The check's look at the metadata region, [MS-VHDX] 2.6: every item by itself, so that one fault does not
// hide the next.
#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include <fmt/format.h>

#include "engine/format/vhdx/check_parts.h"
#include "engine/format/vhdx/layout.h"
#include "engine/format/vhdx/parent_locator.h"

namespace vhdlab::vhdx {
namespace {

using Particulars = FindingCollector::Particulars;

constexpr uint64_t locator_length_max = 1 * mib;  // what opening reads

struct KnownItem {
  Guid id;
  std::string_view name;
  uint32_t length;  // 0: it varies
  uint32_t usual_flags;
  bool is_required;  // of every disk
};

constexpr uint32_t required = MetadataTableEntry::is_required;
constexpr uint32_t required_of_disk = required | MetadataTableEntry::is_virtual_disk;

constexpr std::array<KnownItem, 6> known_items = {{
    {file_parameters_id, "file parameters", sizeof(FileParameters), required, true},
    {virtual_disk_size_id, "virtual disk size", 8, required_of_disk, true},
    {virtual_disk_id_id, "virtual disk identity", sizeof(Guid), required_of_disk, true},
    {logical_sector_size_id, "logical sector size", 4, required_of_disk, true},
    {physical_sector_size_id, "physical sector size", 4, required_of_disk, true},
    {parent_locator_id, "parent locator", 0, required, false},
}};

// One known item, as far as it is there.
struct FoundItem {
  bool is_listed = false;
  bool is_readable = false;
  uint64_t entry_offset = 0;  // of its table entry, in the file
  ByteRange bytes;            // in the file
};

class MetadataCheck {
 public:
  MetadataCheck(CheckedFile& file, ByteRange region, CheckedState& state, FindingCollector& findings)
      : file_(file), region_(region), state_(state), findings_(findings) {}

  [[nodiscard]] Result<void> run() {
    table_.resize(metadata_items_offset_min);
    TRY(file_.read(region_.offset, table_));
    const auto header = table_at<MetadataTableHeader>(0);
    if (header.signature != MetadataTableHeader::expected_signature) {
      findings_.add(Fault::metadata_signature, [&] {
        return Particulars{.where = "metadata region",
                           .file_offset = region_.offset,
                           .found = fmt::format("signature {:#018x}", uint64_t{header.signature}),
                           .expected = "'metadata'"};
      });
      return {};
    }
    check_entries(header);
    check_overlaps();
    return read_values();
  }

 private:
  template <typename Structure>
  [[nodiscard]] Structure table_at(uint64_t offset) const {
    Structure structure;
    std::memcpy(&structure, table_.data() + offset, sizeof(structure));
    return structure;
  }

  [[nodiscard]] FoundItem& found(const Guid& id) {
    const auto known = std::ranges::find(known_items, id, &KnownItem::id);
    return items_.at(static_cast<size_t>(known - known_items.begin()));
  }

  void check_entries(const MetadataTableHeader& header) {
    uint16_t count = header.entry_count;
    if (count > MetadataTableHeader::entry_count_max) {
      findings_.add(Fault::metadata_count, [&] {
        return Particulars{.where = "metadata table",
                           .file_offset = region_.offset + offsetof(MetadataTableHeader, entry_count),
                           .found = fmt::format("{} entries", count),
                           .expected = fmt::format("at most {}", MetadataTableHeader::entry_count_max)};
      });
      count = MetadataTableHeader::entry_count_max;
    }
    for (uint16_t i = 0; i < count; ++i)
      check_entry(sizeof(header) + i * sizeof(MetadataTableEntry));
    const uint64_t used = sizeof(header) + count * sizeof(MetadataTableEntry);
    if (header.reserved != 0 || !all_zero(header.reserved2) || !all_zero(Bytes(table_).subspan(used))) {
      findings_.add(Oddity::reserved_not_zero, [&] {
        return Particulars{.where = "metadata table",
                           .file_offset = region_.offset,
                           .found = "bytes that are not zero",
                           .expected = "zeros"};
      });
    }
    for (size_t i = 0; i < known_items.size(); ++i) {
      if (known_items[i].is_required && !items_[i].is_listed) tell_missing(known_items[i]);
    }
  }

  void tell_missing(const KnownItem& known) {
    findings_.add(Fault::metadata_item_missing, [&] {
      return Particulars{.where = fmt::format("item '{}'", known.name),
                         .file_offset = region_.offset,
                         .found = fmt::format("no entry for {}", known.id.to_lower())};
    });
  }

  void check_entry(uint64_t at) {
    const auto entry = table_at<MetadataTableEntry>(at);
    const auto known = std::ranges::find(known_items, entry.item_id, &KnownItem::id);
    const bool is_user_item = (entry.flags & MetadataTableEntry::is_user) != 0;
    if (is_user_item || known == known_items.end()) {
      auto unknown = [&] {
        return Particulars{
            .where = "metadata table",
            .file_offset = region_.offset + at,
            .found = fmt::format("item {}, flags {:#x}", entry.item_id.to_lower(), uint32_t{entry.flags})};
      };
      const bool must_be_understood = (entry.flags & MetadataTableEntry::is_required) != 0;
      if (must_be_understood) {
        state_.is_supported = false;
        findings_.add(Fault::metadata_item_unknown_required, unknown);
      } else {
        findings_.add(Oddity::metadata_item_unknown, unknown);
      }
      return;
    }
    check_known_entry(*known, entry, at);
  }

  void check_known_entry(const KnownItem& known, const MetadataTableEntry& entry, uint64_t at) {
    const std::string where = fmt::format("item '{}'", known.name);
    auto at_entry = [&](std::string found, std::string expected) {
      return Particulars{.where = where,
                         .file_offset = region_.offset + at,
                         .found = std::move(found),
                         .expected = std::move(expected)};
    };
    FoundItem& item = found(known.id);
    if (item.is_listed) {
      findings_.add(Fault::metadata_item_duplicate, [&] { return at_entry("a second entry", "one entry"); });
      return;
    }
    const uint64_t offset = entry.offset;
    const uint64_t length = entry.length;
    item = {
        .is_listed = true, .entry_offset = region_.offset + at, .bytes = {region_.offset + offset, length}};
    const bool is_inside =
        offset >= metadata_items_offset_min && offset <= region_.length && length <= region_.length - offset;
    if (!is_inside) {
      findings_.add(Fault::metadata_item_placement, [&] {
        return at_entry(fmt::format("offset {:#x}, length {:#x}", offset, length),
                        fmt::format("from {:#x} on, inside the region's {:#x} bytes",
                                    metadata_items_offset_min, region_.length));
      });
    }
    const bool is_length_right = known.length != 0 ? length == known.length : length <= locator_length_max;
    if (!is_length_right) {
      findings_.add(Fault::metadata_item_length, [&] {
        return at_entry(fmt::format("{} bytes", length),
                        known.length != 0 ? fmt::format("{} bytes", known.length)
                                          : fmt::format("at most {} bytes", locator_length_max));
      });
    }
    item.is_readable = is_inside && is_length_right && file_.holds(item.bytes);
    if (entry.flags != known.usual_flags) {
      findings_.add(Oddity::metadata_flags, [&] {
        return at_entry(fmt::format("flags {:#x}", uint32_t{entry.flags}),
                        fmt::format("flags {:#x}", known.usual_flags));
      });
    }
  }

  void check_overlaps() {
    std::vector<size_t> order;
    for (size_t i = 0; i < items_.size(); ++i) {
      if (items_[i].is_readable) order.push_back(i);
    }
    std::ranges::sort(order, {}, [&](size_t i) { return items_[i].bytes.offset; });
    for (size_t i = 1; i < order.size(); ++i) {
      const size_t before = order[i - 1];
      const size_t after = order[i];
      if (items_[before].bytes.end() <= items_[after].bytes.offset) continue;
      findings_.add(Oddity::metadata_item_overlap, [&] {
        return Particulars{
            .where = fmt::format("items '{}' and '{}'", known_items[before].name, known_items[after].name),
            .file_offset = items_[after].bytes.offset,
            .found = fmt::format("the one ends at {:#x}, the other begins at {:#x}",
                                 items_[before].bytes.end(), items_[after].bytes.offset)};
      });
    }
  }

  // The item's value; nothing where it cannot be read, which has been told.
  template <typename Structure>
  [[nodiscard]] Result<std::optional<Structure>> value_of(const Guid& id) {
    const FoundItem& item = found(id);
    if (!item.is_readable) return std::nullopt;
    Structure value;
    TRY(file_.read(item.bytes.offset, std::as_writable_bytes(std::span(&value, 1))));
    return value;
  }

  // Adds the fault unless the number is legal.
  void expect(bool is_legal, Fault fault, const Guid& id, uint64_t value, std::string expected) {
    are_numbers_legal_ = are_numbers_legal_ && is_legal;
    if (is_legal) return;
    findings_.add(fault, [&] {
      const auto known = std::ranges::find(known_items, id, &KnownItem::id);
      return Particulars{.where = fmt::format("item '{}'", known->name),
                         .file_offset = found(id).bytes.offset,
                         .found = fmt::format("{}", value),
                         .expected = std::move(expected)};
    });
  }

  [[nodiscard]] Result<void> read_values() {
    const auto parameters = TRY(value_of<FileParameters>(file_parameters_id));
    const auto disk_size = TRY(value_of<le64>(virtual_disk_size_id));
    const auto disk_id = TRY(value_of<Guid>(virtual_disk_id_id));
    const auto logical = TRY(value_of<le32>(logical_sector_size_id));
    const auto physical = TRY(value_of<le32>(physical_sector_size_id));

    if (parameters) check_parameters(*parameters);
    if (logical) {
      expect(*logical == 512 || *logical == 4096, Fault::sector_size_illegal, logical_sector_size_id,
             *logical, "512 or 4096");
    }
    if (physical) {
      expect(*physical == 512 || *physical == 4096, Fault::sector_size_illegal, physical_sector_size_id,
             *physical, "512 or 4096");
    }
    if (disk_size) {
      const uint32_t sector = logical && *logical == 4096 ? 4096 : 512;
      const bool is_legal = *disk_size != 0 && *disk_size <= disk_size_max_bytes && *disk_size % sector == 0;
      expect(is_legal, Fault::disk_size_illegal, virtual_disk_size_id, *disk_size,
             fmt::format("whole sectors of {} bytes, at most {}", sector, disk_size_max_bytes));
    }
    if (logical && physical && are_numbers_legal_ && *physical < *logical) {
      findings_.add(Oddity::physical_sector_smaller, [&] {
        return Particulars{.where = "item 'physical sector size'",
                           .file_offset = found(physical_sector_size_id).bytes.offset,
                           .found = fmt::format("{} bytes", uint32_t{*physical}),
                           .expected = fmt::format("{} or more", uint32_t{*logical})};
      });
    }
    const bool has_parent = parameters && (parameters->flags & FileParameters::has_parent) != 0;
    const std::optional<ParentLocator> locator = TRY(read_locator(has_parent));
    if (!parameters || !disk_size || !disk_id || !logical || !physical || !are_numbers_legal_) return {};
    state_.metadata = DiskMetadata{
        .disk_size_bytes = *disk_size,
        .block_size_bytes = parameters->block_size,
        .logical_sector_size_bytes = *logical,
        .physical_sector_size_bytes = *physical,
        .leave_blocks_allocated = (parameters->flags & FileParameters::leave_blocks_allocated) != 0,
        .virtual_disk_id = *disk_id};
    // A disk whose locator cannot be read is still a differencing disk: its tables are looked at as such.
    if (has_parent) state_.metadata->parent = locator.value_or(ParentLocator{});
    return {};
  }

  void check_parameters(const FileParameters& parameters) {
    const uint32_t block_size = parameters.block_size;
    expect(std::has_single_bit(block_size) && block_size >= block_size_min_bytes &&
               block_size <= block_size_max_bytes,
           Fault::block_size_illegal, file_parameters_id, block_size,
           fmt::format("a power of two from {} to {}", block_size_min_bytes, block_size_max_bytes));
    constexpr uint32_t known_flags = FileParameters::leave_blocks_allocated | FileParameters::has_parent;
    auto flags_are = [&](std::string expected) {
      return Particulars{
          .where = "item 'file parameters'",
          .file_offset = found(file_parameters_id).bytes.offset + offsetof(FileParameters, flags),
          .found = fmt::format("flags {:#x}", uint32_t{parameters.flags}),
          .expected = std::move(expected)};
    };
    if ((parameters.flags & ~known_flags) != 0)
      findings_.add(Oddity::reserved_not_zero, [&] { return flags_are("bits 0 and 1 only"); });
    if ((parameters.flags & known_flags) == known_flags)
      findings_.add(Oddity::fixed_with_parent, [&] { return flags_are("one of bits 0 and 1"); });
  }

  [[nodiscard]] Result<std::optional<ParentLocator>> read_locator(bool has_parent) {
    const FoundItem& item = found(parent_locator_id);
    auto at_locator = [&] {
      return Particulars{.where = "parent locator", .file_offset = item.bytes.offset};
    };
    if (!has_parent) {
      if (item.is_listed) findings_.add(Oddity::locator_unused, at_locator);
      return std::nullopt;
    }
    if (!item.is_listed) tell_missing(known_items.back());
    if (!item.is_readable) return std::nullopt;
    std::vector<std::byte> bytes(item.bytes.length);
    TRY(file_.read(item.bytes.offset, bytes));
    auto locator = parse_parent_locator(bytes, file_.name());
    if (!locator) {
      if (!findings_.add(locator.error(), at_locator())) return std::unexpected(std::move(locator).error());
      return std::nullopt;
    }
    if (locator->relative_path.empty() && locator->volume_path.empty() &&
        locator->absolute_win32_path.empty())
      findings_.add(Oddity::locator_without_path, at_locator);
    if (locator->linkage2 && !locator->linkage2->is_zero()) {
      findings_.add(Oddity::locator_second_linkage, [&] {
        Particulars particulars = at_locator();
        particulars.found = locator->linkage2->to_lower();
        return particulars;
      });
    }
    return *std::move(locator);
  }

  CheckedFile& file_;
  ByteRange region_;
  CheckedState& state_;
  FindingCollector& findings_;
  std::vector<std::byte> table_;
  std::array<FoundItem, known_items.size()> items_ = {};
  bool are_numbers_legal_ = true;
};

}  // namespace

Result<void> check_metadata(CheckedFile& file, ByteRange region, CheckedState& state,
                            FindingCollector& findings) {
  return MetadataCheck(file, region, state, findings).run();
}

}  // namespace vhdlab::vhdx
