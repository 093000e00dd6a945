// What `vhdlab plan` knows of disks and of the volume they lie on, gathered from their files, and how it is
// shown: the answer in sentences first.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/merge/merge_plan.h"
#include "scenarios/cli/command.h"
#include "sim/plan/capacity.h"

namespace vhdlab::scenarios {

struct PlannedLayer {
  std::string path;
  uint64_t bytes = 0;        // that the file takes on the volume
  int64_t begun_unix_s = 0;  // when it was put on its parent: that was frozen then; 0: not known
  int64_t ended_unix_s = 0;  // when it was frozen, or, of the leaf, written last
};

struct PlannedDisk {
  std::string leaf_path;
  uint64_t disk_size_bytes = 0;
  uint64_t base_bytes = 0;                  // that the base's file takes
  std::vector<PlannedLayer> layers;         // above the base, the oldest first
  uint64_t device = 0;                      // the volume
  uint64_t copy_bytes = 0;                  // to merge everything into the base
  uint64_t space_needed_bytes = 0;          // for that, before anything is given back
  std::vector<std::string> other_children;  // disks elsewhere that stand on it: they forbid that merge
};

struct VolumePlan {
  std::string folder;  // one that lies on it
  uint64_t free_bytes = 0;
  int64_t now_unix_s = 0;
  std::vector<PlannedDisk> disks;
  std::optional<double> growth_bytes_per_s;  // of all disks; nothing where the files do not tell
  bool growth_is_given = false;              // by the user
  std::optional<double> copy_bytes_per_s;
  std::optional<sim::CapacityForecast> forecast;  // where growth is known

  [[nodiscard]] bool merge_fits_now() const;
  [[nodiscard]] uint64_t layer_count() const;
  [[nodiscard]] uint64_t layer_bytes() const;
  [[nodiscard]] uint64_t copy_bytes() const;
  [[nodiscard]] uint64_t space_needed_bytes() const;  // the most that one of the merges takes
  [[nodiscard]] int64_t gained_bytes() const;         // by merging everything
};

// Opens the chain of `leaf_path` and prices its merge into the base. `frozen_unix_s` says when a file was
// frozen where that is known better than by its time. Faults: plan-two-volumes (base and leaf), those of
// open_chain.
[[nodiscard]] Result<PlannedDisk> plan_disk(
    const CommandContext& context, const std::string& leaf_path,
    const std::function<std::optional<int64_t>(const std::string& path)>& frozen_unix_s);

// Fills in growth and forecast. `growth_bytes_per_s` is each disk's, where the user gives it.
void foresee(VolumePlan& plan, std::optional<double> growth_bytes_per_s);

void print_plan(std::ostream& out, const VolumePlan& plan);
[[nodiscard]] nlohmann::ordered_json as_json(const VolumePlan& plan);

}  // namespace vhdlab::scenarios
