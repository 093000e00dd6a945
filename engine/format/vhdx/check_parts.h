// The parts of check_image, one per structure, and what they share. Not for other users.
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/error.h"
#include "engine/format/vhdx/check.h"
#include "engine/format/vhdx/check_findings.h"
#include "engine/format/vhdx/layout.h"
#include "engine/io/file.h"

namespace vhdlab::vhdx {

// A file whose reads end with it: what lies past the end reads as zeros, and the caller knows the size.
class CheckedFile {
 public:
  CheckedFile(File& file, uint64_t size_bytes) : file_(file), size_bytes_(size_bytes) {}

  [[nodiscard]] uint64_t size_bytes() const { return size_bytes_; }
  [[nodiscard]] const std::string& name() const { return file_.name(); }
  [[nodiscard]] File& file() { return file_; }

  [[nodiscard]] bool holds(ByteRange range) const {
    return range.offset <= size_bytes_ && range.length <= size_bytes_ - range.offset;
  }
  [[nodiscard]] Result<void> read(uint64_t offset, MutableBytes into);

  // Calls `look(file_offset, bytes)` for the runs of `range` that may hold data, in pieces of at most 1 MiB
  // that begin at multiples of `step` from the range's start and are whole steps where the range is.
  template <typename Look>
  [[nodiscard]] Result<void> for_each_piece(ByteRange range, uint64_t step, Look look);

 private:
  File& file_;
  uint64_t size_bytes_;
};

template <typename Structure>
[[nodiscard]] Structure read_at(Bytes bytes, size_t offset) {
  Structure structure;
  std::memcpy(&structure, bytes.data() + offset, sizeof(structure));
  return structure;
}

// Whether the range begins and ends where regions, blocks and the log may (2.1).
[[nodiscard]] inline bool on_grid(ByteRange range) {
  return range.offset % placement_unit == 0 && range.length % placement_unit == 0;
}

// Reads both region tables; sets state.regions to what the first intact one lists.
[[nodiscard]] Result<void> check_region_tables(CheckedFile& file, CheckedState& state,
                                               FindingCollector& findings);

// Reads the metadata region; sets state.metadata where a disk can be made out. `region` begins inside the
// file.
[[nodiscard]] Result<void> check_metadata(CheckedFile& file, ByteRange region, CheckedState& state,
                                          FindingCollector& findings);

// Checks the block allocation table, the sector bitmaps and the use of space. Needs state.header, .regions
// and .metadata.
[[nodiscard]] Result<void> check_tables(CheckedFile& file, CheckedState& state, FindingCollector& findings);

template <typename Look>
Result<void> CheckedFile::for_each_piece(ByteRange range, uint64_t step, Look look) {
  const uint64_t end = std::min(range.end(), size_bytes_);
  const uint64_t length_max = round_down(1 * mib, step);
  std::vector<std::byte> piece;  // as long as the longest run so far: most files hold little in a long range
  for (uint64_t offset = range.offset; offset < end;) {
    const auto data = TRY(file_.next_data(offset));
    if (!data || data->offset >= end) break;
    offset = std::max(offset, range.offset + round_down(data->offset - range.offset, step));
    const uint64_t data_end = range.offset + round_up(std::min(data->end(), end) - range.offset, step);
    const uint64_t length = std::min({end - offset, data_end - offset, length_max});
    if (piece.size() < length) piece = std::vector<std::byte>(length);
    TRY(file_.read(offset, MutableBytes(piece).first(length)));
    TRY(look(offset, Bytes(piece).first(length)));
    offset += length;
  }
  return {};
}

}  // namespace vhdlab::vhdx
