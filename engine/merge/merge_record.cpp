// The record as text, one fact a line, closed by a checksum of all before it:
//
//   vhdlab merge 2
//   range TARGET TOP
//   keep 0
//   moved VIRTUAL-END BYTES (while bytes move)
//   session GUID            (likewise, once the target is open)
//   total BYTES             (likewise, where known)
//   rate BYTES-PER-SECOND   (likewise)
//   target GUID PATH
//   source GUID PATH        (each, the lowest first)
//   child PATH              (where there is one)
//   end CHECKSUM
#include "engine/merge/merge_record.h"

#include <filesystem>
#include <string_view>

#include <fmt/format.h>

#include "engine/merge/record_file.h"

namespace vhdlab {
namespace {

constexpr std::string_view first_line = "vhdlab merge 2";
constexpr uint64_t record_size_max = 16 * mib;

std::string folder_of(const std::string& path) {
  return std::filesystem::absolute(path).lexically_normal().parent_path().string();
}

std::string to_text(const MergeRecord& record) {
  std::string text = fmt::format("{}\nrange {} {}\nkeep {:d}\n", first_line, record.range.target,
                                 record.range.top, record.keep_sources);
  if (record.progress) {
    text += fmt::format("moved {} {}\n", record.progress->virtual_end, record.progress->bytes_moved);
    if (record.progress->session) text += fmt::format("session {}\n", record.progress->session->to_lower());
    if (record.progress->bytes_to_move) text += fmt::format("total {}\n", *record.progress->bytes_to_move);
    if (record.progress->bytes_per_s) text += fmt::format("rate {}\n", *record.progress->bytes_per_s);
  }
  text += fmt::format("target {} {}\n", record.target.identity.to_lower(), record.target.path);
  for (const MergeRecord::Disk& source : record.sources)
    text += fmt::format("source {} {}\n", source.identity.to_lower(), source.path);
  if (record.child_path) text += fmt::format("child {}\n", *record.child_path);
  return sealed(std::move(text));
}

template <typename Number>
std::optional<Number> number(std::string_view text) {
  Number value = 0;
  return read_number(text, value) ? std::optional(value) : std::nullopt;
}

std::optional<MergeRecord::Disk> disk(std::string_view text) {
  const auto identity = Guid::parse(take(text, ' '));
  if (!identity || text.empty()) return std::nullopt;
  return MergeRecord::Disk{std::string(text), *identity};
}

std::optional<MergeRecord> from_text(std::string_view text) {
  const auto lines = unsealed(text);
  if (!lines) return std::nullopt;
  std::string_view rest = *lines;
  if (take(rest, '\n') != first_line) return std::nullopt;

  MergeRecord record;
  bool has_range = false;
  while (!rest.empty()) {
    std::string_view line = take(rest, '\n');
    const std::string_view word = take(line, ' ');
    if (word == "range") {
      const auto target = number<LayerIndex>(take(line, ' '));
      const auto top = number<LayerIndex>(line);
      if (!target || !top) return std::nullopt;
      record.range = {*target, *top};
      has_range = true;
    } else if (word == "moved") {
      const auto virtual_end = number<uint64_t>(take(line, ' '));
      const auto bytes_moved = number<uint64_t>(line);
      if (!virtual_end || !bytes_moved) return std::nullopt;
      record.progress = {*virtual_end, *bytes_moved, {}, {}, {}};
    } else if (word == "total" || word == "rate") {
      const auto value = number<uint64_t>(line);
      if (!value || !record.progress) return std::nullopt;
      (word == "total" ? record.progress->bytes_to_move : record.progress->bytes_per_s) = value;
    } else if (word == "session") {
      const auto session = Guid::parse(line);
      if (!session || !record.progress) return std::nullopt;
      record.progress->session = *session;
    } else if (word == "keep") {
      record.keep_sources = line == "1";
    } else if (word == "target" || word == "source") {
      auto named = disk(line);
      if (!named) return std::nullopt;
      if (word == "target") {
        record.target = *std::move(named);
      } else {
        record.sources.push_back(*std::move(named));
      }
    } else if (word == "child") {
      record.child_path = line;
    } else {
      return std::nullopt;
    }
  }
  if (!has_range || record.target.path.empty() || record.sources.empty()) return std::nullopt;
  return record;
}

}  // namespace

std::string merge_record_path(const std::string& leaf_path) {
  return leaf_path + ".merge";
}

Result<void> write_merge_record(FileSystem& files, const std::string& leaf_path, const MergeRecord& record) {
  return replace_record(files, merge_record_path(leaf_path), to_text(record));
}

Result<std::optional<MergeRecord>> read_merge_record(FileSystem& files, const std::string& leaf_path) {
  const std::string path = merge_record_path(leaf_path);
  if (!files.exists(path)) return std::nullopt;
  const auto text = TRY(read_record(files, path, record_size_max));
  return text ? from_text(*text) : std::nullopt;
}

Result<void> remove_merge_record(FileSystem& files, const std::string& leaf_path) {
  const std::string path = merge_record_path(leaf_path);
  const std::string next = unfinished_record_path(path);
  if (files.exists(next)) TRY(files.remove(next));
  if (!files.exists(path)) return {};
  TRY(files.remove(path));
  return files.sync_folder(folder_of(path));
}

}  // namespace vhdlab
