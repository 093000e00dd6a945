// Taking apart the lines of text in which merges keep what must outlive them: the record of one merge
// (merge_record.h) and the journal of a family's (family_journal.h).
#pragma once

#include <algorithm>
#include <string_view>

namespace vhdlab {

// The text before the next `separator`, or all of it where there is none, taken off the front together with
// the separator.
[[nodiscard]] inline std::string_view take(std::string_view& text, char separator) {
  const size_t end = std::min(text.find(separator), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

}  // namespace vhdlab
