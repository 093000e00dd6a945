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

#include <string_view>

#include <fmt/format.h>

#include "engine/merge/record_file.h"

namespace vhdlab {
namespace {

constexpr std::string_view first_line = "vhdlab merge 2";
constexpr uint64_t record_size_max = 16 * mib;

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

// Fields of a line, from the left; each says whether it stands there as it should.

template <typename Number>
bool read_field(std::string_view field, std::optional<Number>& number) {
  Number value = 0;
  if (!read_number(field, value)) return false;
  number = value;
  return true;
}

bool read_range(std::string_view fields, std::optional<MergeRange>& range) {
  MergeRange found;
  if (!read_number(take(fields, ' '), found.target) || !read_number(fields, found.top)) return false;
  range = found;
  return true;
}

bool read_moved(std::string_view fields, std::optional<MergeRecord::Progress>& progress) {
  MergeRecord::Progress found;
  if (!read_number(take(fields, ' '), found.virtual_end) || !read_number(fields, found.bytes_moved))
    return false;
  progress = found;
  return true;
}

bool read_disk(std::string_view fields, MergeRecord::Disk& disk) {
  if (!read_guid(take(fields, ' '), disk.identity)) return false;
  disk.path = fields;
  return !disk.path.empty();
}

// What follows "moved", whose line comes first.
bool read_progress(std::string_view word, std::string_view fields, MergeRecord::Progress& progress) {
  if (word == "total") return read_field(fields, progress.bytes_to_move);
  if (word == "rate") return read_field(fields, progress.bytes_per_s);
  return read_guid(fields, progress.session.emplace());
}

// One line of a record. `range` stays empty until its line has come.
bool read_line(std::string_view line, MergeRecord& record, std::optional<MergeRange>& range) {
  const std::string_view word = take(line, ' ');
  if (word == "range") return read_range(line, range);
  if (word == "moved") return read_moved(line, record.progress);
  if (word == "session" || word == "total" || word == "rate")
    return record.progress && read_progress(word, line, *record.progress);
  if (word == "target") return read_disk(line, record.target);
  if (word == "source") return read_disk(line, record.sources.emplace_back());
  if (word == "keep") {
    record.keep_sources = line == "1";
  } else if (word == "child") {
    record.child_path = line;
  } else {
    return false;
  }
  return true;
}

std::optional<MergeRecord> from_text(std::string_view text) {
  const auto lines = unsealed(text);
  if (!lines) return std::nullopt;
  std::string_view rest = *lines;
  if (take(rest, '\n') != first_line) return std::nullopt;

  MergeRecord record;
  std::optional<MergeRange> range;
  while (!rest.empty()) {
    if (!read_line(take(rest, '\n'), record, range)) return std::nullopt;
  }
  if (!range || record.target.path.empty() || record.sources.empty()) return std::nullopt;
  record.range = *range;
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
  return remove_record(files, merge_record_path(leaf_path));
}

}  // namespace vhdlab
