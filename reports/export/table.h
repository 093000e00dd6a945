// One table, however it is shown: page, markdown, terminal and CSV all render this.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace vhdlab::reports {

struct Column {
  std::string name;   // for programs: "latency_ns_p50"
  std::string title;  // for people: "p50"
  bool numeric = false;
};

struct Cell {
  std::string text;              // for people: "12.4 us"; empty where there is no value
  std::string detail;            // the interval: "12.1 to 12.9 us"; may be empty
  std::optional<double> number;  // for programs, in the metric's unit
};

struct Table {
  std::string title;
  std::string note;  // what the details mean, or how to read it; may be empty
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;  // each as long as columns
  std::string note_without_details{};   // the note where details are not shown; empty: the same
};

}  // namespace vhdlab::reports
