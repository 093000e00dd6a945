// Handing out a device's space to files; see volume.h.
#include "sim/device/volume.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/base/units.h"

namespace vhdlab::sim {

Result<void> Volume::place(const FileRequest& request, std::vector<DeviceRequest>& placed) {
  if (request.kind == RequestKind::flush) {
    placed.push_back({.kind = RequestKind::flush});
    return {};
  }
  const uint64_t end = request.offset_bytes + request.length_bytes;
  for (uint64_t offset = request.offset_bytes; offset < end;) {
    const uint64_t index = offset / piece_bytes;
    const uint64_t piece_end = std::min(end, (index + 1) * piece_bytes);
    const uint64_t begin = TRY(piece_of(request.file, index)) * piece_bytes + offset % piece_bytes;
    const bool continues = !placed.empty() && placed.back().kind == request.kind &&
                           offset > request.offset_bytes && placed.back().end_bytes() == begin;
    if (continues) {
      placed.back().length_bytes += piece_end - offset;
    } else {
      placed.push_back({request.kind, begin, piece_end - offset});
    }
    offset = piece_end;
  }
  return {};
}

void Volume::remove(uint32_t file) {
  const auto first = pieces_.lower_bound({file, 0});
  auto last = first;
  for (; last != pieces_.end() && last->first.first == file; ++last)
    returned_.insert(last->second);
  pieces_.erase(first, last);
}

Result<uint64_t> Volume::piece_of(uint32_t file, uint64_t index) {
  const auto [found, is_new] = pieces_.try_emplace({file, index}, next_piece_);
  if (!is_new) return found->second;
  if (next_piece_ < piece_count_) {
    ++next_piece_;
  } else if (!returned_.empty()) {
    found->second = *returned_.begin();
    returned_.erase(returned_.begin());
  } else {
    pieces_.erase(found);
    return failure(ErrorKind::no_space, "sim-device-full",
                   fmt::format("the files of the chain do not fit on the simulated device, which holds {}",
                               format_size(piece_count_ * piece_bytes)),
                   "choose a larger device ('vhdlab list devices') or a smaller disk (--set disk.size=...)");
  }
  return found->second;
}

}  // namespace vhdlab::sim
