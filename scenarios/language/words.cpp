// Nearness is the number of single-letter edits, a swap of neighbours counting as one (optimal string
// alignment).
#include "scenarios/language/words.h"

#include <algorithm>
#include <cctype>
#include <vector>

namespace vhdlab::scenarios {
namespace {

constexpr size_t word_length_max = 64;  // nothing known is longer; keeps the table small for hostile input

std::string plain(std::string_view word) {
  std::string result;
  for (char c : word)
    result += c == '-' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

size_t edits_between(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> edits(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i)
    edits[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j)
    edits[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      edits[i][j] = std::min(
          {edits[i - 1][j] + 1, edits[i][j - 1] + 1, edits[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) edits[i][j] = std::min(edits[i][j], edits[i - 2][j - 2] + 1);
    }
  }
  return edits[a.size()][b.size()];
}

}  // namespace

std::string in_quotes(std::string_view text) {
  constexpr size_t length_max = 60;
  std::string result = "'";
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool starts_character = (byte & 0xc0) != 0x80;
    if (i >= length_max && starts_character) {
      result += "...";
      break;
    }
    result += byte < 0x20 || byte == 0x7f ? '?' : text[i];
  }
  return result + "'";
}

std::string joined(std::span<const std::string_view> words) {
  std::string result;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) result += i + 1 == words.size() ? " and " : ", ";
    result += in_quotes(words[i]);
  }
  return result;
}

std::string suggestion(std::string_view word, std::span<const std::string_view> known) {
  if (known.empty()) return {};
  if (word.size() <= word_length_max) {
    const std::string wanted = plain(word);
    std::string_view nearest;
    size_t fewest = std::max<size_t>(1, word.size() / 3) + 1;
    for (std::string_view candidate : known) {
      const size_t edits = edits_between(wanted, plain(candidate));
      if (edits < fewest) {
        fewest = edits;
        nearest = candidate;
      }
    }
    if (!nearest.empty()) return "did you mean " + in_quotes(nearest) + "?";
  }
  return "known " + std::string(known.size() == 1 ? "is " : "are ") + joined(known);
}

bool is_plain_name(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !text.empty() && text.size() <= 64 && text[0] >= 'a' && text[0] <= 'z' &&
         std::ranges::all_of(text, fits);
}

}  // namespace vhdlab::scenarios
