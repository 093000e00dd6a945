// What a check of a VHDX file can find: the faults that opening refuses (faults.h), and the oddities that
// opening passes over. Each has a name that stays the same for scripts, and a severity:
//
//   damage   content is lost or cannot be told; opening refuses the file, or should
//   risk     everything reads right today; one more mishap, or another program, and it will not
//   note     unusual and harmless
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/error.h"
#include "engine/format/vhdx/faults.h"

namespace vhdlab::vhdx {

enum class Severity { damage, risk, note };  // worst first

[[nodiscard]] std::string_view name_of(Severity severity);  // "damage", "risk", "note"

// What opening passes over and a check tells. The numbers are sections of [MS-VHDX].
enum class Oddity {
  // Headers, 2.2.2
  header_torn,
  header_sequence_equal,
  header_identical,
  header_sequence_gap,
  headers_differ,
  identity_zero,
  reserved_not_zero,
  // Log, 2.3
  log_absent,
  log_dirty,
  log_target_outside,
  log_leftover,
  log_torn_entry,
  log_not_examined,
  // Region tables, 2.2.3
  region_table_torn,
  region_tables_differ,
  region_unknown,
  // Metadata, 2.6
  metadata_flags,
  metadata_item_unknown,
  metadata_item_overlap,
  physical_sector_smaller,
  fixed_with_parent,
  locator_unused,
  locator_without_path,
  locator_second_linkage,
  // Block allocation table, 2.5
  bat_larger_than_needed,
  bat_slack_not_zero,
  bat_reserved_bits,
  block_undefined,
  block_offset_unused,
  block_past_disk_end,
  block_missing_in_fixed,
  // Sector bitmaps, 2.4
  bitmap_without_parent,
  bitmap_stale,
  bitmap_past_disk_end,
  block_partial_empty,
  // Space
  space_unused,
  file_longer_than_needed,
  file_size_uneven,
  file_beyond_limit,
};

struct OddityInfo {
  Oddity oddity;
  std::string_view name;     // "vhdx-header-torn"
  std::string_view meaning;  // one sentence for a person
  Severity severity;
};

// Every oddity once, in the order of the enumeration.
[[nodiscard]] std::span<const OddityInfo> all_oddities();
[[nodiscard]] const OddityInfo& oddity_info(Oddity oddity);

struct Finding {
  Severity severity = Severity::damage;
  std::string name;                     // "vhdx-block-overlap"
  std::string meaning;                  // what it is, in one sentence
  std::string where;                    // "block 17", "header 2"
  std::optional<uint64_t> file_offset;  // of the bytes that are wrong; none where no byte is to blame
  std::string found;
  std::string expected;        // empty where `meaning` says it
  bool is_repairable = false;  // 'disk repair' mends it
};

// Takes findings in. A hostile file has millions of them: of each name only the first few are kept in full,
// the rest are counted.
class FindingCollector {
 public:
  static constexpr uint64_t kept_per_name_max = 20;

  struct Particulars {
    std::string where;
    std::optional<uint64_t> file_offset = {};
    std::string found = {};
    std::string expected = {};
    bool is_repairable = false;
    std::optional<Severity> severity = {};  // where it differs from the usual one
  };

  // `particulars` is a function that words them; it is not called for what is only counted.
  template <typename Words>
  void add(Fault fault, Words particulars) {
    const FaultInfo& info = fault_info(fault);
    if (counted(info.name)) keep(info.name, info.meaning, Severity::damage, particulars());
  }
  template <typename Words>
  void add(Oddity oddity, Words particulars) {
    const OddityInfo& info = oddity_info(oddity);
    if (counted(info.name)) keep(info.name, info.meaning, info.severity, particulars());
  }

  // A named fault that came as an Error. False, and nothing is added, where it is none of this format's: the
  // check itself failed.
  [[nodiscard]] bool add(const Error& error, Particulars particulars);

  [[nodiscard]] std::vector<Finding>& kept() { return findings_; }

  // How often each name was found, those not kept included.
  [[nodiscard]] const std::map<std::string, uint64_t, std::less<>>& counts() const { return counts_; }

 private:
  [[nodiscard]] bool counted(std::string_view name);
  void keep(std::string_view name, std::string_view meaning, Severity usual, Particulars particulars);

  std::vector<Finding> findings_;
  std::map<std::string, uint64_t, std::less<>> counts_;
};

}  // namespace vhdlab::vhdx
