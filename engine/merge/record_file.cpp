// Sealing, replacing and reading records; see record_file.h.
#include "engine/merge/record_file.h"

#include <algorithm>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "engine/base/crc32c.h"
#include "engine/io/paths.h"

namespace vhdlab {
namespace {

constexpr std::string_view closing_word = "end ";

std::string closing_line(std::string_view lines) {
  return fmt::format("{}{:08x}\n", closing_word, crc32c(std::as_bytes(std::span(lines))));
}

}  // namespace

std::string sealed(std::string lines) {
  const std::string closing = closing_line(lines);
  return std::move(lines) + closing;
}

std::optional<std::string_view> unsealed(std::string_view text) {
  const size_t end = text.rfind(closing_word);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view lines = text.substr(0, end);
  return text.substr(end) == closing_line(lines) ? std::optional(lines) : std::nullopt;
}

std::string_view take(std::string_view& text, char separator) {
  const size_t end = std::min(text.find(separator), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

bool read_guid(std::string_view text, Guid& guid) {
  const auto parsed = Guid::parse(text);
  if (parsed) guid = *parsed;
  return parsed.has_value();
}

std::string unfinished_record_path(const std::string& path) {
  return path + ".new";
}

Result<void> replace_record(FileSystem& files, const std::string& path, std::string_view text) {
  const std::string next = unfinished_record_path(path);
  if (files.exists(next)) TRY(files.remove(next));
  {
    const auto file = TRY(files.create(next));
    TRY(file->write(0, std::as_bytes(std::span(text))));
    TRY(file->flush());
  }
  TRY(files.rename(next, path));
  return files.sync_folder(absolute_folder_of(path));
}

Result<void> remove_record(FileSystem& files, const std::string& path) {
  const std::string next = unfinished_record_path(path);
  if (files.exists(next)) TRY(files.remove(next));
  if (!files.exists(path)) return {};
  TRY(files.remove(path));
  return files.sync_folder(absolute_folder_of(path));
}

Result<std::optional<std::string>> read_record(FileSystem& files, const std::string& path,
                                               uint64_t size_bytes_max) {
  const auto file = TRY(files.open(path, OpenMode::read_only));
  const uint64_t size = TRY(file->size_bytes());
  if (size > size_bytes_max) return std::nullopt;
  std::string text(size, '\0');
  TRY(file->read(0, std::as_writable_bytes(std::span(text))));
  return text;
}

}  // namespace vhdlab
