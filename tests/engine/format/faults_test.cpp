// Every fault, found in a file that has exactly this damage. The table below is complete: a fault without a
// case fails the test, so none can be added untested.
#include "engine/format/vhdx/faults.h"

#include <map>
#include <set>

#include <fmt/format.h>

#include "tests/engine/format/image_workbench.h"

namespace vhdlab::tests {
namespace {

using namespace vhdx;
using enum Fault;

using Damage = std::function<void(ImageWorkbench&)>;

Damage on_dynamic_disk(Damage damage) {
  return [damage = std::move(damage)](ImageWorkbench& bench) {
    bench.create_with_data(ImageWorkbench::dynamic_disk());
    damage(bench);
  };
}

Damage on_differencing_disk(Damage damage) {
  return [damage = std::move(damage)](ImageWorkbench& bench) {
    bench.create_with_data(ImageWorkbench::differencing_disk());
    damage(bench);
  };
}

Damage regions(std::function<void(RegionTableHeader&, RegionTableEntry*)> edit) {
  return on_dynamic_disk([edit](ImageWorkbench& bench) { bench.edit_region_tables(edit); });
}

Damage metadata_table(std::function<void(MetadataTableHeader&, MetadataTableEntry*)> edit) {
  return on_dynamic_disk([edit](ImageWorkbench& bench) { bench.edit_metadata_table(edit); });
}

Damage headers(std::function<void(Header&)> edit) {
  return on_dynamic_disk([edit](ImageWorkbench& bench) { bench.edit_headers(edit); });
}

Damage locator(std::function<void(ImageWorkbench&, uint64_t locator_offset)> edit) {
  return on_differencing_disk(
      [edit](ImageWorkbench& bench) { edit(bench, bench.item(parent_locator_id).offset); });
}

template <typename Value>
Damage disk_item(const Guid& id, const Value& value) {
  return on_dynamic_disk([id, value](ImageWorkbench& bench) { bench.set_item(id, value); });
}

// The table's entry `index` becomes `bits`. In the workbench's images entry 0 is FULLY_PRESENT, entry 1
// empty, entry 2 present in part or whole.
Damage entry_of_dynamic(uint64_t index, uint64_t bits) {
  return on_dynamic_disk([=](ImageWorkbench& bench) { bench.set_bat_entry(index, bits); });
}

constexpr uint64_t fully_present_at(uint64_t offset) {
  return BatEntry::make(BlockState::fully_present, offset).bits;
}

constexpr uint64_t bitmap_entry_of_first_chunk = 4096;  // 2^23 sectors of 512 bytes in blocks of 1 MiB

const std::map<Fault, Damage>& damages() {
  static const Guid stranger = Guid::literal("deadbeef-0000-4000-8000-000000000000");
  static const std::map<Fault, Damage> table = {
      {not_a_vhdx, on_dynamic_disk([](ImageWorkbench& bench) { bench.flip_byte(0); })},
      {file_too_short, on_dynamic_disk([](ImageWorkbench& bench) { must(bench.file()->resize(512 * kib)); })},
      {no_valid_header, on_dynamic_disk([](ImageWorkbench& bench) {
         for (uint64_t offset : header_offsets)
           bench.flip_byte(offset + 100);
       })},
      {header_version, headers([](Header& header) { header.version = 2; })},
      {header_log_placement, headers([](Header& header) { header.log_offset = 1 * mib + 4096; })},
      {no_valid_region_table, on_dynamic_disk([](ImageWorkbench& bench) {
         for (uint64_t offset : region_table_offsets)
           bench.flip_byte(offset + 30000);
       })},
      {region_table_count,
       regions([](RegionTableHeader& header, RegionTableEntry*) { header.entry_count = 2048; })},
      {region_unknown_required, regions([](RegionTableHeader& header, RegionTableEntry* entries) {
         header.entry_count = 3;
         entries[2] = RegionTableEntry{stranger, 4 * mib, 1 * mib, 1};
       })},
      {region_duplicate, regions([](RegionTableHeader& header, RegionTableEntry* entries) {
         header.entry_count = 3;
         entries[2] = entries[0];
       })},
      {region_missing, regions([](RegionTableHeader& header, RegionTableEntry*) { header.entry_count = 1; })},
      {region_placement, regions([](RegionTableHeader&, RegionTableEntry* entries) {
         entries[0].file_offset = 3 * mib + 4096;
       })},
      {region_overlap, regions([](RegionTableHeader&, RegionTableEntry* entries) {
         entries[0].file_offset = ImageWorkbench::metadata_offset;
       })},
      {Fault::log_version, headers([](Header& header) {
         header.log_guid = stranger;
         header.log_version = 1;
       })},
      {log_no_active_sequence, headers([](Header& header) { header.log_guid = stranger; })},
      {log_file_truncated, on_dynamic_disk([](ImageWorkbench& bench) { bench.make_dirty({}, 1 * gib); })},
      {log_descriptor, on_dynamic_disk([](ImageWorkbench& bench) {
         const PageWrite into_the_headers{64 * kib, {}};
         bench.make_dirty({&into_the_headers, 1}, 4 * mib);
       })},
      {metadata_signature,
       metadata_table([](MetadataTableHeader& header, MetadataTableEntry*) { header.signature = 1; })},
      {metadata_count,
       metadata_table([](MetadataTableHeader& header, MetadataTableEntry*) { header.entry_count = 2048; })},
      {metadata_item_placement,
       metadata_table([](MetadataTableHeader&, MetadataTableEntry* entries) { entries[1].offset = 4096; })},
      {metadata_item_duplicate,
       metadata_table([](MetadataTableHeader&, MetadataTableEntry* entries) { entries[1] = entries[0]; })},
      {metadata_item_missing,
       metadata_table([](MetadataTableHeader& header, MetadataTableEntry*) { header.entry_count = 4; })},
      {metadata_item_unknown_required,
       metadata_table([](MetadataTableHeader& header, MetadataTableEntry* entries) {
         header.entry_count = 6;
         entries[5] = MetadataTableEntry{stranger, 64 * kib, 8, MetadataTableEntry::is_required, 0};
       })},
      {metadata_item_length,
       metadata_table([](MetadataTableHeader&, MetadataTableEntry* entries) { entries[1].length = 7; })},
      {block_size_illegal, disk_item(file_parameters_id, FileParameters{3 * mib, 0})},
      {disk_size_illegal, disk_item(virtual_disk_size_id, le64(64 * mib + 1))},
      {sector_size_illegal, disk_item(logical_sector_size_id, le32(1024))},
      {locator_malformed, locator([](ImageWorkbench& bench, uint64_t at) {
         put(*bench.file(), at + 18, le16(uint16_t{60000}));  // entry count
       })},
      {locator_type, locator([](ImageWorkbench& bench, uint64_t at) { put(*bench.file(), at, stranger); })},
      {locator_missing_linkage, locator([](ImageWorkbench& bench, uint64_t at) {
         const auto first = get<ParentLocatorEntry>(*bench.file(), at + sizeof(ParentLocatorHeader));
         put(*bench.file(), at + first.key_offset, le16(uint16_t{'q'}));  // "parent_linkage" no more
       })},
      {bat_too_small, disk_item(virtual_disk_size_id, le64(64 * tib))},
      {block_state_illegal, entry_of_dynamic(1, 5)},
      {block_placement, entry_of_dynamic(1, fully_present_at(0))},
      {block_overlap, entry_of_dynamic(1, fully_present_at(4 * mib))},
      {block_zero_with_offset, entry_of_dynamic(1, BatEntry::make(BlockState::zero, 9 * mib).bits)},
      {block_partial_without_parent,
       entry_of_dynamic(0, BatEntry::make(BlockState::partially_present, 4 * mib).bits)},
      {block_partial_without_bitmap, on_differencing_disk([](ImageWorkbench& bench) {
         bench.set_bat_entry(bitmap_entry_of_first_chunk, 0);
       })},
      {bitmap_state_illegal, on_differencing_disk([](ImageWorkbench& bench) {
         bench.set_bat_entry(bitmap_entry_of_first_chunk, 7);
       })},
  };
  return table;
}

TEST(Faults, AreListedOnceEachInTheOrderOfTheEnumeration) {
  // Goal: fault_info may index the table by the enumerator. Method: position against value, names unique.
  std::set<std::string_view> names;
  for (size_t i = 0; i < all_faults().size(); ++i) {
    const FaultInfo& info = all_faults()[i];
    EXPECT_EQ(static_cast<size_t>(info.fault), i) << info.name;
    EXPECT_TRUE(info.name.starts_with("vhdx-")) << info.name;
    EXPECT_FALSE(info.meaning.empty()) << info.name;
    EXPECT_TRUE(names.insert(info.name).second) << info.name << " is named twice";
    EXPECT_EQ(&fault_info(info.fault), &info);
  }
  EXPECT_EQ(all_faults().size(), static_cast<size_t>(bitmap_state_illegal) + 1);
}

class EveryFault : public testing::TestWithParam<FaultInfo> {};

TEST_P(EveryFault, IsNamedWhereAFileHasExactlyThisDamageAndTheFileIsLeftAlone) {
  // Goal: each kind of damage is refused by its own name, with the file named first, whatever the mode.
  // Method: a good image, one edit, an open; the good image is proven good by the same open before the edit.
  const FaultInfo& info = GetParam();
  if (info.fault == locator_too_long) {  // a fault of requests, never of a file; see also SetParent
    DiskMetadata metadata = ImageWorkbench::differencing_disk();
    metadata.parent->absolute_win32_path = std::string(40000, 'x');
    ImageWorkbench bench;
    const auto created =
        Image::create(*must(bench.files.create(ImageWorkbench::path)), metadata, bench.random);
    ASSERT_FALSE(created);
    EXPECT_EQ(created.error().fault, info.name);
    EXPECT_EQ(created.error().kind, info.kind);
    return;
  }
  const auto damage = damages().find(info.fault);
  ASSERT_NE(damage, damages().end()) << info.name << " has no case";
  ImageWorkbench bench;
  damage->second(bench);
  const auto before = bench.all_bytes();
  for (OpenMode mode : {OpenMode::read_only, OpenMode::read_write}) {
    const auto opened = bench.try_open(mode);
    ASSERT_FALSE(opened) << info.name;
    EXPECT_EQ(opened.error().fault, info.name) << opened.error().text();
    EXPECT_EQ(opened.error().kind, info.kind);
    EXPECT_TRUE(opened.error().message.starts_with(ImageWorkbench::path)) << opened.error().message;
    EXPECT_FALSE(opened.error().hint.empty()) << opened.error().message;
  }
  EXPECT_TRUE(bench.all_bytes() == before) << "a refused file was changed";
}

INSTANTIATE_TEST_SUITE_P(Vhdx, EveryFault, testing::ValuesIn(all_faults().begin(), all_faults().end()),
                         [](const auto& parameter) {
                           std::string name(parameter.param.name);
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

// ---- More than one way to the same fault ----

struct Variant {
  const char* name;
  Fault fault;
  Damage damage;
};

class FaultVariants : public testing::TestWithParam<Variant> {};

TEST_P(FaultVariants, AreNamedAsTheFaultTheyAre) {
  // Goal: the less obvious forms of a fault, many of them traps others fell into, have the right name too.
  ImageWorkbench bench;
  GetParam().damage(bench);
  for (OpenMode mode : {OpenMode::read_only, OpenMode::read_write}) {
    const auto opened = bench.try_open(mode);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().fault, fault_info(GetParam().fault).name) << opened.error().text();
  }
}

const Variant variants[] = {
    {"EmptyFile", not_a_vhdx, [](ImageWorkbench& bench) { must(bench.files.create(ImageWorkbench::path)); }},
    {"HeaderSectionCutInTheMiddle", file_too_short,
     on_dynamic_disk([](ImageWorkbench& bench) { must(bench.file()->resize(1 * mib - 1)); })},
    {"LogInsideTheHeaderSection", header_log_placement,
     headers([](Header& header) { header.log_offset = 0; })},
    {"LogPastTheEnd", header_log_placement, headers([](Header& header) { header.log_offset = 1 * gib; })},
    {"LogOfOddLength", header_log_placement,
     headers([](Header& header) { header.log_length = 1 * mib + 1; })},
    {"LogPlacedNearTheEndOfNumbers", header_log_placement,
     headers([](Header& header) { header.log_offset = ~uint64_t{0} << 20; })},
    {"LogNamedAndOfNoLength", log_no_active_sequence, headers([](Header& header) {
       header.log_length = 0;
       header.log_guid = bat_region_id;
     })},
    {"LogOverTheTable", region_overlap,
     headers([](Header& header) { header.log_offset = ImageWorkbench::bat_offset; })},
    {"RegionOfNoLength", region_placement,
     regions([](RegionTableHeader&, RegionTableEntry* entries) { entries[0].length = 0; })},
    {"RegionInTheHeaderSection", region_placement,
     regions([](RegionTableHeader&, RegionTableEntry* entries) { entries[1].file_offset = 0; })},
    {"RegionPastTheEnd", region_placement,
     regions([](RegionTableHeader&, RegionTableEntry* entries) { entries[1].file_offset = 1 * tib; })},
    {"RegionWhoseEndWraps", region_placement, regions([](RegionTableHeader&, RegionTableEntry* entries) {
       entries[1].file_offset = ~uint64_t{0} << 20;
     })},
    {"NoMetadataRegion", region_missing, regions([](RegionTableHeader&, RegionTableEntry* entries) {
       entries[1] = RegionTableEntry{Guid::literal("deadbeef-0000-4000-8000-000000000000"), 2 * mib, mib, 0};
     })},
    {"LogEntryForHalfASector", log_descriptor, on_dynamic_disk([](ImageWorkbench& bench) {
       const PageWrite misaligned{3 * mib + 8, {}};
       bench.make_dirty({&misaligned, 1}, 4 * mib);
     })},
    {"LogEntryPastTheEndOfNumbers", log_descriptor, on_dynamic_disk([](ImageWorkbench& bench) {
       const PageWrite far{~uint64_t{0} << 12, {}};
       bench.make_dirty({&far, 1}, 4 * mib);
     })},
    {"ItemEndsBehindItsRegion", metadata_item_placement,
     metadata_table(
         [](MetadataTableHeader&, MetadataTableEntry* entries) { entries[1].offset = 1 * mib - 4; })},
    {"ItemLengthThatWraps", metadata_item_placement,
     metadata_table(
         [](MetadataTableHeader&, MetadataTableEntry* entries) { entries[1].length = ~uint32_t{0}; })},
    {"UserItemThatIsRequired", metadata_item_unknown_required,
     metadata_table([](MetadataTableHeader&, MetadataTableEntry* entries) {
       entries[1].flags = MetadataTableEntry::is_user | MetadataTableEntry::is_required;
     })},
    {"NoMetadataAtAll", metadata_item_missing,
     metadata_table([](MetadataTableHeader& header, MetadataTableEntry*) { header.entry_count = 0; })},
    {"ParentFlagWithoutLocator", metadata_item_missing,
     disk_item(file_parameters_id, FileParameters{1 * mib, FileParameters::has_parent})},
    {"BlockSizeZero", block_size_illegal, disk_item(file_parameters_id, FileParameters{0, 0})},
    {"BlockSizeHalfAMebibyte", block_size_illegal,
     disk_item(file_parameters_id, FileParameters{512 * kib, 0})},
    {"BlockSizeHalfAGibibyte", block_size_illegal,
     disk_item(file_parameters_id, FileParameters{512 * mib, 0})},
    {"DiskOfNoSize", disk_size_illegal, disk_item(virtual_disk_size_id, le64(uint64_t{0}))},
    {"DiskOverTheLimit", disk_size_illegal, disk_item(virtual_disk_size_id, le64(64 * tib + 512))},
    {"PhysicalSectorOdd", sector_size_illegal, disk_item(physical_sector_size_id, le32(uint32_t{513}))},
    {"LocatorTextOutsideTheItem", locator_malformed, locator([](ImageWorkbench& bench, uint64_t at) {
       put(*bench.file(), at + sizeof(ParentLocatorHeader), le32(~uint32_t{0}));
     })},
    {"LocatorTextOfOddLength", locator_malformed, locator([](ImageWorkbench& bench, uint64_t at) {
       put(*bench.file(), at + sizeof(ParentLocatorHeader) + 8, le16(uint16_t{27}));
     })},
    {"LocatorLoneSurrogate", locator_malformed, locator([](ImageWorkbench& bench, uint64_t at) {
       const auto first = get<ParentLocatorEntry>(*bench.file(), at + sizeof(ParentLocatorHeader));
       put(*bench.file(), at + first.key_offset, le16(uint16_t{0xd800}));
     })},
    {"LocatorLinkageNoGuid", locator_missing_linkage, locator([](ImageWorkbench& bench, uint64_t at) {
       const auto first = get<ParentLocatorEntry>(*bench.file(), at + sizeof(ParentLocatorHeader));
       put(*bench.file(), at + first.value_offset + 2, le16(uint16_t{'x'}));
     })},
    {"LocatorOfNoLength", locator_malformed, on_differencing_disk([](ImageWorkbench& bench) {
       bench.edit_metadata_table(
           [](MetadataTableHeader&, MetadataTableEntry* entries) { entries[5].length = 0; });
     })},
    {"StateFour", block_state_illegal, entry_of_dynamic(63, 4)},
    {"BlockInTheFirstMebibyteByReservedBits", block_placement, entry_of_dynamic(1, 6 | 0xffff8)},
    {"BlockPastTheEnd", block_placement, entry_of_dynamic(1, fully_present_at(1 * gib))},
    {"BlockThatEndsPastTheEnd", block_placement, entry_of_dynamic(1, fully_present_at(6 * mib))},
    {"BlockAtTheEndOfNumbers", block_placement, entry_of_dynamic(1, fully_present_at(~uint64_t{0} << 20))},
    {"BlockOverTheLog", block_overlap, entry_of_dynamic(1, fully_present_at(ImageWorkbench::log_offset))},
    {"BlockOverTheMetadata", block_overlap,
     entry_of_dynamic(1, fully_present_at(ImageWorkbench::metadata_offset))},
    {"BlockOverTheTable", block_overlap, entry_of_dynamic(1, fully_present_at(ImageWorkbench::bat_offset))},
    {"UnmappedBlockOverAnother", block_overlap,
     entry_of_dynamic(1, BatEntry::make(BlockState::unmapped, 4 * mib).bits)},
    {"BitmapOverABlock", block_overlap, on_differencing_disk([](ImageWorkbench& bench) {
       bench.set_bat_entry(bitmap_entry_of_first_chunk, fully_present_at(4 * mib));
     })},
    {"BitmapPastTheEnd", block_placement, on_differencing_disk([](ImageWorkbench& bench) {
       bench.set_bat_entry(bitmap_entry_of_first_chunk, fully_present_at(1 * tib));
     })},
};

INSTANTIATE_TEST_SUITE_P(Vhdx, FaultVariants, testing::ValuesIn(variants),
                         [](const auto& parameter) { return parameter.param.name; });

}  // namespace
}  // namespace vhdlab::tests
