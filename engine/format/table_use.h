// What it cost in tables to find something out. A file's tables are read by pages of 4 KiB; each time one is
// looked at is a lookup, answered from memory or by reading the page from the file.
//
// Counts are kept by the asker, not by the table, so that threads which ask at once share no counter.
#pragma once

#include <cstdint>
#include <vector>

namespace vhdlab {

inline constexpr uint64_t table_page_length = 4096;

// One table page that was not in memory: table_page_length bytes from file_offset on.
struct TableRead {
  uint32_t layer = 0;  // whose file; a layer leaves 0 here, its chain fills in the position
  uint64_t file_offset = 0;
  friend bool operator==(const TableRead&, const TableRead&) = default;
};

struct TableUse {
  uint64_t lookups = 0;
  std::vector<TableRead> reads;  // the lookups that missed, in the order in which the pages were read

  void clear() {
    lookups = 0;
    reads.clear();
  }
};

}  // namespace vhdlab
