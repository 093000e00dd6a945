// Pricing and searching orders; see merge_order.h.
//
// A state is the set of sources whose files still stand; what each remaining file holds follows from it, so
// the space taken does too, and the best way on from a state does not depend on how it was reached.
#include "engine/merge/merge_order.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <numeric>
#include <tuple>
#include <unordered_map>

namespace vhdlab {
namespace {

enum class Held { absent, data, zero };

// What layers first .. last say together of a column: the newest that says anything.
Held newest_in(const LayerColumn& column, uint32_t first, uint32_t last) {
  for (auto holding = column.rbegin(); holding != column.rend(); ++holding) {
    if (holding->layer > last) continue;
    if (holding->layer < first) return Held::absent;
    return holding->is_zero ? Held::zero : Held::data;
  }
  return Held::absent;
}

bool holds_data(const LayerColumn& column, uint32_t layer) {
  return std::ranges::find(column, Holding{layer, false}) != column.end();
}

// Whether the file of layer `bottom` has space for a column once layers up to `top` are in it. Space the
// file had from the start stays its own, also under zeros.
bool has_space(const LayerColumn& column, uint32_t bottom, uint32_t top) {
  return newest_in(column, bottom, top) == Held::data || holds_data(column, bottom);
}

// How much more than `space` a need is.
uint64_t beyond(uint64_t space, uint64_t need) {
  return need - std::min(need, space);
}

}  // namespace

// The states an order may go through, numbered so that every move leads to a smaller number: the way on from
// a state is known before the states that lead to it. 0: all is in the target; the last: nothing was moved.
class MergePrices::MergeStates {
 public:
  explicit MergeStates(uint32_t source_count)
      : source_count_(source_count), is_exhaustive_(source_count <= exhaustive_sources_max) {}

  [[nodiscard]] uint64_t count() const {
    return is_exhaustive_ ? uint64_t{1} << source_count_ : source_count_ + 1;
  }

  // The bottoms of the groups that are left, the target's among them, and one past the last layer.
  [[nodiscard]] std::vector<uint32_t> bottoms_in(uint64_t state) const {
    std::vector<uint32_t> bottoms = {0};
    for (uint32_t source = 1; source <= source_count_; ++source) {
      if (stands(source, state)) bottoms.push_back(source);
    }
    bottoms.push_back(source_count_ + 1);
    return bottoms;
  }

  // How many of the groups, counted from the lowest, others may be merged into.
  [[nodiscard]] size_t targets_among(size_t groups) const {
    return is_exhaustive_ ? groups - 1 : std::min<size_t>(groups - 1, 1);
  }

  // The state once the group that begins with `bottom` is merged, after those between it and its target.
  [[nodiscard]] uint64_t without(uint32_t bottom, uint64_t state) const {
    return is_exhaustive_ ? state & ~(uint64_t{1} << (bottom - 1)) : state - 1;
  }

 private:
  // With few sources a state is the set of those that stand, as bits; with more, only states whose first
  // sources are gone are looked at, and a state is how many are left on top.
  [[nodiscard]] bool stands(uint32_t source, uint64_t state) const {
    return is_exhaustive_ ? (state >> (source - 1) & 1) != 0 : source_count_ - source < state;
  }

