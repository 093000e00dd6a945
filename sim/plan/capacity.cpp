// Lines and where they cross; see capacity.h.
#include "sim/plan/capacity.h"

#include <algorithm>
#include <cmath>

namespace vhdlab::sim {
namespace {

constexpr double history_s_min = 3600;
constexpr double horizon_s = 100.0 * 365.25 * 86400;  // beyond any plan

double grown_after(const GrowingDisk& disk, double seconds) {
  return std::min(disk.growth_bytes_per_s * seconds, static_cast<double>(disk.growth_left_bytes));
}

bool can_grow(const GrowingDisk& disk) {
  return disk.growth_bytes_per_s > 0 && disk.growth_left_bytes > 0;
}

// What a merge of one disk takes and gives, at a moment.
struct MergeThen {
  double need = 0;
  double freed = 0;
};

MergeThen merge_of(const GrowingVolume& volume, const GrowingDisk& disk, double seconds) {
  const double grown = grown_after(disk, seconds);
  MergeThen merge{.need = static_cast<double>(disk.merge_space_bytes) + disk.new_share * grown,
                  .freed = static_cast<double>(disk.merge_freed_bytes) + grown};
  if (volume.copy_bytes_per_s && *volume.copy_bytes_per_s > disk.growth_bytes_per_s) {
    // The guest goes on while layers merge below it: D / (C - W), as in engine/merge/merge_time.h.
    const double moved = static_cast<double>(disk.merge_bytes) + grown;
    const double meanwhile =
        disk.growth_bytes_per_s * moved / (*volume.copy_bytes_per_s - disk.growth_bytes_per_s);
    merge.need += std::min(meanwhile, static_cast<double>(disk.growth_left_bytes) - grown);
  }
  return merge;
}

// The first moment at which `holds` no longer does; it never does again. Nothing beyond the horizon.
template <typename Holds>
std::optional<double> end_of(Holds holds) {
  if (holds(horizon_s)) return std::nullopt;
  double low = 0;
  double high = horizon_s;
  for (int i = 0; i < 100 && high - low > 1e-3; ++i) {
    const double middle = (low + high) / 2;
    (holds(middle) ? low : high) = middle;
  }
  return low;
}

}  // namespace

double free_bytes_after(const GrowingVolume& volume, double seconds) {
  auto left = static_cast<double>(volume.free_bytes);
  for (const GrowingDisk& disk : volume.disks)
    left -= grown_after(disk, seconds);
  return left;
}

bool merges_fit_after(const GrowingVolume& volume, double seconds) {
  std::vector<MergeThen> merges;
  for (const GrowingDisk& disk : volume.disks)
    merges.push_back(merge_of(volume, disk, seconds));
  std::ranges::sort(merges, {}, &MergeThen::need);
  double left = free_bytes_after(volume, seconds);
  for (const MergeThen& merge : merges) {
    if (left < 0 || merge.need > left) return false;
    left += merge.freed - merge.need;
  }
  return true;
}

CapacityForecast forecast_capacity(const GrowingVolume& volume) {
  CapacityForecast forecast;
  forecast.merge_fits_now = merges_fit_after(volume, 0);
  forecast.merge_ends = std::ranges::none_of(volume.disks, [&](const GrowingDisk& disk) {
    return volume.copy_bytes_per_s && can_grow(disk) && *volume.copy_bytes_per_s <= disk.growth_bytes_per_s;
  });
  forecast.full_after_s = end_of([&](double seconds) { return free_bytes_after(volume, seconds) >= 0; });
  forecast.merge_fits_until_s =
      forecast.merge_fits_now ? end_of([&](double seconds) { return merges_fit_after(volume, seconds); })
                              : std::optional(0.0);
  return forecast;
}

std::optional<double> growth_of(std::span<const LayerGrowth> layers, double now_unix_s) {
  if (layers.empty()) return std::nullopt;
  double begun = now_unix_s;
  uint64_t bytes = 0;
  for (const LayerGrowth& layer : layers) {
    begun = std::min(begun, layer.begun_unix_s);
    bytes += layer.bytes;
  }
  const double over_s = now_unix_s - begun;
  if (!(over_s >= history_s_min)) return std::nullopt;
  return static_cast<double>(bytes) / over_s;
}

}  // namespace vhdlab::sim
