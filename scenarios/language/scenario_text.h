// A scenario file as text, before YAML is looked for in it: whether it is text at all, and the comment that
// opens it, whose first sentence is the question the scenario answers.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace vhdlab::scenarios {

// The line (from 1) of the first byte that is not text: a zero, or not UTF-8. Nothing where all is text.
[[nodiscard]] std::optional<size_t> line_of_binary(std::string_view text);

// Without the byte-order mark that some editors put first.
[[nodiscard]] std::string_view without_mark(std::string_view text);

// The comment that opens a file, without '#' and one space after it; lines end in a line feed, the last in
// none.
[[nodiscard]] std::string introduction_of(std::string_view text);

// Up to the first question mark or full stop that ends a word, or the end of the paragraph, on one line.
[[nodiscard]] std::string first_sentence(std::string_view introduction);

}  // namespace vhdlab::scenarios
