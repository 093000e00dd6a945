// The map behind occupancy.h.
#include "engine/format/vhdx/occupancy.h"

#include <algorithm>

#include "engine/format/vhdx/layout.h"

namespace vhdlab::vhdx {

Occupancy::Occupancy(uint64_t file_size_bytes) : taken_(file_size_bytes / placement_unit + 1) {
  (void)claim({0, header_section_length});
}

bool Occupancy::claim(ByteRange range) {
  const uint64_t first = range.offset / placement_unit;
  const uint64_t last = divide_up(range.end(), placement_unit);
  if (last > taken_.size()) taken_.resize(std::max<uint64_t>(last, taken_.size() + taken_.size() / 2));
  const auto begin = taken_.begin() + static_cast<ptrdiff_t>(first);
  const auto end = taken_.begin() + static_cast<ptrdiff_t>(last);
  if (std::find(begin, end, true) != end) return false;
  std::fill(begin, end, true);
  end_ = std::max(end_, last * placement_unit);
  return true;
}

}  // namespace vhdlab::vhdx
