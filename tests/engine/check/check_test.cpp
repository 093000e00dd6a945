// Every finding of the check by its name, on an image damaged just so, and none on images that are whole.
#include "engine/format/vhdx/check.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "engine/base/crc32c.h"
#include "engine/format/vhdx/checksum.h"
#include "engine/io/posix_file_system.h"
#include "tests/engine/check/patient.h"
#include "tests/support/run_program.h"
#include "tests/support/shared_folder.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_seed.h"

namespace vhdlab::vhdx {
namespace {

using tests::all_kinds;
using tests::Kind;
using tests::Patient;
using enum BlockState;

std::string text_of(const CheckReport& report) {
  std::string text;
  for (const Finding& finding : report.findings)
    text += std::string(name_of(finding.severity)) + " " + finding.name + ": " + finding.where + ": " +
            finding.found + "; expected " + finding.expected + "\n";
  return text;
}

// The items of a fresh image in the order of its metadata table.
enum Item : size_t { parameters, disk_size, disk_id, logical_sector, physical_sector, locator };

uint64_t item_offset(Patient& patient, Item item) {
  const auto entry = patient.peek<MetadataTableEntry>(Patient::metadata_offset + sizeof(MetadataTableHeader) +
                                                      item * sizeof(MetadataTableEntry));
  return Patient::metadata_offset + entry.offset;
}

uint64_t current_slot(Patient& patient) {
  return patient.peek<Header>(header_offsets[0]).sequence_number >
                 patient.peek<Header>(header_offsets[1]).sequence_number
             ? 0
             : 1;
}

// Changes the one log entry of a dirty patient, which stands behind an empty one, and mends its checksum.
void edit_log_entry(Patient& patient, const std::function<void(std::vector<std::byte>&)>& edit) {
  const uint64_t at = Patient::log_offset + log_sector_length;
  const auto header = patient.peek<LogEntryHeader>(at);
  std::vector<std::byte> entry(header.entry_length);
  ASSERT_TRUE(patient.file()->read(at, entry));
  edit(entry);
  const le32 checksum = checksum_of(Bytes(entry));
  std::memcpy(entry.data() + offsetof(LogEntryHeader, checksum), &checksum, sizeof(checksum));
  patient.poke(at, entry);
}

struct Injection {
  Kind kind = Kind::dynamic;
  std::function<void(Patient&)> damage;
};

template <typename Value>
void poke_into(std::vector<std::byte>& bytes, size_t offset, const Value& value) {
  std::memcpy(bytes.data() + offset, &value, sizeof(value));
}

const Guid strange_id = Guid::literal("01234567-89ab-cdef-0123-456789abcdef");

std::map<Fault, Injection> fault_injections() {
  using enum Fault;
  auto dirty = [](Patient& patient) { patient.write({5 * mib, 4096}, false); };
  std::map<Fault, Injection> all;
  all[not_a_vhdx] = {Kind::dynamic, [](Patient& p) { p.poke_value(0, le64(1)); }};
  all[file_too_short] = {Kind::dynamic, [](Patient& p) { p.resize(512 * kib); }};
  all[no_valid_header] = {Kind::dynamic, [](Patient& p) {
                            p.poke_value(header_offsets[0] + 20, le32(7));
                            p.poke_value(header_offsets[1], le32(7));
                          }};
  all[header_version] = {Kind::dynamic, [](Patient& p) { p.edit_headers([](Header& h) { h.version = 2; }); }};
  all[header_log_placement] = {
      Kind::dynamic, [](Patient& p) { p.edit_headers([](Header& h) { h.log_offset = 1 * mib + 4096; }); }};
  all[no_valid_region_table] = {Kind::dynamic, [](Patient& p) {
                                  for (uint64_t at : region_table_offsets)
                                    p.poke_value(at + 100, le32(7));
                                }};
  all[region_table_count] = {Kind::dynamic, [](Patient& p) {
                               p.edit_region_tables([](auto& table) { poke_into(table, 8, le32(2048)); });
                             }};
  auto add_region = [](Patient& p, const RegionTableEntry& entry) {
    p.edit_region_tables([&](auto& table) {
      poke_into(table, 8, le32(3));
      poke_into(table, 16 + 2 * sizeof(entry), entry);
    });
  };
  all[region_unknown_required] = {
      Kind::dynamic, [=](Patient& p) { add_region(p, {strange_id, 2 * mib, uint32_t{1 * mib}, 1}); }};
  all[region_duplicate] = {
      Kind::dynamic, [=](Patient& p) { add_region(p, {bat_region_id, 3 * mib, uint32_t{1 * mib}, 1}); }};
  all[region_missing] = {Kind::dynamic, [](Patient& p) {
                           p.edit_region_entry(0, [](auto& e) { e.id = strange_id, e.required = 0; });
                         }};
  all[region_placement] = {
      Kind::dynamic, [](Patient& p) { p.edit_region_entry(0, [](auto& e) { e.file_offset = 64 * kib; }); }};
  all[region_overlap] = {
      Kind::dynamic, [](Patient& p) { p.edit_region_entry(0, [](auto& e) { e.file_offset = 2 * mib; }); }};
  all[Fault::log_version] = {Kind::dynamic, [=](Patient& p) {
                               dirty(p);
                               p.edit_headers([](Header& h) { h.log_version = 1; });
                             }};
  all[log_no_active_sequence] = {Kind::dynamic, [=](Patient& p) {
                                   dirty(p);
                                   p.edit_headers([](Header& h) { h.log_guid = strange_id; });
                                 }};
  all[log_file_truncated] = {Kind::dynamic, [=](Patient& p) {
                               dirty(p);
                               p.resize(p.size_bytes() - 512);
                             }};
  all[log_descriptor] = {
      Kind::dynamic, [=](Patient& p) {
        dirty(p);
        edit_log_entry(p, [](auto& entry) {
          poke_into(entry, sizeof(LogEntryHeader) + offsetof(LogDataDescriptor, file_offset), le64(4096));
        });
      }};
  all[metadata_signature] = {Kind::dynamic,
                             [](Patient& p) { p.poke_value(Patient::metadata_offset, le64(1)); }};
  all[metadata_count] = {Kind::dynamic,
                         [](Patient& p) { p.poke_value(Patient::metadata_offset + 10, le16(2048)); }};
  all[metadata_item_placement] = {
      Kind::dynamic, [](Patient& p) { p.edit_metadata_entry(disk_id, [](auto& e) { e.offset = 4096; }); }};
  all[metadata_item_duplicate] = {
      Kind::dynamic,
      [](Patient& p) { p.edit_metadata_entry(disk_id, [](auto& e) { e.item_id = virtual_disk_size_id; }); }};
  all[metadata_item_missing] = {Kind::dynamic, [](Patient& p) {
                                  p.edit_metadata_entry(disk_id,
                                                        [](auto& e) { e.item_id = strange_id, e.flags = 0; });
                                }};
  all[metadata_item_unknown_required] = {
      Kind::dynamic,
      [](Patient& p) { p.edit_metadata_entry(disk_id, [](auto& e) { e.item_id = strange_id; }); }};
  all[metadata_item_length] = {
      Kind::dynamic, [](Patient& p) { p.edit_metadata_entry(disk_size, [](auto& e) { e.length = 4; }); }};
  all[block_size_illegal] = {
      Kind::dynamic, [](Patient& p) { p.poke_value(item_offset(p, parameters), le32(3 * 1024 * 1024)); }};
  all[disk_size_illegal] = {Kind::dynamic,
                            [](Patient& p) { p.poke_value(item_offset(p, disk_size), le64(65 * tib)); }};
  all[sector_size_illegal] = {Kind::dynamic,
                              [](Patient& p) { p.poke_value(item_offset(p, logical_sector), le32(1024)); }};
  all[locator_malformed] = {
      Kind::differencing,
      [](Patient& p) { p.poke_value(item_offset(p, locator) + sizeof(ParentLocatorHeader), le32(1 << 20)); }};
  all[locator_type] = {Kind::differencing,
                       [](Patient& p) { p.poke_value(item_offset(p, locator), strange_id); }};
  all[locator_missing_linkage] = {Kind::differencing, [](Patient& p) {
                                    const uint64_t at = item_offset(p, locator);
                                    const auto entry =
                                        p.peek<ParentLocatorEntry>(at + sizeof(ParentLocatorHeader));
                                    p.poke_value(at + entry.key_offset, le16('q'));
                                  }};
  all[bat_too_small] = {Kind::dynamic,
                        [](Patient& p) { p.poke_value(item_offset(p, disk_size), le64(256 * gib)); }};
  all[block_state_illegal] = {Kind::dynamic, [](Patient& p) { p.set_entry(5, {4}); }};
  all[block_placement] = {Kind::dynamic,
                          [](Patient& p) { p.set_entry(5, BatEntry::make(fully_present, 1 * tib)); }};
  all[block_overlap] = {Kind::dynamic, [](Patient& p) { p.set_entry(5, p.entry(1)); }};
  all[block_zero_with_offset] = {Kind::dynamic,
                                 [](Patient& p) { p.set_entry(5, BatEntry::make(zero, 4 * mib)); }};
  all[block_partial_without_parent] = {
      Kind::dynamic,
      [](Patient& p) { p.set_entry(1, BatEntry::make(partially_present, p.entry(1).file_offset())); }};
  all[block_partial_without_bitmap] = {Kind::differencing,
                                       [](Patient& p) { p.set_entry(p.bitmap_entry_index(), {}); }};
  all[bitmap_state_illegal] = {Kind::differencing, [](Patient& p) {
                                 p.set_entry(p.bitmap_entry_index(), BatEntry::make(zero, p.bitmap_offset()));
                               }};
  return all;
}

// Severity from the table; repairable as said here.
struct OddityInjection {
  Oddity oddity;
  bool is_repairable = false;
  Kind kind = Kind::dynamic;
  std::function<void(Patient&)> damage;
};

std::vector<OddityInjection> oddity_injections() {
  using enum Oddity;
  auto set_bits = [](Patient& p, uint64_t block, uint64_t byte_in_block) {
    p.poke_value(p.bitmap_offset() + block * 256 + byte_in_block, le16(0x0ff0));
  };
  return {
      {header_torn, true, Kind::dynamic, [](Patient& p) { p.poke_value(header_offsets[0] + 30, le64(9)); }},
      {header_sequence_equal, false, Kind::dynamic,
       [](Patient& p) {
         p.edit_headers([](Header& h) { h.sequence_number = 9; });
         p.edit_header(0, [](Header& h) { h.log_version = 0, h.file_write_guid = strange_id; });
       }},
      {header_identical, false, Kind::dynamic,
       [](Patient& p) { p.edit_headers([](Header& h) { h.sequence_number = 9; }); }},
      {header_sequence_gap, false, Kind::dynamic,
       [](Patient& p) { p.edit_header(current_slot(p), [](Header& h) { h.sequence_number = 900; }); }},
      {headers_differ, false, Kind::dynamic,
       [](Patient& p) { p.edit_header(0, [](Header& h) { h.file_write_guid = strange_id; }); }},
      {identity_zero, false, Kind::dynamic,
       [](Patient& p) { p.edit_headers([](Header& h) { h.data_write_guid = Guid{}; }); }},
      {reserved_not_zero, false, Kind::dynamic,
       [](Patient& p) { p.edit_header(0, [](Header& h) { h.reserved[9] = std::byte{1}; }); }},
      {log_absent, false, Kind::dynamic,
       [](Patient& p) { p.edit_headers([](Header& h) { h.log_length = 0; }); }},
      {log_dirty, true, Kind::dynamic, [](Patient& p) { p.write({5 * mib, 4096}, false); }},
      {log_target_outside, false, Kind::dynamic,
       [](Patient& p) {
         p.write({5 * mib, 4096}, false);
         edit_log_entry(p, [](auto& entry) {
           poke_into(entry, sizeof(LogEntryHeader) + offsetof(LogDataDescriptor, file_offset), le64(1 * tib));
         });
       }},
      {log_leftover, false, Kind::dynamic, [](Patient&) {}},
      {log_torn_entry, false, Kind::dynamic,
       [](Patient& p) { p.poke_value(Patient::log_offset + 200, le32(7)); }},
      {region_table_torn, true, Kind::dynamic,
       [](Patient& p) { p.poke_value(region_table_offsets[1] + 30, le64(9)); }},
      {region_tables_differ, false, Kind::dynamic,
       [](Patient& p) { p.edit_region_table(1, [](auto& table) { poke_into(table, 4000, le32(1)); }); }},
      {region_unknown, false, Kind::dynamic,
       [](Patient& p) {
         p.edit_region_tables([](auto& table) {
           poke_into(table, 8, le32(3));
           poke_into(table, 80, RegionTableEntry{strange_id, 2 * mib, uint32_t{1 * mib}, 0});
         });
       }},
      {metadata_flags, false, Kind::dynamic,
       [](Patient& p) { p.edit_metadata_entry(disk_size, [](auto& e) { e.flags = 4; }); }},
      {metadata_item_unknown, false, Kind::dynamic,
       [](Patient& p) {
         p.edit_metadata_entry(disk_id, [](auto& e) { e.item_id = strange_id, e.flags = 0; });
       }},
      {metadata_item_overlap, false, Kind::dynamic,
       [](Patient& p) { p.edit_metadata_entry(disk_id, [](auto& e) { e.offset = e.offset - 4; }); }},
      {physical_sector_smaller, false, Kind::dynamic,
       [](Patient& p) {
         p.poke_value(item_offset(p, logical_sector), le32(4096));
         p.poke_value(item_offset(p, physical_sector), le32(512));
       }},
      {fixed_with_parent, false, Kind::differencing,
       [](Patient& p) { p.poke_value(item_offset(p, parameters) + 4, le32(3)); }},
      {locator_unused, false, Kind::differencing,
       [](Patient& p) { p.poke_value(item_offset(p, parameters) + 4, le32(0)); }},
      {locator_without_path, false, Kind::differencing,
       [](Patient& p) {  // the keys "absolute_win32_path" and "relative_path" misspelt
         for (size_t i : {1, 2}) {
           const uint64_t at = item_offset(p, locator);
           const auto entry =
               p.peek<ParentLocatorEntry>(at + sizeof(ParentLocatorHeader) + i * sizeof(ParentLocatorEntry));
           p.poke_value(at + entry.key_offset, le16('q'));
         }
       }},
      {locator_second_linkage, false, Kind::differencing,
       [](Patient& p) {
         const uint64_t at = item_offset(p, locator);
         const auto entry =
             p.peek<ParentLocatorEntry>(at + sizeof(ParentLocatorHeader) + 3 * sizeof(ParentLocatorEntry));
         p.poke_value(at + entry.value_offset + 2, le16('7'));
       }},
      {bat_larger_than_needed, false, Kind::dynamic,
       [](Patient& p) {
         const uint64_t end = p.size_bytes();
         p.resize(end + 2 * mib);
         const auto table = p.peek<std::array<std::byte, 80>>(Patient::bat_offset);
         p.edit_region_entry(0, [&](auto& e) { e.file_offset = end, e.length = 2 * mib; });
         p.poke_value(end, table);
       }},
      {bat_slack_not_zero, false, Kind::dynamic,
       [](Patient& p) { p.poke_value(Patient::bat_offset + 500 * kib, le32(1)); }},
      {bat_reserved_bits, false, Kind::dynamic,
       [](Patient& p) { p.set_entry(1, {p.entry(1).bits | 1 << 10}); }},
      {block_undefined, false, Kind::dynamic, [](Patient& p) { p.set_entry(5, {1}); }},
      {block_offset_unused, false, Kind::dynamic,
       [](Patient& p) { p.set_entry(5, BatEntry::make(not_present, 4 * mib)); }},
      {block_past_disk_end, false, Kind::differencing,
       [](Patient& p) { p.set_entry(12, BatEntry::make(fully_present, 4 * mib)); }},
      {block_missing_in_fixed, false, Kind::fixed, [](Patient& p) { p.set_entry(5, {}); }},
      {bitmap_without_parent, false, Kind::dynamic,
       [](Patient& p) {
         p.poke_value(item_offset(p, disk_size), le64(5 * gib));
         p.set_entry(p.bitmap_entry_index(), BatEntry::make(fully_present, 20 * mib));
         p.resize(21 * mib);
       }},
      {bitmap_stale, true, Kind::differencing, [=](Patient& p) { set_bits(p, 5, 17); }},
      {bitmap_past_disk_end, true, Kind::differencing,
       [=](Patient& p) { set_bits(p, Patient::last_block, 200); }},
      {block_partial_empty, false, Kind::differencing,
       [](Patient& p) { p.poke(p.bitmap_offset() + 2 * 256, std::vector<std::byte>(256)); }},
      {space_unused, false, Kind::dynamic, [](Patient& p) { p.set_entry(1, {}); }},
      {file_longer_than_needed, false, Kind::dynamic, [](Patient& p) { p.resize(p.size_bytes() + 1 * mib); }},
      {file_size_uneven, false, Kind::dynamic, [](Patient& p) { p.resize(p.size_bytes() + 512); }},
      {file_beyond_limit, false, Kind::dynamic,
       [](Patient& p) { p.resize(file_size_checked_max + 1 * mib); }},
  };
}

TEST(CheckFindings, NameEveryOddityOnceInOrder) {
  // Goal: the table and the enumeration agree. Method: index by enumerator; names are unique, faults
  // included.
  std::set<std::string_view> names;
  for (const FaultInfo& info : all_faults())
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
  for (size_t i = 0; i < all_oddities().size(); ++i) {
    EXPECT_EQ(static_cast<size_t>(all_oddities()[i].oddity), i);
    EXPECT_TRUE(names.insert(all_oddities()[i].name).second) << all_oddities()[i].name;
  }
}

TEST(CheckImage, ReportsEveryFaultUnderItsName) {
  // Goal: what opening refuses, the check names. Method: inject each fault alone; the check says damage under
  // that name. vhdx-locator-too-long concerns writing a locator: no file can hold it.
  const auto injections = fault_injections();
  for (const FaultInfo& info : all_faults()) {
    if (info.fault == Fault::locator_too_long) continue;
    SCOPED_TRACE(info.name);
    ASSERT_TRUE(injections.contains(info.fault));
    Patient patient(injections.at(info.fault).kind);
    injections.at(info.fault).damage(patient);
    const auto before = patient.bytes();
    const CheckReport report = patient.check();
    EXPECT_GE(report.count_of(info.name), 1) << text_of(report);
    EXPECT_TRUE(report.has(Severity::damage)) << text_of(report);
    EXPECT_EQ(report.findings.front().severity, Severity::damage);
    EXPECT_EQ(patient.bytes(), before) << "a check never writes";
  }
}

TEST(CheckImage, FindsWhateverOpeningRefuses) {
  // Goal: the check is never milder than opening. Method: each fault alone; where opening fails, the name it
  // gives is among the findings.
  for (const auto& [fault, injection] : fault_injections()) {
    SCOPED_TRACE(fault_info(fault).name);
    Patient patient(injection.kind);
    injection.damage(patient);
    const auto opened = open_vhdx(patient.files(), patient.path(), OpenMode::read_only, CacheMode::buffered,
                                  patient.random());
    if (opened) continue;
    EXPECT_GE(patient.check().count_of(opened.error().fault), 1) << opened.error().text();
  }
}

TEST(CheckImage, ReportsEveryOddityUnderItsName) {
  // Goal: names, severities and repairability of what opening passes over. Method: inject each alone.
  std::set<Oddity> seen;
  for (const OddityInjection& injection : oddity_injections()) {
    const OddityInfo& info = oddity_info(injection.oddity);
    SCOPED_TRACE(info.name);
    seen.insert(injection.oddity);
    Patient patient(injection.kind);
    injection.damage(patient);
    const CheckReport report = patient.check();
    const auto found = std::ranges::find(report.findings, info.name, &Finding::name);
    ASSERT_NE(found, report.findings.end()) << text_of(report);
    EXPECT_EQ(found->severity, info.severity);
    EXPECT_EQ(found->is_repairable, injection.is_repairable) << text_of(report);
  }
  for (const OddityInfo& info : all_oddities()) {
    const bool is_elsewhere = info.oddity == Oddity::log_not_examined;  // in its own test
    EXPECT_TRUE(is_elsewhere || seen.contains(info.oddity)) << info.name;
  }
}

TEST(CheckImage, FindsNothingButNotesInWholeImages) {
  // Goal: no false alarm. Method: images of every kind, after writes, zeroing and clean closes.
  for (Kind kind : all_kinds) {
    Patient patient(kind);
    patient.zero({1 * mib, 1 * mib});
    const CheckReport report = patient.check();
    EXPECT_FALSE(report.has(Severity::damage) || report.has(Severity::risk)) << text_of(report);
    EXPECT_TRUE(report.is_complete);
  }
}

TEST(CheckImage, GoesOnBehindAFault) {
  // Goal: all findings at once. Method: damage in header, region table, metadata and table together.
  Patient patient(Kind::differencing);
  patient.poke_value(header_offsets[0], le32(1));
  patient.poke_value(region_table_offsets[0], le32(1));
  patient.edit_metadata_entry(disk_size, [](auto& e) { e.flags = 0; });
  patient.set_entry(5, patient.entry(1));
  patient.set_entry(6, {5});
  const CheckReport report = patient.check();
  for (std::string_view name : {"vhdx-header-torn", "vhdx-region-table-torn", "vhdx-metadata-flags",
                                "vhdx-block-overlap", "vhdx-block-state"}) {
    EXPECT_EQ(report.count_of(name), 1) << name << "\n" << text_of(report);
  }
  EXPECT_NE(text_of(report).find("block 1 claims too"), std::string::npos) << text_of(report);
}

TEST(CheckImage, SaysThatALostTailMattersOnlyWhereSomebodyReadsIt) {
  // Goal: which truncations are harmless. Method: cut into the slack of the last block (behind the disk's
  // end), then into its data.
  for (const auto& [cut_bytes, is_repairable] :
       {std::pair{512 * kib, true}, std::pair{512 * kib + 512, false}}) {
    Patient patient(Kind::dynamic);
    patient.resize(patient.size_bytes() - cut_bytes);
    const CheckReport report = patient.check();
    const auto found = std::ranges::find(report.findings, "vhdx-block-placement", &Finding::name);
    ASSERT_NE(found, report.findings.end());
    EXPECT_EQ(found->is_repairable, is_repairable) << text_of(report);
  }
}

TEST(CheckImage, CountsWhatItDoesNotKeep) {
  // Goal: a hostile table gives a short report. Method: all blocks of a 3.5 GiB disk overlap.
  Patient patient(Kind::dynamic);
  patient.poke_value(item_offset(patient, disk_size), le64(3500 * mib));
  for (uint64_t block = 20; block < 3000; ++block)
    patient.set_entry(block, patient.entry(1));
  const CheckReport report = patient.check();
  EXPECT_EQ(report.count_of("vhdx-block-overlap"), 2980);
  EXPECT_EQ(std::ranges::count(report.findings, "vhdx-block-overlap", &Finding::name),
            FindingCollector::kept_per_name_max);
}

TEST(CheckImage, GivesUpOnALogThatClaimsTooMuch) {
  // Goal: no log keeps a check busy for hours. Method: a log of 256 MiB in which every sector claims an entry
  // as long as the log.
  Patient patient(Kind::dynamic);
  const uint64_t log_at = round_up(patient.size_bytes(), 1 * mib);
  const uint64_t log_length = 256 * mib;
  patient.resize(log_at + log_length);
  const Guid id = strange_id;
  LogEntryHeader entry{.signature = LogEntryHeader::expected_signature,
                       .entry_length = static_cast<uint32_t>(log_length),
                       .sequence_number = 1,
                       .log_guid = id};
  for (uint64_t at = 0; at < 64 * kib; at += log_sector_length)
    patient.poke_value(log_at + at, entry);
  patient.edit_headers([&](Header& h) {
    h.log_guid = id;
    h.log_offset = log_at;
    h.log_length = static_cast<uint32_t>(log_length);
  });
  EXPECT_EQ(patient.check().count_of("vhdx-log-not-examined"), 1);
}

TEST(CheckImage, SurvivesRandomDamage) {
  // Goal: no file makes the check fail or write. Method: random bytes over the structures of a dirty image.
  SeededRandom random(tests::test_seed());
  for (int round = 0; round < 200; ++round) {
    Patient patient(all_kinds[random.next_u64() % 3], random.next_u64());
    if (round % 2 == 0) patient.write({6 * mib, 4096}, false);
    for (uint64_t hit = random.next_u64() % 20; hit < 20; ++hit) {
      constexpr std::array<uint64_t, 6> places = {0, 64 * kib, 1 * mib, 2 * mib, 2 * mib + 64 * kib, 3 * mib};
      const uint64_t at = places[random.next_u64() % places.size()] + random.next_u64() % 300;
      patient.poke_value(at, le16(static_cast<uint16_t>(random.next_u64())));
    }
    (void)patient.check();
  }
}

// ---- Images nobody here wrote, and a judge nobody here wrote

TEST(CheckSamples, FindsNoDamageInRealImages) {
  // Goal: no false alarm on what Windows and qemu write. Method: every sample; the dirty one is called dirty.
  const auto folder = tests::shared_path("samples/vhdx");
  if (!folder) GTEST_SKIP() << folder.error().text();
  PosixFileSystem files;
  size_t checked = 0;
  for (const auto& sample : std::filesystem::directory_iterator(*folder)) {
    const bool is_gzip = sample.path().extension() == ".gz";
    if (!tests::has_program(is_gzip ? "gzip" : "bzip2")) continue;
    SCOPED_TRACE(sample.path().filename());
    const tests::TemporaryFolder temporary;
    const std::string packed = temporary.file(sample.path().filename().string());
    std::filesystem::copy_file(sample.path(), packed);
    std::filesystem::permissions(packed, std::filesystem::perms::owner_all);
    const auto unpacked = tests::run_program({is_gzip ? "gzip" : "bzip2", "-d", packed});
    ASSERT_TRUE(unpacked && unpacked->succeeded());
    const auto file =
        files.open(std::filesystem::path(packed).replace_extension("").string(), OpenMode::read_only);
    ASSERT_TRUE(file);
    const auto report = check_image(**file);
    ASSERT_TRUE(report);
    EXPECT_FALSE(report->has(Severity::damage)) << text_of(*report);
    EXPECT_TRUE(report->is_complete);
    const bool is_dirty = sample.path().filename().string().find("dirty") != std::string::npos;
    EXPECT_EQ(report->count_of("vhdx-log-dirty"), is_dirty ? 1 : 0) << text_of(*report);
    ++checked;
  }
  EXPECT_GT(checked, 0);
}

TEST(CheckJudges, AgreesWithQemuOnWholeImages) {
  // Goal: our clean is qemu's clean, and the other way round. Method: images of both makers, both checks.
  if (!tests::has_program("qemu-img")) GTEST_SKIP() << "qemu-img is not installed";
  PosixFileSystem files;
  const tests::TemporaryFolder folder;
  for (Kind kind : {Kind::dynamic, Kind::fixed}) {
    Patient patient(kind);
    const std::string ours = folder.file(kind == Kind::fixed ? "ours-fixed.vhdx" : "ours.vhdx");
    const auto bytes = patient.bytes();
    ASSERT_TRUE((*files.create(ours))->write(0, bytes));
    const std::string theirs = folder.file(kind == Kind::fixed ? "theirs-fixed.vhdx" : "theirs.vhdx");
    const std::string subformat = kind == Kind::fixed ? "subformat=fixed" : "subformat=dynamic";
    const auto made =
        tests::run_program({"qemu-img", "convert", "-O", "vhdx", "-o", subformat, ours, theirs});
    ASSERT_TRUE(made && made->succeeded()) << made->errors;
    for (const std::string& path : {ours, theirs}) {
      const auto judged = tests::run_program({"qemu-img", "check", "-f", "vhdx", path});
      ASSERT_TRUE(judged);
      EXPECT_EQ(judged->exit_code, 0) << path << judged->output << judged->errors;
      const auto report = check_image(**files.open(path, OpenMode::read_only));
      ASSERT_TRUE(report);
      EXPECT_FALSE(report->has(Severity::damage) || report->has(Severity::risk)) << path << text_of(*report);
    }
  }
}

}  // namespace
}  // namespace vhdlab::vhdx
