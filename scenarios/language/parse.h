// From a scenario file to a checked Scenario, or to everything that is wrong with it.
//
//   text ─► YAML events ─► tree with places ─► --set ─► every point of the sweep bound and judged ─► Scenario
//                              └─► findings ◄─────────────────────────┘
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "scenarios/language/finding.h"
#include "scenarios/language/scenario.h"

namespace vhdlab::scenarios {

struct ParseOptions {
  // "NAME=VALUE" each, applied in order; a later one wins. NAME is, tried in this order:
  //   a variable of `variables`   --set trace=w.csv.gz
  //   a variable of `sweep`       --set depth=0,4,16      (one value or several)
  //   a dotted path of the file   --set disk.size=1GiB
  //                               --set measure.0.read.jobs=2      (list items by number from 0)
  //   a measured step's key       --set reads.duration=1s
  // A variable takes VALUE as it stands; elsewhere VALUE is read as YAML.
  std::vector<std::string> overrides;

  // Relative trace paths written in the file count from this folder, paths given by --set from the current
  // one. Empty: the folder of the file's name.
  std::string folder;

  // Variables without a value are findings; with true they pass as if they had a fitting one, and what
  // depends on them is left at its default. For `vhdlab check`; never run such a scenario.
  bool accept_unset_variables = false;
};

// `file` names the text in findings. Never empty findings, sorted by place, at most findings_max.
[[nodiscard]] std::expected<Scenario, Findings> parse_scenario(std::string_view text, const std::string& file,
                                                               const ParseOptions& options = {});

// The same, reading the file. A file that is absent, unreadable, empty, binary or too large is a finding too.
[[nodiscard]] std::expected<Scenario, Findings> load_scenario(const std::string& path,
                                                              const ParseOptions& options = {});

// Name, question and introduction alone, for `vhdlab list`; whatever else is wrong with the file does not
// matter.
struct ScenarioSummary {
  std::string name;
  std::string question;
  std::string introduction;
};
[[nodiscard]] ScenarioSummary summarize_scenario(std::string_view text);

// All findings as one text for a terminal, a line with their number at the end: "3 errors in slow.yaml".
[[nodiscard]] std::string render_findings(const Findings& findings);

inline constexpr size_t scenario_bytes_max = 256 * kib;
inline constexpr size_t findings_max = 100;

}  // namespace vhdlab::scenarios
