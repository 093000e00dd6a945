// Results as text: for a terminal, a markdown page, a spreadsheet, another program.
#pragma once

#include <span>
#include <string>

#include "engine/base/error.h"
#include "reports/export/table.h"
#include "reports/results/run_record.h"

namespace vhdlab::reports {

struct TerminalStyle {
  size_t width = 100;   // columns; a table too wide loses its last columns, and says so
  bool colour = false;  // ANSI: bold findings, red for what went wrong
};

// The findings, a table per measurement, expectations and warnings. Ends in a line feed. Control characters
// from the record are shown as '?', so that a file cannot drive the terminal.
[[nodiscard]] std::string render_terminal(const RunRecord& record, TerminalStyle style);

[[nodiscard]] std::string render_markdown(std::span<const RunRecord> records);

// RFC 4180 with line feeds: numbers_table() of all records, numbers in full precision. A text that a
// spreadsheet would run as a formula is put behind an apostrophe.
[[nodiscard]] std::string render_csv(std::span<const RunRecord> records);

// One record as results.json; several as a list of them.
[[nodiscard]] std::string render_json(std::span<const RunRecord> records);

[[nodiscard]] std::string table_as_markdown(const Table& table);
[[nodiscard]] std::string table_as_csv(const Table& table);
[[nodiscard]] std::string table_as_text(const Table& table, TerminalStyle style);

}  // namespace vhdlab::reports