  uint32_t source_count_;
  bool is_exhaustive_;
};

struct MergePrices::Best {
  bool is_possible = false;
  uint64_t bytes = 0;
  uint64_t peak = 0;
  MergeMove move{};
  uint64_t next = 0;  // the state after the move
};

MergePrices::MergePrices(const LayerCensus& census) : census_(census) {
  for (const uint64_t space : census_.allocated_bytes)
    space_at_start_ += space;
}

const MergePrices::Cost& MergePrices::cost_of(MergeMove move) {
  const auto [found, is_new] = costs_.try_emplace(move);
  if (!is_new) return found->second;
  Cost& cost = found->second;
  cost.growth = census_.table_growth_bytes[move.target];
  for (const auto& [column, size] : census_.columns) {
    const Held moved = newest_in(column, move.lowest_source, move.top);
    if (moved == Held::zero) cost.zero += size.bytes;
    if (moved != Held::data) continue;
    cost.copy += size.bytes;
    if (!has_space(column, move.target, move.lowest_source - 1)) cost.growth += size.space_bytes;
  }
  return cost;
}

uint64_t MergePrices::space_of(uint32_t bottom, uint32_t top) {
  if (top == bottom) return census_.allocated_bytes[bottom];
  const auto [found, is_new] = spaces_.try_emplace({bottom, top});
  if (!is_new) return found->second;
  found->second = census_.allocated_bytes[bottom] + census_.table_growth_bytes[bottom];
  for (const auto& [column, size] : census_.columns) {
    if (has_space(column, bottom, top) && !holds_data(column, bottom)) found->second += size.space_bytes;
  }
  return found->second;
}

MergeOrder MergePrices::price(const std::vector<MergeMove>& moves) {
  // Of the groups that are left, and one past the last layer.
  std::vector<uint32_t> bottoms(census_.source_count + 2);
  std::iota(bottoms.begin(), bottoms.end(), 0U);

  MergeOrder order;
  uint64_t taken = space_at_start_;
  for (const MergeMove& move : moves) {
    const Cost& cost = cost_of(move);
    const auto lowest = std::ranges::find(bottoms, move.lowest_source);
    const auto end = std::ranges::find(bottoms, move.top + 1);
    assert(lowest != bottoms.begin() && lowest < end && *(lowest - 1) == move.target);
    PricedMove priced{.move = move,
                      .bytes_to_copy = cost.copy,
                      .bytes_to_zero = cost.zero,
                      .growth_bytes = cost.growth,
                      .freed_bytes = 0};
    order.peak_bytes = std::max(order.peak_bytes, beyond(space_at_start_, taken + cost.growth));
    for (auto bottom = lowest; bottom != end; ++bottom)
      priced.freed_bytes += space_of(*bottom, *(bottom + 1) - 1);
    taken -= priced.freed_bytes + space_of(move.target, move.lowest_source - 1);
    taken += space_of(move.target, move.top);
    bottoms.erase(lowest, end);
    order.bytes_to_copy += cost.copy;
    order.bytes_to_zero += cost.zero;
    order.moves.push_back(priced);
  }
  order.gained_bytes = static_cast<int64_t>(space_at_start_) - static_cast<int64_t>(taken);
  return order;
}

MergeOrder MergePrices::one_pass() {
  return price({{0, 1, census_.source_count}});
}

MergeOrder MergePrices::oldest_first() {
  std::vector<MergeMove> moves;
  for (uint32_t source = 1; source <= census_.source_count; ++source)
    moves.push_back({0, source, source});
  return price(moves);
}

MergeOrder MergePrices::newest_first() {
  std::vector<MergeMove> moves;
  for (uint32_t source = census_.source_count; source >= 1; --source)
    moves.push_back({source - 1, source, census_.source_count});
  return price(moves);
}

std::optional<std::vector<MergeMove>> MergePrices::search(uint64_t space_limit_bytes, Aim aim) {
  const MergeStates states(census_.source_count);
  std::vector<Best> best(states.count());
  best[0].is_possible = true;
  for (uint64_t state = 1; state < states.count(); ++state)
    best[state] = best_way_on(states, state, best, space_limit_bytes, aim);

  uint64_t state = states.count() - 1;
  if (!best[state].is_possible) return std::nullopt;
  std::vector<MergeMove> moves;
  for (; state != 0; state = best[state].next)
    moves.push_back(best[state].move);
  return moves;
}

MergePrices::Best MergePrices::best_way_on(const MergeStates& states, uint64_t state,
                                           const std::vector<Best>& best, uint64_t space_limit_bytes,
                                           Aim aim) {
  const std::vector<uint32_t> bottoms = states.bottoms_in(state);
  const size_t groups = bottoms.size() - 1;
  uint64_t taken = 0;
  for (size_t group = 0; group < groups; ++group)
    taken += space_of(bottoms[group], bottoms[group + 1] - 1);

  Best known;
  for (size_t target = 0; target < states.targets_among(groups); ++target) {
    uint64_t next = state;
    for (size_t last = target + 1; last < groups; ++last) {
      next = states.without(bottoms[last], next);
      const MergeMove move{bottoms[target], bottoms[target + 1], bottoms[last + 1] - 1};
      const Cost& cost = cost_of(move);
      const uint64_t needed = beyond(space_at_start_, taken + cost.growth);
      if (needed > space_limit_bytes || !best[next].is_possible) continue;
      const Best way{.is_possible = true,
                     .bytes = cost.copy + best[next].bytes,
                     .peak = std::max(needed, best[next].peak),
                     .move = move,
                     .next = next};
      if (!known.is_possible || is_better(way, known, aim)) known = way;
    }
  }
  return known;
}

bool MergePrices::is_better(const Best& way, const Best& known, Aim aim) {
  return aim == Aim::fewest_bytes ? std::tie(way.bytes, way.peak) < std::tie(known.bytes, known.peak)
                                  : std::tie(way.peak, way.bytes) < std::tie(known.peak, known.bytes);
}

std::optional<MergeOrder> MergePrices::cheapest(uint64_t space_limit_bytes) {
  const auto moves = search(space_limit_bytes, Aim::fewest_bytes);
  if (!moves) return std::nullopt;
  return price(*moves);
}

MergeOrder MergePrices::least_space() {
  const MergeOrder order = price(*search(std::numeric_limits<uint64_t>::max(), Aim::least_space));
  return *cheapest(order.peak_bytes);
}

}  // namespace vhdlab
