// How much of a disk each combination of layers holds: all that the price of any order of merges depends on,
// in a table that grows with the combinations that occur and not with the disk.
//
//              ┌────┬────┬────┬────┐
//   layer 2    │    │ ▒▒ │ ▒▒ │    │       {1: data}            4 MiB
//   layer 1    │ ▒▒ │ ▒▒ │    │    │  ──►  {1: data, 2: data}   2 MiB
//   target 0   │    │    │ ▒▒ │ ▒▒ │       {0: data, 2: data}   ...
//              └────┴────┴────┴────┘
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "engine/base/error.h"
#include "engine/chain/chain.h"
#include "engine/chain/copy_disk.h"
#include "engine/merge/merge_plan.h"

namespace vhdlab {

// What one layer says of a stretch of the disk; see engine/format/extent.h. Absent is not kept.
struct Holding {
  uint32_t layer = 0;  // 0 is the target
  bool is_zero = false;
  friend auto operator<=>(const Holding&, const Holding&) = default;
};

// By rising layer.
using LayerColumn = std::vector<Holding>;

struct ColumnSize {
  uint64_t bytes = 0;
  uint64_t space_bytes = 0;  // with every stretch widened to whole pages of a file system, 4 KiB
};

// Layer 0 is a merge's target, layers 1 .. source_count what stands above it.
struct LayerCensus {
  uint32_t source_count = 0;
  std::vector<uint64_t> allocated_bytes;     // by layer: what its file takes on the device
  std::vector<uint64_t> table_growth_bytes;  // by layer: what its tables may take when it is merged into
  std::map<LayerColumn, ColumnSize> columns;

  void add(const LayerColumn& column, ByteRange range);
};

// Of layers target .. top of the chain. Memory beside the table is that of one stretch of 64 MiB. Faults:
// merge-range, merge-interrupted, those of reading tables.
[[nodiscard]] Result<LayerCensus> take_census(const Chain& chain, MergeRange range,
                                              const StopRequested& stop);

}  // namespace vhdlab
