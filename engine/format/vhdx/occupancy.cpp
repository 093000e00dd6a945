// The map behind occupancy.h.
#include "engine/format/vhdx/occupancy.h"

#include <algorithm>

#include "engine/format/vhdx/layout.h"

namespace vhdlab::vhdx {

Occupancy::Occupancy() {
  (void)claim({0, header_section_length});
}

bool Occupancy::is_taken(uint64_t unit) const {
  const auto page = pages_.find(unit / units_per_page);
  return page != pages_.end() && page->second[unit % units_per_page];
}

bool Occupancy::claim(ByteRange range) {
  const uint64_t first = range.offset / placement_unit;
  const uint64_t last = divide_up(range.end(), placement_unit);
  for (uint64_t unit = first; unit < last; ++unit) {
    if (is_taken(unit)) return false;
  }
  for (uint64_t unit = first; unit < last; ++unit)
    pages_[unit / units_per_page].set(unit % units_per_page);
  end_ = std::max(end_, last * placement_unit);
  return true;
}

}  // namespace vhdlab::vhdx
