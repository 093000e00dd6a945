// Looking at files; see disk_survey.h.
#include "scenarios/cli/disk_survey.h"

#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/units.h"
#include "engine/base/utf16.h"
#include "engine/chain/chain_open.h"
#include "engine/format/vhdx/layout.h"
#include "engine/format/vhdx/metadata.h"
#include "scenarios/cli/command_line.h"

namespace vhdlab::scenarios {
namespace {

// The text up to the first NUL; what is no UTF-16 is not worth a failure.
Result<std::string> read_creator(File& file) {
  vhdx::FileIdentifier identifier;
  TRY(file.read(0, std::as_writable_bytes(std::span(&identifier, 1))));
  size_t length = 0;
  while (length < identifier.creator.size() && identifier.creator[length] != 0)
    ++length;
  return utf8_from_utf16le(std::as_bytes(std::span(identifier.creator).first(length))).value_or("");
}

ParentSurvey survey_parent(FileSystem& files, const std::string& child_path,
                           const vhdx::ParentLocator& locator, RandomSource& random) {
  ParentSurvey survey{.locator = locator, .path = {}, .problem = {}};
  auto path = find_parent(files, child_path, locator);
  if (!path) {
    survey.problem = path.error().message;
    return survey;
  }
  survey.path = *std::move(path);
  const auto parent = open_vhdx(files, survey.path, OpenMode::read_only, CacheMode::buffered, random);
  if (!parent) {
    survey.problem = parent.error().message;
    return survey;
  }
  const Guid& identity = (*parent)->image().header().data_write_guid;
  survey.is_identity_right = locator.accepts(identity);
  if (!survey.is_identity_right) {
    survey.problem = fmt::format("another disk, or written to since: its identity is {}, expected {}",
                                 identity.to_lower(), locator.linkage.to_lower());
  }
  return survey;
}

nlohmann::ordered_json text_or_null(const std::string& text) {
  return text.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(text);
}

nlohmann::ordered_json as_json(const ParentSurvey& parent) {
  return {
      {"path", text_or_null(parent.path)},
      {"identity_ok", parent.is_identity_right},
      {"problem", text_or_null(parent.problem)},
      {"linkage", parent.locator.linkage.to_lower()},
      {"linkage2", parent.locator.linkage2 && !parent.locator.linkage2->is_zero()
                       ? nlohmann::ordered_json(parent.locator.linkage2->to_lower())
                       : nlohmann::ordered_json(nullptr)},
      {"relative_path", text_or_null(parent.locator.relative_path)},
      {"volume_path", text_or_null(parent.locator.volume_path)},
      {"absolute_win32_path", text_or_null(parent.locator.absolute_win32_path)},
  };
}

}  // namespace

std::string_view DiskSurvey::type() const {
  if (parent) return "differencing";
  return is_fixed ? "fixed" : "dynamic";
}

uint64_t DiskSurvey::block_count() const {
  return divide_up(disk_size_bytes, block_size_bytes);
}

double DiskSurvey::present_percent() const {
  return 100.0 * static_cast<double>(blocks_present()) / static_cast<double>(block_count());
}

Result<DiskSurvey> survey_disk(FileSystem& files, const std::string& path, RandomSource& random) {
  const auto layer = TRY(open_vhdx(files, path, OpenMode::read_only, CacheMode::buffered, random));
  vhdx::Image& image = layer->image();
  const vhdx::DiskMetadata& metadata = image.metadata();
  const vhdx::Header& header = image.header();
  DiskSurvey survey{
      .path = path,
      .disk_size_bytes = metadata.disk_size_bytes,
      .block_size_bytes = metadata.block_size_bytes,
      .logical_sector_size_bytes = metadata.logical_sector_size_bytes,
      .physical_sector_size_bytes = metadata.physical_sector_size_bytes,
      .is_fixed = metadata.leave_blocks_allocated,
      .file_size_bytes = TRY(image.file().size_bytes()),
      .allocated_bytes = TRY(image.file().allocated_bytes()),
      .creator = TRY(read_creator(image.file())),
      .virtual_disk_id = metadata.virtual_disk_id,
      .file_write_guid = header.file_write_guid,
      .data_write_guid = header.data_write_guid,
      .header_sequence_number = header.sequence_number,
      .log_length_bytes = header.log_length,
      .is_log_dirty = image.log_was_dirty(),
      .census = TRY(image.census()),
      .parent = {},
  };
  if (metadata.parent) survey.parent = survey_parent(files, path, *metadata.parent, random);
  return survey;
}

Result<void> check_numbers(const std::string& path, const vhdx::DiskMetadata& metadata) {
  if (const auto checked = as_usage(vhdx::check_disk_numbers(path, metadata)); !checked) {
    Error error = checked.error();
    if (error.fault == "vhdx-disk-size") {
      error.message = fmt::format("{}: a disk of {} is over 64 TiB or not whole sectors", path,
                                  exact_size(metadata.disk_size_bytes));
    }
    error.hint = fmt::format(
        "a disk has 3MiB to 64TiB in whole sectors of {} bytes, and blocks of 1MiB to 256MiB, a power of two",
        metadata.logical_sector_size_bytes);
    return std::unexpected(std::move(error));
  }
  if (metadata.disk_size_bytes >= vhdx::disk_size_min_bytes) return {};
  return usage_failure(
      "vhdx-disk-size",
      fmt::format("{}: a disk of {}, a VHDX has at least {}", path, format_size(metadata.disk_size_bytes),
                  format_size(vhdx::disk_size_min_bytes)),
      "give a size of 3MiB or more");
}

nlohmann::ordered_json as_json(const DiskSurvey& survey) {
  return {
      {"path", survey.path},
      {"format", "vhdx"},
      {"type", survey.type()},
      {"disk_size_bytes", survey.disk_size_bytes},
      {"block_size_bytes", survey.block_size_bytes},
      {"logical_sector_size_bytes", survey.logical_sector_size_bytes},
      {"physical_sector_size_bytes", survey.physical_sector_size_bytes},
      {"file_size_bytes", survey.file_size_bytes},
      {"allocated_bytes", survey.allocated_bytes},
      {"blocks",
       {{"total_count", survey.block_count()},
        {"fully_present_count", survey.census.fully_present},
        {"partially_present_count", survey.census.partially_present},
        {"zeroed_count", survey.census.zeroed},
        {"not_present_count", survey.census.not_present},
        {"bitmap_count", survey.census.bitmap_blocks}}},
      {"creator", survey.creator},
      {"virtual_disk_id", survey.virtual_disk_id.to_lower()},
      {"data_write_guid", survey.data_write_guid.to_lower()},
      {"file_write_guid", survey.file_write_guid.to_lower()},
      {"log_state", survey.is_log_dirty ? "dirty" : "clean"},
      {"log_length_bytes", survey.log_length_bytes},
      {"header_sequence_number", survey.header_sequence_number},
      {"parent", survey.parent ? as_json(*survey.parent) : nlohmann::ordered_json(nullptr)},
  };
}

std::vector<std::pair<std::string, std::string>> as_facts(const DiskSurvey& survey) {
  std::vector<std::pair<std::string, std::string>> facts = {
      {"path", survey.path},
      {"type", fmt::format("{} VHDX", survey.type())},
      {"disk size", fmt::format("{} ({} bytes)", format_size(survey.disk_size_bytes),
                                format_count(survey.disk_size_bytes))},
      {"block size", exact_size(survey.block_size_bytes)},
      {"sectors", fmt::format("{} logical, {} physical", exact_size(survey.logical_sector_size_bytes),
                              exact_size(survey.physical_sector_size_bytes))},
      {"file", fmt::format("{} long, {} allocated", format_size(survey.file_size_bytes),
                           format_size(survey.allocated_bytes))},
      {"blocks",
       fmt::format("{}: {} full, {} partial, {} zeroed, {} not present", format_count(survey.block_count()),
                   format_count(survey.census.fully_present), format_count(survey.census.partially_present),
                   format_count(survey.census.zeroed), format_count(survey.census.not_present))},
      {"bitmap blocks", format_count(survey.census.bitmap_blocks)},
      {"creator", survey.creator},
      {"virtual disk ID", survey.virtual_disk_id.to_lower()},
      {"data write GUID", survey.data_write_guid.to_lower()},
      {"file write GUID", survey.file_write_guid.to_lower()},
      {"log",
       fmt::format(
           "{}, {}",
           survey.is_log_dirty ? "dirty (replayed in memory here; the next writer mends the file)" : "clean",
           exact_size(survey.log_length_bytes))},
      {"header", fmt::format("sequence {}", survey.header_sequence_number)},
  };
  if (!survey.parent) return facts;
  const ParentSurvey& parent = *survey.parent;
  facts.emplace_back("parent", parent.path.empty() ? "missing" : parent.path);
  facts.emplace_back("parent identity", fmt::format("{}{}", parent.locator.linkage.to_lower(),
                                                    parent.is_identity_right ? " (fits)" : ""));
  if (!parent.problem.empty()) facts.emplace_back("parent problem", parent.problem);
  const std::array<std::pair<const char*, const std::string*>, 3> paths = {{
      {"relative path", &parent.locator.relative_path},
      {"volume path", &parent.locator.volume_path},
      {"absolute path", &parent.locator.absolute_win32_path},
  }};
  for (const auto& [name, path] : paths) {
    if (!path->empty()) facts.emplace_back(name, *path);
  }
  return facts;
}

std::string json_text(const nlohmann::ordered_json& document) {
  return document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string exact_size(uint64_t size_bytes) {
  constexpr std::array<std::pair<uint64_t, std::string_view>, 4> units = {
      {{tib, "TiB"}, {gib, "GiB"}, {mib, "MiB"}, {kib, "KiB"}}};
  for (const auto& [unit, name] : units) {
    if (size_bytes != 0 && size_bytes % unit == 0) return fmt::format("{} {}", size_bytes / unit, name);
  }
  return fmt::format("{} B", size_bytes);
}

}  // namespace vhdlab::scenarios
