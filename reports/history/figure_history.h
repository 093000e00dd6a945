// Figures measured again and again, commit by commit and machine by machine: one JSON object a line, appended
// and never changed, so that a file grows with the project and two branches' lines merge as text.
//
//   {"figure":"cached-depth-mapped","what":"...","unit":"1","median":0.97,"low":0.95,"high":0.98,"repeats":5,
//    "reach":0.95,"better":"higher","seed":42,"commit":"1a2b...","date":"2026-03-01T12:34:56Z",
//    "machine":{"cpu":"...","cores":2,"kernel":"Linux 6.1.0","file_system":"ext4"},"notes":["..."]}
//
// history.schema.json says the same for other programs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/error.h"

namespace vhdlab::reports {

// What a figure depends on besides the code. Figures of different machines are never drawn as one curve.
struct HistoryMachine {
  std::string cpu;
  uint32_t cores = 0;
  std::string kernel;
  std::string file_system;  // of the folder measured in
  friend bool operator==(const HistoryMachine&, const HistoryMachine&) = default;

  // "ext4 on 2 cores of AMD EPYC, Linux 6.1.0": names one machine class.
  [[nodiscard]] std::string text() const;
};

struct HistoryFigure {
  std::string figure;  // stable name, lower case with dashes: what lines of one curve share
  std::string what;    // the figure in words: "cached random 4 KiB reads, depth 1000 / depth 1"
  std::string unit;    // as in metrics.h, "1" for a ratio
  double median = 0;
  double low = 0;  // of the repeats, as Summary gives it
  double high = 0;
  uint32_t repeats = 0;
  std::optional<double> reach;  // the value to reach; absent where the figure only informs
  bool higher_is_better = true;
  uint64_t seed = 0;
  std::string commit;  // full hash, "+changes" behind it where the tree was not clean
  std::string date;    // ISO 8601 in UTC
  HistoryMachine machine;
  std::vector<std::string> notes;  // what distorts this one: residency, flushes, what was refused
  friend bool operator==(const HistoryFigure&, const HistoryFigure&) = default;

  // Whether the median reaches `reach`; true where there is nothing to reach.
  [[nodiscard]] bool is_reached() const;
};

// One line without its line feed.
[[nodiscard]] std::string history_line(const HistoryFigure& figure);

// Every line of `text`, in order; empty lines are passed over. `name` is the file's, for messages, which
// begin with "name:line: ". Faults: history-syntax (not JSON), history-field (missing, unknown, of the wrong
// type or out of range: low <= median <= high, repeats above 0).
[[nodiscard]] Result<std::vector<HistoryFigure>> parse_history(std::string_view text, std::string_view name);

// `path` is a .jsonl file, or a folder whose .jsonl files are read in order of their names. Faults:
// history-not-found (no such file, or a folder without one), history-read, those of parse_history.
[[nodiscard]] Result<std::vector<HistoryFigure>> read_history(const std::string& path);

// Whether read_history would find something at `path`, and no run's results stand there.
[[nodiscard]] bool is_history(const std::string& path);

// Adds the lines to the end of the file, which is made where it is absent. Fault: history-write.
[[nodiscard]] Result<void> append_history(const std::string& path, std::span<const HistoryFigure> figures);

// The last line of each figure on each machine, in the order in which they first appear.
[[nodiscard]] std::vector<HistoryFigure> latest_figures(std::span<const HistoryFigure> figures);

}  // namespace vhdlab::reports
