// What can be said about one VHDX file by looking at it, for `disk info`, `disk chain` and `disk create`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/base/error.h"
#include "engine/base/random.h"
#include "engine/chain/chain.h"
#include "engine/format/vhdx/image.h"
#include "engine/io/file_system.h"
#include "scenarios/cli/text_table.h"

namespace vhdlab::scenarios {

struct ParentSurvey {
  vhdx::ParentLocator locator;
  std::string path;                // the file the locator leads to; empty where there is none
  bool is_identity_right = false;  // that file is the disk the child was made from, unchanged since
  std::string problem;             // why the parent cannot be used; empty where it can
};

struct DiskSurvey {
  std::string path;
  uint64_t disk_size_bytes = 0;
  uint32_t block_size_bytes = 0;
  uint32_t logical_sector_size_bytes = 0;
  uint32_t physical_sector_size_bytes = 0;
  bool is_fixed = false;
  uint64_t file_size_bytes = 0;
  uint64_t allocated_bytes = 0;
  std::string creator;
  Guid virtual_disk_id;
  Guid file_write_guid;
  Guid data_write_guid;
  uint64_t header_sequence_number = 0;
  uint64_t log_length_bytes = 0;
  bool is_log_dirty = false;
  vhdx::BlockCensus census;
  std::optional<ParentSurvey> parent;

  [[nodiscard]] std::string_view type() const;  // "fixed", "dynamic", "differencing"
  [[nodiscard]] uint64_t block_count() const;
  // Blocks that hold data of their own, wholly or in part.
  [[nodiscard]] uint64_t blocks_present() const { return census.fully_present + census.partially_present; }
  [[nodiscard]] double present_percent() const;
};

// Opens the file read-only and, for a differencing disk, looks for its parent. A parent that is missing or
// cannot be read is part of the answer, not a failure. Faults: those of open_vhdx.
[[nodiscard]] Result<DiskSurvey> survey_disk(FileSystem& files, const std::string& path,
                                             RandomSource& random);

// Whether a disk of these numbers can be made, said before anything is created; `path` begins the message.
// A fault is wrong use: the numbers come from the command line. Faults: vhdx-block-size, vhdx-disk-size,
// vhdx-sector-size.
[[nodiscard]] Result<void> check_numbers(const std::string& path, const vhdx::DiskMetadata& metadata);

[[nodiscard]] nlohmann::ordered_json as_json(const DiskSurvey& survey);
[[nodiscard]] std::vector<std::pair<std::string, std::string>> as_facts(const DiskSurvey& survey);

// JSON as one indented document with a line feed; bytes that are no UTF-8 (in file names) become U+FFFD.
[[nodiscard]] std::string json_text(const nlohmann::ordered_json& document);

// The largest unit that gives a whole number: "2 MiB", "1536 KiB", "700 B".
[[nodiscard]] std::string exact_size(uint64_t size_bytes);

}  // namespace vhdlab::scenarios
