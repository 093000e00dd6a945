// The way from file to file that every file has: through memory, keeping the source's holes.
#include "engine/io/file.h"

#include <algorithm>

namespace vhdlab {
namespace {

constexpr uint64_t buffer_bytes_max = 1 * mib;

}  // namespace

Result<CopyWay> File::copy_from(File& source, ByteRange from, uint64_t to_offset) {
  AlignedBuffer buffer(std::min(from.length, buffer_bytes_max));
  const bool keeps_holes = from.length >= hole_bytes_min;
  for (uint64_t at = from.offset; at < from.end();) {
    uint64_t end = from.end();
    if (keeps_holes) {
      const auto data = TRY(source.next_data(at));
      const uint64_t hole_end = std::min(end, data ? data->offset : TRY(source.size_bytes()));
      const uint64_t target = to_offset + (at - from.offset);
      // A hole behind the end of this file would not extend it, so it is written.
      if (hole_end > at && target + (hole_end - at) <= TRY(size_bytes())) {
        TRY(punch_hole({target, hole_end - at}));
        at = hole_end;
        continue;
      }
      if (data && data->offset <= at) end = std::min(end, data->end());
    }
    const MutableBytes piece = buffer.bytes().first(std::min<uint64_t>(buffer.size(), end - at));
    TRY(source.read(at, piece));
    TRY(write(to_offset + (at - from.offset), piece));
    at += piece.size();
  }
  return CopyWay::through_memory;
}

}  // namespace vhdlab
