// How the findings of a check are shown, for `disk check` and `disk repair`.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/format/vhdx/check.h"

namespace vhdlab::scenarios {

// Two or three lines for each finding:
//   damage  vhdx-block-overlap  block 5, at 0x300028
//           a block shares bytes with another block or a region
//           found 0x100000 bytes at 0x400000; expected bytes of its own
void print_findings(std::ostream& out, const std::vector<vhdx::Finding>& findings);

// The findings, a line for each name of which only the first few are listed, and a summary:
//   disk.vhdx: 1 damage, 2 risks, 3 notes; 'vhdlab disk repair disk.vhdx' mends 1 of them
void print_report(std::ostream& out, const std::string& path, const vhdx::CheckReport& report);

[[nodiscard]] nlohmann::ordered_json as_json(const std::vector<vhdx::Finding>& findings);
[[nodiscard]] nlohmann::ordered_json as_json(const std::string& path, const vhdx::CheckReport& report);

}  // namespace vhdlab::scenarios
