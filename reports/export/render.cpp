// Tables and findings as text.
#include "reports/export/render.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "reports/export/record_tables.h"
#include "reports/findings/sweep_view.h"
#include "reports/results/result_file.h"

namespace vhdlab::reports {
namespace {

constexpr std::string_view bold = "\x1b[1m";
constexpr std::string_view dim = "\x1b[2m";
constexpr std::string_view red = "\x1b[31m";
constexpr std::string_view plain = "\x1b[0m";

std::string coloured(std::string_view text, std::string_view colour, TerminalStyle style) {
  return style.colour ? fmt::format("{}{}{}", colour, text, plain) : std::string(text);
}

// Without characters that a terminal acts on: C0, DEL, and C1 as UTF-8.
std::string printable(std::string_view text) {
  std::string safe;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    if (c == 0xc2 && next >= 0x80 && next < 0xa0) {
      safe += '?';
      ++i;
    } else {
      safe += c < 0x20 || c == 0x7f ? '?' : text[i];
    }
  }
  return safe;
}

// Columns taken on screen, counting each code point as one.
size_t width_of(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string padded(std::string_view text, size_t width, bool to_the_right) {
  const std::string space(width > width_of(text) ? width - width_of(text) : 0, ' ');
  return to_the_right ? space + std::string(text) : std::string(text) + space;
}

std::string wrapped(std::string_view text, size_t width) {
  std::string lines;
  size_t used = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    if (used != 0 && used + 1 + width_of(word) > width) {
      lines += '\n';
      used = 0;
    } else if (used != 0) {
      lines += ' ';
      ++used;
    }
    lines += word;
    used += width_of(word);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string markdown_escaped(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    if (c == '\n' || c == '\r') {
      safe += ' ';
    } else if (c == '<') {
      safe += "&lt;";
    } else if (c == '&') {
      safe += "&amp;";
    } else {
      if (std::string_view("\\`*_[]|#").find(c) != std::string_view::npos) safe += '\\';
      safe += c;
    }
  }
  return safe;
}

// A fence longer than any run of backticks inside.
std::string markdown_code(std::string_view text, std::string_view language) {
  size_t longest = 0;
  size_t run = 0;
  for (const char c : text) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  const std::string fence(std::max<size_t>(3, longest + 1), '`');
  return fmt::format("{}{}\n{}{}{}\n", fence, language, text, text.ends_with('\n') ? "" : "\n", fence);
}

std::string csv_field(const std::string& text, bool is_number) {
  std::string safe = text;
  if (!is_number && !safe.empty() && std::string_view("=+-@\t\r").find(safe[0]) != std::string_view::npos) {
    safe.insert(0, "'");
  }
  if (safe.find_first_of(",\"\r\n") == std::string::npos) return safe;
  std::string quoted = "\"";
  for (const char c : safe) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string markdown_of(const RunRecord& record, const std::string& title) {
  std::string text = "# " + markdown_escaped(title) + "\n\n";
  for (const std::string& finding : record.findings)
    text += "**" + markdown_escaped(finding) + "**\n\n";
  if (!record.scenario_question.empty()) text += "> " + markdown_escaped(record.scenario_question) + "\n\n";
  for (const Table& table : headline_tables(record))
    text += table_as_markdown(table);
  if (!record.expectations.empty()) text += table_as_markdown(expectation_table(record));
  for (const Note& note : record.notes) {
    text += fmt::format("- {}: {}\n", note.severity == Note::Severity::warning ? "Warning" : "Note",
                        markdown_escaped(note.text));
  }
  if (!record.notes.empty()) text += '\n';
  text += table_as_markdown(workload_table(record));
  text += table_as_markdown(environment_table(record));
  text += "### The scenario\n\n" + markdown_code(record.scenario_source, "yaml") + '\n';
  for (const Table& table : metric_tables(record))
    text += table_as_markdown(table);
  return text;
}

}  // namespace

std::string table_as_text(const Table& table, TerminalStyle style) {
  constexpr size_t gap = 2;
  std::vector<size_t> widths;
  for (size_t c = 0; c < table.columns.size(); ++c) {
    size_t width = width_of(printable(table.columns[c].title));
    for (const auto& row : table.rows)
      width = std::max(width, width_of(printable(row[c].text)));
    widths.push_back(width);
  }
  size_t shown = widths.size();
  auto total = [&] {
    return std::accumulate(widths.begin(), widths.begin() + static_cast<std::ptrdiff_t>(shown), shown * gap);
  };
  while (shown > 1 && total() > style.width + gap)
    --shown;

  auto line_of = [&](auto&& text_at) {
    std::string line;
    for (size_t c = 0; c < shown; ++c) {
      if (c != 0) line += std::string(gap, ' ');
      line += padded(text_at(c), widths[c], table.columns[c].numeric);
    }
    while (line.ends_with(' '))
      line.pop_back();
    return line;
  };
  std::string text;
  if (!table.title.empty()) text += coloured(printable(table.title), bold, style) + '\n';
  text += coloured(line_of([&](size_t c) { return printable(table.columns[c].title); }), dim, style) + '\n';
  for (const auto& row : table.rows)
    text += line_of([&](size_t c) { return printable(row[c].text); }) + '\n';
  std::string note = table.note_without_details.empty() ? table.note : table.note_without_details;
  if (shown < widths.size()) {
    const size_t left_out = widths.size() - shown;
    note += fmt::format("{}{} more {} not fit in {}", note.empty() ? "" : "; ", left_out,
                        left_out == 1 ? "column does" : "columns do", style.width);
  }
  if (!note.empty()) text += coloured("(" + note + ")", dim, style) + '\n';
  return text;
}

std::string render_terminal(const RunRecord& record, TerminalStyle style) {
  std::string text;
  const bool wrong = record.verification.sectors_wrong != 0;
  for (const Table& table : headline_tables(record))
    text += table_as_text(table, style) + '\n';
  for (const Expectation& expectation : record.expectations) {
    text += expectation.met ? "met:     " : coloured("not met: ", red, style);
    text += printable(expectation.text) + '\n';
  }
  for (const Note& note : record.notes) {
    const bool warning = note.severity == Note::Severity::warning;
    text += wrapped((warning ? "warning: " : "note: ") + printable(note.text), style.width) + '\n';
  }
  if (!record.expectations.empty() || !record.notes.empty()) text += '\n';
  for (const std::string& finding : record.findings) {
    text += coloured(wrapped(printable(finding), style.width), wrong ? red : bold, style) + '\n';
  }
  return text;
}

std::string table_as_markdown(const Table& table) {
  std::string text;
  if (!table.title.empty()) text += "### " + markdown_escaped(table.title) + "\n\n";
  text += '|';
  for (const Column& column : table.columns)
    text += " " + markdown_escaped(column.title) + " |";
  text += "\n|";
  for (const Column& column : table.columns)
    text += column.numeric ? " ---: |" : " --- |";
  text += '\n';
  for (const auto& row : table.rows) {
    text += '|';
    for (const Cell& cell : row)
      text += " " + markdown_escaped(cell.text) + " |";
    text += '\n';
  }
  text += '\n';
  if (!table.note.empty()) text += "_" + markdown_escaped(table.note) + "_\n\n";
  return text;
}

std::string table_as_csv(const Table& table) {
  std::string text;
  auto add_line = [&](size_t count, auto&& field_at) {
    for (size_t c = 0; c < count; ++c)
      text += (c == 0 ? "" : ",") + field_at(c);
    text += '\n';
  };
  add_line(table.columns.size(), [&](size_t c) { return csv_field(table.columns[c].name, false); });
  for (const auto& row : table.rows) {
    add_line(row.size(), [&](size_t c) {
      const Cell& cell = row[c];
      if (table.columns[c].numeric && cell.number) return fmt::format("{}", *cell.number);
      return csv_field(cell.text, false);
    });
  }
  return text;
}

std::string render_markdown(std::span<const RunRecord> records) {
  std::vector<const RunRecord*> pointers;
  for (const RunRecord& record : records)
    pointers.push_back(&record);
  const std::vector<std::string> names = run_names(pointers);
  std::string text;
  for (size_t i = 0; i < records.size(); ++i)
    text += markdown_of(records[i], names[i]);
  return text;
}

std::string render_csv(std::span<const RunRecord> records) {
  return table_as_csv(numbers_table(records));
}

std::string render_json(std::span<const RunRecord> records) {
  if (records.size() == 1) return result_text(records.front());
  std::string text = "[\n";
  for (size_t i = 0; i < records.size(); ++i) {
    text += result_text(records[i]);
    if (i + 1 < records.size()) text.insert(text.size() - 1, ",");
  }
  return text + "]\n";
}

}  // namespace vhdlab::reports
