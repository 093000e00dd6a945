// In which order a run of layers is merged, and what each order costs. Moving every changed byte once, in one
// pass, is the cheapest for time; merging in groups from the oldest on needs less free space, because each
// group's files go before the next is begun. From the newest on, a pair at a time, as Microsoft's procedure
// for hand-merging says, what the newest layers hold moves again and again.
//
//   layers      one pass      oldest first           newest first
//   3 ▒ ░ ░     (1 2 3)→0     1→0, 2→0, 3→0          3→2, 2→1, 1→0
//   2 ▒ ▒ ░     |union|       |L1| + |L2| + |L3|     |L3| + |L2 ∪ L3| + |L1 ∪ L2 ∪ L3|
//   1 ░ ▒ ▒
//   0 target
//
// Pure: prices a census (layer_census.h). Space is what the device must have free beyond what is taken at
// the start: a target grows while its sources still stand, and they give their space back once it is done.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "engine/merge/layer_census.h"

namespace vhdlab {

// One merge: layers lowest_source .. top, or what they have become, into what target has become. Layers are
// those of the census, whatever was merged before.
struct MergeMove {
  uint32_t target = 0;
  uint32_t lowest_source = 0;
  uint32_t top = 0;
  friend auto operator<=>(const MergeMove&, const MergeMove&) = default;
};

// Exact where the layers' disks have one size. Where they differ, zeros past a smaller disk's end may come to
// be stored as data and move as such: then bytes_to_copy and bytes_to_zero hold together, as an upper bound.
struct PricedMove {
  MergeMove move;
  uint64_t bytes_to_copy = 0;
  uint64_t bytes_to_zero = 0;
  uint64_t growth_bytes = 0;  // of the target's file, at most, while the sources are still there
  uint64_t freed_bytes = 0;   // the sources' files, once the move is done
};

struct MergeOrder {
  std::vector<PricedMove> moves;
  uint64_t bytes_to_copy = 0;
  uint64_t bytes_to_zero = 0;
  uint64_t peak_bytes = 0;   // free space needed, at most
  int64_t gained_bytes = 0;  // space given back in the end, less what the target grew by
};

// Prices moves of one census; remembers what it worked out. Not thread-safe.
class MergePrices {
 public:
  // `census` must outlive this.
  explicit MergePrices(const LayerCensus& census);

  // The order that applies `moves` one after the other; each must find its layers as they are by then.
  [[nodiscard]] MergeOrder price(const std::vector<MergeMove>& moves);

  [[nodiscard]] MergeOrder one_pass();
  [[nodiscard]] MergeOrder oldest_first();  // pairs
  [[nodiscard]] MergeOrder newest_first();  // pairs

  // Of all orders that end with everything in the target and never need more than `space_limit_bytes`, the
  // one that moves the fewest bytes; among those, one that needs the least space. Nothing where no order
  // fits: then least_space() says what is needed. Every order there is is looked at for up to
  // exhaustive_sources_max sources; beyond that, those that go in groups from the oldest on.
  [[nodiscard]] std::optional<MergeOrder> cheapest(uint64_t space_limit_bytes);

  // The order that needs the least space, and among those moves the fewest bytes.
  [[nodiscard]] MergeOrder least_space();

  static constexpr uint32_t exhaustive_sources_max = 15;

 private:
  struct Cost {
    uint64_t copy = 0;
    uint64_t zero = 0;
    uint64_t growth = 0;
  };
  const Cost& cost_of(MergeMove move);

  // What the file of layer `bottom` takes once layers up to `top` are merged into it.
  uint64_t space_of(uint32_t bottom, uint32_t top);

  class MergeStates;
  struct Best;  // way on from a state
  enum class Aim { fewest_bytes, least_space };
  std::optional<std::vector<MergeMove>> search(uint64_t space_limit_bytes, Aim aim);

  // Of the moves that `state` allows, with what `best` says of the states they lead to.
  Best best_way_on(const MergeStates& states, uint64_t state, const std::vector<Best>& best,
                   uint64_t space_limit_bytes, Aim aim);
  static bool is_better(const Best& way, const Best& known, Aim aim);

  const LayerCensus& census_;
  uint64_t space_at_start_ = 0;
  std::map<MergeMove, Cost> costs_;
  std::map<std::pair<uint32_t, uint32_t>, uint64_t> spaces_;
};

}  // namespace vhdlab
