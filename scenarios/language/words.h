// Small helps with words: quoting what a user wrote in a message, and guessing which known word was meant.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace vhdlab::scenarios {

// The text in quotes, shortened, without control characters: safe to print whatever the file holds.
[[nodiscard]] std::string in_quotes(std::string_view text);

// "did you mean 'queue_depth'?" where one of the known words is near; else "known are 'a', 'b' and 'c'";
// empty where none are known.
[[nodiscard]] std::string suggestion(std::string_view word, std::span<const std::string_view> known);

// Whether the text is a name as users give them: at most 64 small letters, digits, '_' and '-', a letter
// first.
[[nodiscard]] bool is_plain_name(std::string_view text);

// "'a', 'b' and 'c'"
[[nodiscard]] std::string joined(std::span<const std::string_view> words);

}  // namespace vhdlab::scenarios
