// The map behind occupancy.h.
#include "engine/format/vhdx/occupancy.h"

#include <algorithm>
#include <utility>

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

std::optional<ByteRange> Occupancy::claim_gap(uint64_t length) {
  if (!gaps_) gaps_ = find_gaps();
  const uint64_t units = length / placement_unit;
  const auto gap = std::ranges::find_if(*gaps_, [&](const auto& entry) { return entry.second >= units; });
  if (gap == gaps_->end()) return std::nullopt;
  const auto [first, available] = *gap;
  gaps_->erase(gap);
  if (available > units) gaps_->emplace(first + units, available - units);
  const ByteRange range{first * placement_unit, length};
  if (!claim(range)) std::unreachable();
  return range;
}

void Occupancy::release(ByteRange range) {
  for (uint64_t unit = range.offset / placement_unit; unit < range.end() / placement_unit; ++unit) {
    pages_[unit / units_per_page].reset(unit % units_per_page);
  }
}

std::vector<uint64_t> Occupancy::page_numbers() const {
  std::vector<uint64_t> numbers;
  numbers.reserve(pages_.size());
  for (const auto& [page, bits] : pages_)
    numbers.push_back(page);
  std::ranges::sort(numbers);
  return numbers;
}

std::map<uint64_t, uint64_t> Occupancy::find_gaps() const {
  std::map<uint64_t, uint64_t> gaps;
  uint64_t expected = 0;  // the unit that would continue what has been seen so far
  for (uint64_t page : page_numbers()) {
    for (uint64_t i = 0; i < units_per_page; ++i) {
      if (!pages_.at(page)[i]) continue;
      const uint64_t unit = page * units_per_page + i;
      if (unit > expected) gaps.emplace(expected, unit - expected);
      expected = unit + 1;
    }
  }
  return gaps;
}

uint64_t Occupancy::unclaimed_bytes() const {
  uint64_t units = 0;
  for (const auto& [first, count] : find_gaps())
    units += count;
  return units * placement_unit;
}

uint64_t Occupancy::claimed_end() const {
  uint64_t end = 0;
  for (const auto& [page, bits] : pages_) {
    for (uint64_t i = 0; i < units_per_page; ++i) {
      if (bits[i]) end = std::max(end, (page * units_per_page + i + 1) * placement_unit);
    }
  }
  return end;
}

}  // namespace vhdlab::vhdx
