// How families and their plan are shown: trees and numbered steps for people, one document for programs.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/chain/disk_family.h"
#include "engine/chain/disk_family_scan.h"
#include "engine/merge/family_plan.h"
#include "scenarios/cli/copy_rate.h"

namespace vhdlab::scenarios {

// What the folder holds, and from when and where it is seen.
struct FamilyView {
  std::string folder;  // paths are shown from here on
  FamilyScan scan;     // its disks have gone into `families`
  DiskFamilies families;
  std::vector<DiskIndex> in_use;  // leaves the user named
  int64_t now_unix_s = 0;
};

struct PlanView {
  FamilyPlan plan;
  uint64_t space_free_bytes = 0;
  std::optional<uint64_t> rate_bytes_per_s;
  std::optional<CopyRate> measured;
};

void print_families(std::ostream& out, const FamilyView& view);
void print_plan(std::ostream& out, const FamilyView& view, const PlanView& plan);

[[nodiscard]] nlohmann::ordered_json as_json(const FamilyView& view);
[[nodiscard]] nlohmann::ordered_json as_json(const FamilyView& view, const PlanView& plan);

}  // namespace vhdlab::scenarios
