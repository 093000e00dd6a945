// Copying a disk's content; see copy_disk.h.
#include "engine/chain/copy_disk.h"

#include <algorithm>

namespace vhdlab {
namespace {

constexpr uint64_t window_bytes = 256 * mib;  // how much of the disk one plan describes
constexpr uint64_t piece_bytes = 4 * mib;     // how much is read at once
constexpr uint64_t zero_grain_bytes = 64 * kib;

// Writes `data` but for its grains of zeros; the target reads as zeros there already.
Result<uint64_t> write_without_zeros(Chain& target, uint64_t offset, Bytes data, WritePlan& plan) {
  uint64_t written = 0;
  uint64_t begin = 0;
  auto is_zero_grain = [&](uint64_t at) {
    return all_zero(data.subspan(at, std::min(zero_grain_bytes, data.size() - at)));
  };
  while (begin < data.size()) {
    if (is_zero_grain(begin)) {
      begin += zero_grain_bytes;
      continue;
    }
    uint64_t end = begin + zero_grain_bytes;
    while (end < data.size() && !is_zero_grain(end))
      end += zero_grain_bytes;
    end = std::min<uint64_t>(end, data.size());
    TRY(target.write(offset + begin, data.subspan(begin, end - begin), plan));
    written += end - begin;
    begin = end;
  }
  return written;
}

}  // namespace

Result<CopyOutcome> copy_disk(const Chain& source, Chain& target, const ProgressCallback& progress,
                              const StopRequested& stop) {
  const uint64_t disk_size = source.disk_size_bytes();
  const uint64_t target_sector = target.sector_size_bytes();
  CopyOutcome outcome;
  ReadPlan window_plan;
  ReadPlan read_plan;
  WritePlan write_plan;
  AlignedBuffer buffer(piece_bytes);
  for (uint64_t window = 0; window < disk_size; window += window_bytes) {
    TRY(source.resolve({window, std::min(window_bytes, disk_size - window)}, window_plan));
    uint64_t copied_to = window;  // pieces are widened to the target's sectors: never copy one twice
    for (const ReadSegment& segment : window_plan.segments) {
      if (segment.is_zero) continue;
      const uint64_t end = round_up(segment.virtual_offset + segment.length, target_sector);
      uint64_t offset = std::max(copied_to, round_down(segment.virtual_offset, target_sector));
      for (; offset < end; offset += piece_bytes) {
        if (stop && stop()) {
          return failure(ErrorKind::interrupted, "copy-interrupted",
                         source.leaf().path() + ": copy stopped on request");
        }
        const uint64_t length = std::min(piece_bytes, end - offset);
        const uint64_t readable = std::min(length, disk_size - offset);
        const MutableBytes piece = buffer.bytes().first(length);
        TRY(source.read(offset, piece.first(readable), read_plan));
        std::ranges::fill(piece.subspan(readable), std::byte{0});
        outcome.bytes_read += readable;
        outcome.bytes_written += TRY(write_without_zeros(target, offset, piece, write_plan));
        if (progress) progress(offset + readable, disk_size);
      }
      copied_to = std::max(copied_to, end);
    }
  }
  TRY(target.flush());
  if (progress) progress(disk_size, disk_size);
  return outcome;
}

}  // namespace vhdlab
