// Printing tables; see text_table.h.
#include "scenarios/cli/text_table.h"

#include <algorithm>
#include <ostream>

namespace vhdlab::scenarios {
namespace {

size_t width_columns(const std::string& text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

void print_row(std::ostream& out, const std::vector<TextColumn>& columns, const std::vector<size_t>& widths,
               const TextRow& row) {
  std::string line;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) line += "  ";
    const std::string space(widths[i] - width_columns(row[i]), ' ');
    line += columns[i].to_the_right ? space + row[i] : row[i] + space;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  out << line << "\n";
}

}  // namespace

std::string printable(const std::string& text) {
  std::string result = text;
  std::ranges::replace_if(
      result, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return result;
}

std::string printable_lines(const std::string& text) {
  std::string result = printable(text);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n' || text[i] == '\t') result[i] = text[i];
  }
  return result;
}

void print_table(std::ostream& out, const std::vector<TextColumn>& columns,
                 const std::vector<TextRow>& rows) {
  TextRow titles;
  for (const TextColumn& column : columns)
    titles.push_back(column.title);
  std::vector<TextRow> shown = {titles};
  for (const TextRow& row : rows) {
    TextRow& cells = shown.emplace_back();
    std::ranges::transform(row, std::back_inserter(cells), printable);
  }
  std::vector<size_t> widths(columns.size());
  for (const TextRow& row : shown) {
    for (size_t i = 0; i < columns.size(); ++i)
      widths[i] = std::max(widths[i], width_columns(row[i]));
  }
  for (const TextRow& row : shown)
    print_row(out, columns, widths, row);
}

void print_facts(std::ostream& out, const std::vector<std::pair<std::string, std::string>>& facts) {
  size_t width = 0;
  for (const auto& [name, value] : facts)
    width = std::max(width, width_columns(name));
  for (const auto& [name, value] : facts)
    out << name << std::string(width - width_columns(name) + 2, ' ') << printable(value) << "\n";
}

}  // namespace vhdlab::scenarios
