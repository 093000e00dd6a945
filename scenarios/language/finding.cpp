// Renders a finding the way compilers do.
#include "scenarios/language/finding.h"

#include <cstdint>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace vhdlab::scenarios {
namespace {

struct Character {
  std::string_view bytes;
  uint32_t code_point = 0;
};

// Malformed bytes count as a character each: this only lays out a line.
std::vector<Character> characters_of(std::string_view text) {
  std::vector<Character> characters;
  while (!text.empty()) {
    const auto first = static_cast<unsigned char>(text[0]);
    size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
    if (length > text.size()) length = 1;
    uint32_t code_point = length == 1 ? first : first & (0xffU >> (length + 1));
    for (size_t i = 1; i < length; ++i)
      code_point = code_point << 6 | (static_cast<unsigned char>(text[i]) & 0x3fU);
    characters.push_back({text.substr(0, length), code_point});
    text.remove_prefix(length);
  }
  return characters;
}

// Columns a terminal gives a character: combining marks none, East Asian wide characters and emoji two.
size_t width_of(uint32_t c) {
  if ((c >= 0x300 && c <= 0x36f) || (c >= 0x200b && c <= 0x200d) || (c >= 0xfe00 && c <= 0xfe0f)) return 0;
  const bool wide = (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
                    (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
                    (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
                    (c >= 0x1f300 && c <= 0x1faff) || (c >= 0x20000 && c <= 0x3fffd);
  return wide ? 2 : 1;
}

bool is_control(uint32_t c) {
  return (c < 0x20 && c != '\t') || (c >= 0x7f && c < 0xa0);
}

}  // namespace

std::string Finding::text() const {
  std::string result = fmt::format("{}:{}:{}: error: {}", file, line, column, message);
  if (!source_line.empty() && column > 0) {
    constexpr size_t shown_before = 70;
    constexpr size_t shown_after = 50;
    const auto characters = characters_of(source_line);
    const size_t at = column - 1;
    const size_t begin = at > shown_before ? at - shown_before : 0;
    const size_t end = std::min(characters.size(), at + shown_after);

    std::string shown = begin > 0 ? "  ..." : "  ";
    std::string caret = begin > 0 ? "     " : "  ";
    for (size_t i = begin; i < end; ++i) {
      const auto& [bytes, code_point] = characters[i];
      if (is_control(code_point)) {
        shown += '?';
      } else {
        shown += bytes;
      }
      if (i < at) caret += code_point == '\t' ? "\t" : std::string(width_of(code_point), ' ');
    }
    if (end < characters.size()) shown += "...";
    result += "\n" + shown + "\n" + caret + "^";
  }
  if (!hint.empty()) result += "\n  hint: " + hint;
  return result;
}

}  // namespace vhdlab::scenarios
