// A map from runs of bytes to values: which block stands where, which part is present, who wrote what. What
// continues its neighbour is joined to it, so that a disk filled in order takes one entry, however large.
//
//   [0, 64 MiB) -> file at 4 MiB, and [64, 66 MiB) -> file at 68 MiB, become [0, 66 MiB) -> file at 4 MiB
//
// A Value says what it is `bytes` further on: `Value advanced(uint64_t bytes) const`, and compares by ==.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <vector>

#include "engine/base/bytes.h"

namespace vhdlab {

// Not safe for concurrent changes. Memory: one tree node for each run, some 80 bytes, and 24 more where
// frozen.
template <typename Value>
class ExtentMap {
 public:
  struct Run {
    ByteRange range;
    Value value;  // at range.offset
  };

  ExtentMap() = default;
  ExtentMap(ExtentMap&&) = default;  // places point into the runs, which move along
  ExtentMap& operator=(ExtentMap&&) = default;
  ExtentMap(const ExtentMap& other) : runs_(other.runs_) {}  // not frozen
  ExtentMap& operator=(const ExtentMap& other) {
    runs_ = other.runs_;
    places_.clear();
    return *this;
  }
  ~ExtentMap() = default;

  [[nodiscard]] size_t run_count() const { return runs_.size(); }

  // Prepares for many lookups and few changes: they go by a list of the runs' places, and the next change
  // drops it.
  void freeze() {
    if (places_.size() == runs_.size()) return;
    places_.reserve(runs_.size());
    for (auto run = runs_.cbegin(); run != runs_.cend(); ++run)
      places_.push_back({run->first, run});
  }

  // The first run that ends behind `offset`, cut to what lies in [offset, end); nothing where none begins
  // before `end`.
  [[nodiscard]] std::optional<Run> next(uint64_t offset, uint64_t end) const {
    const auto run = first_ending_behind(offset);
    if (offset >= end || run == runs_.end() || run->first >= end) return std::nullopt;
    const uint64_t from = std::max(offset, run->first);
    return Run{{from, std::min(end, run->second.end) - from}, run->second.value.advanced(from - run->first)};
  }

  // Everything in `range` gets a value that begins with `value`; what was there is forgotten.
  void assign(ByteRange range, const Value& value) {
    if (range.empty()) return;
    erase(range);  // drops the places as well
    auto after = runs_.lower_bound(range.offset);
    if (after != runs_.begin()) {
      const auto before = std::prev(after);
      const bool continues = before->second.end == range.offset &&
                             before->second.value.advanced(range.offset - before->first) == value;
      if (continues) {
        before->second.end = range.end();
        join(before, after);
        return;
      }
    }
    join(runs_.emplace_hint(after, range.offset, Stored{range.end(), value}), after);
  }

  void erase(ByteRange range) {
    if (range.empty()) return;
    places_.clear();
    auto run = first_ending_behind(range.offset);
    while (run != runs_.end() && run->first < range.end()) {
      const uint64_t begin = run->first;
      const Stored stored = run->second;
      if (begin < range.offset) {
        run->second.end = range.offset;
        ++run;
      } else {
        run = runs_.erase(run);
      }
      if (stored.end > range.end()) {
        runs_.emplace_hint(run, range.end(), Stored{stored.end, stored.value.advanced(range.end() - begin)});
        return;
      }
    }
  }

 private:
  struct Stored {
    uint64_t end;
    Value value;
  };
  using Runs = std::map<uint64_t, Stored>;
  struct Place {
    uint64_t begin;
    typename Runs::const_iterator run;
  };

  template <typename Map>
  static auto first_ending_behind(Map& runs, uint64_t offset) {
    auto run = runs.upper_bound(offset);
    if (run != runs.begin() && std::prev(run)->second.end > offset) --run;
    return run;
  }
  [[nodiscard]] auto first_ending_behind(uint64_t offset) const {
    if (places_.empty()) return first_ending_behind(runs_, offset);
    const auto above = std::ranges::upper_bound(places_, offset, {}, &Place::begin);
    if (above != places_.begin() && (above - 1)->run->second.end > offset) return (above - 1)->run;
    return above == places_.end() ? runs_.cend() : above->run;
  }
  [[nodiscard]] auto first_ending_behind(uint64_t offset) { return first_ending_behind(runs_, offset); }

  // Joins `run` with the one behind it where that continues it.
  void join(typename Runs::iterator run, typename Runs::iterator after) {
    if (after == runs_.end() || run->second.end != after->first) return;
    if (!(run->second.value.advanced(after->first - run->first) == after->second.value)) return;
    run->second.end = after->second.end;
    runs_.erase(after);
  }

  Runs runs_;
  std::vector<Place> places_;  // of all runs, where frozen; else empty
};

// A value that only says "here".
struct Present {
  [[nodiscard]] Present advanced(uint64_t) const { return {}; }
  friend bool operator==(const Present&, const Present&) = default;
};

}  // namespace vhdlab
