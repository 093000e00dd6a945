// Small text files in which operations keep what must outlive them: the record of a merge, the journal of a
// family's merges, the manifest of a machine. One fact a line, closed by a line with a checksum of all before
// it:
//
//   vhdlab merge 2
//   ...
//   end 1a2b3c4d
//
// Such a file is always replaced whole: a cut leaves the old text or the new one.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/error.h"
#include "engine/base/guid.h"
#include "engine/io/file_system.h"

namespace vhdlab {

// The lines, each ended by a line feed, with the closing line after them.
[[nodiscard]] std::string sealed(std::string lines);

// The lines before the closing one; nothing where it is missing or its checksum is not theirs.
[[nodiscard]] std::optional<std::string_view> unsealed(std::string_view text);

// The text before the next `separator`, or all of it where there is none, taken off the front together with
// the separator.
std::string_view take(std::string_view& text, char separator);

// False where the text is not a number and nothing else.
template <typename Number>
[[nodiscard]] bool read_number(std::string_view text, Number& number) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  return parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size();
}

// False where the text is no GUID.
[[nodiscard]] bool read_guid(std::string_view text, Guid& guid);

// Where the next text of the file at `path` grows before it takes the file's place. After a cut one may be
// left.
[[nodiscard]] std::string unfinished_record_path(const std::string& path);

// Puts `text` in the place of the file at `path`, or makes it, durably. Faults: those of writing.
[[nodiscard]] Result<void> replace_record(FileSystem& files, const std::string& path, std::string_view text);

// Removes the file at `path` where there is one, durably, and what may be left of the next. Faults: those of
// removing.
[[nodiscard]] Result<void> remove_record(FileSystem& files, const std::string& path);

// The whole text; nothing where the file is longer than size_bytes_max. Faults: those of reading.
[[nodiscard]] Result<std::optional<std::string>> read_record(FileSystem& files, const std::string& path,
                                                             uint64_t size_bytes_max);

}  // namespace vhdlab
