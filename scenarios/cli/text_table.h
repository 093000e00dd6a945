// Tables for the terminal: columns as wide as their widest cell, numbers to the right.
#pragma once

#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

namespace vhdlab::scenarios {

struct TextColumn {
  std::string title;
  bool to_the_right = false;
};

using TextRow = std::vector<std::string>;

// Two spaces between columns, none at the ends of lines. Rows are as long as `columns`. Control characters
// from file names are shown as '?'.
void print_table(std::ostream& out, const std::vector<TextColumn>& columns, const std::vector<TextRow>& rows);

// One "name  value" per line, values in one column.
void print_facts(std::ostream& out, const std::vector<std::pair<std::string, std::string>>& facts);

// The text without control characters, so that a file's name cannot drive the terminal.
[[nodiscard]] std::string printable(const std::string& text);

// The same for text of several lines, whose line feeds and tabs stay.
[[nodiscard]] std::string printable_lines(const std::string& text);

}  // namespace vhdlab::scenarios
