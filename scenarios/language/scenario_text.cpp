// Reading what a scenario file says to people; see scenario_text.h.
#include "scenarios/language/scenario_text.h"

#include <algorithm>

namespace vhdlab::scenarios {

std::optional<size_t> line_of_binary(std::string_view text) {
  size_t line = 1;
  for (size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    if (first == 0) return line;
    if (first == '\n') ++line;
    const size_t length = first < 0x80                    ? 1
                          : first >= 0xc2 && first < 0xe0 ? 2
                          : first < 0xf0                  ? 3
                          : first < 0xf5                  ? 4
                                                          : 0;
    if (length == 0 || (first >= 0x80 && first < 0xc2) || i + length > text.size()) return line;
    for (size_t j = 1; j < length; ++j) {
      if ((static_cast<unsigned char>(text[i + j]) & 0xc0) != 0x80) return line;
    }
    i += length;
  }
  return std::nullopt;
}

std::string_view without_mark(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  return text;
}

std::string introduction_of(std::string_view text) {
  std::string introduction;
  text = without_mark(text);
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (line.ends_with('\r') || line.ends_with(' '))
      line.remove_suffix(1);
    if (line.empty() && introduction.empty()) continue;
    if (!line.starts_with('#')) break;
    line.remove_prefix(1);
    if (line.starts_with(' ')) line.remove_prefix(1);
    introduction += std::string(line) + "\n";
  }
  while (introduction.ends_with('\n'))
    introduction.pop_back();
  return introduction;
}

std::string first_sentence(std::string_view introduction) {
  std::string sentence;
  for (size_t i = 0; i < introduction.size(); ++i) {
    const char c = introduction[i];
    const bool ends_word =
        i + 1 == introduction.size() || introduction[i + 1] == ' ' || introduction[i + 1] == '\n';
    if (c == '\n' && (i + 1 == introduction.size() || introduction[i + 1] == '\n')) break;
    sentence += c == '\n' ? ' ' : c;
    if (ends_word && (c == '?' || (c == '.' && !sentence.ends_with("..")))) break;
  }
  return sentence;
}

}  // namespace vhdlab::scenarios
