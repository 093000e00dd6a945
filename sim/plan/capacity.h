// When a volume fills, and until when the checkpoints on it can still be merged. Pure arithmetic over
// straight lines: what changes under checkpoints grows at a steady rate and takes new space, and a merge
// needs space before it gives any back. So there are two dates, and the earlier one is easily missed:
//
//   free ▲
//        │╲                  need of a merge ╱     free(t) = free - growth * t
//        │ ╲ ______________╱                       need(t) = need + new_share * growth * t
//        │  ╲╱                                     merge fits while free(t) >= need(t)
//        │ ╱ ╲
//        └────┴────┴──────► time
//             │    full
//             the last merge that fits
//
// Growth in a straight line is the careful assumption: a guest that writes the same places again fills less.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace vhdlab::sim {

// One virtual disk and the checkpoints under it.
struct GrowingDisk {
  double growth_bytes_per_s = 0;   // what its leaf takes on the volume
  uint64_t growth_left_bytes = 0;  // until the leaf holds the whole disk and can grow no more
  uint64_t merge_bytes = 0;        // what merging everything into the base moves, as things are
  uint64_t merge_space_bytes = 0;  // what that takes on the volume before it gives anything back
  uint64_t merge_freed_bytes = 0;  // space of the files that go with it, at its end
  double new_share = 1;            // of what changes from now on: what the base has no room for yet
};

struct GrowingVolume {
  uint64_t free_bytes = 0;
  std::vector<GrowingDisk> disks;
  // How fast a merge goes; without it, growth meanwhile is not counted.
  std::optional<double> copy_bytes_per_s;
};

struct CapacityForecast {
  std::optional<double> full_after_s;        // nothing: never, the leaves end before the space does
  std::optional<double> merge_fits_until_s;  // likewise; 0 or more where it fits now
  bool merge_fits_now = false;
  bool merge_ends = true;  // false where a disk changes as fast as a merge copies
};

[[nodiscard]] CapacityForecast forecast_capacity(const GrowingVolume& volume);

// Whether all disks, one after the other, can be merged `seconds` from now; those that need least go first,
// and what they give back counts for the next.
[[nodiscard]] bool merges_fit_after(const GrowingVolume& volume, double seconds);

// Free space then, if nothing is merged; below 0 the volume is full.
[[nodiscard]] double free_bytes_after(const GrowingVolume& volume, double seconds);

// What one layer took over the time it was written to.
struct LayerGrowth {
  double begun_unix_s = 0;
  uint64_t bytes = 0;
};

// Bytes a second from the first layer's beginning to `now_unix_s`. Nothing where that is less than an hour:
// files that were just copied or made say nothing about a guest.
[[nodiscard]] std::optional<double> growth_of(std::span<const LayerGrowth> layers, double now_unix_s);

}  // namespace vhdlab::sim
