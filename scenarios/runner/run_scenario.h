// Runs a checked scenario on a target and leaves a record of everything: each repeat takes every point of the
// sweep in turn, builds its disk, carries out the measured steps, and verifies what was written.
//
//   repeat ─► point ─► setup ─► measured steps ─► verify ─┐
//      ▲        ▲                                         │
//      └────────┴───── next point, next repeat ◄──────────┴─► expectations ─► findings
//
// The setup is skipped where the disk is still the point's own and as it was built.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "reports/results/run_record.h"
#include "scenarios/language/scenario.h"
#include "scenarios/runner/progress.h"
#include "scenarios/targets/target.h"

namespace vhdlab::scenarios {

struct RunOptions {
  std::string tool_version;
  std::string tool_commit;
  reports::Environment environment;  // from describe_environment() where the target is this machine
  std::string started_at;            // ISO 8601
  // Checked against what the scenario writes; absent: not checked.
  std::optional<uint64_t> space_available_bytes;
};

// A run that failed or was stopped keeps what it had measured: the record is whole and marked incomplete.
struct RunOutcome {
  reports::RunRecord record;
  std::optional<Error> failure;  // verify-wrong-data, run-no-space, and those of the target
};

[[nodiscard]] RunOutcome run_scenario(const Scenario& scenario, Target& target, const RunOptions& options,
                                      ProgressSink& progress, const StopRequested& stop);

using TargetMaker = std::function<std::unique_ptr<Target>()>;

// The same where targets are worlds of their own, as simulated ones are: each point of the sweep gets a new
// one, `threads` points go on at a time, and the record is the same for any number of threads. Repeats of a
// point could only be equal: it is measured once, and that stands for every repeat. `make_target` and the
// targets' calls come from several threads; a target sees one.
[[nodiscard]] RunOutcome run_scenario_apart(const Scenario& scenario, const TargetMaker& make_target,
                                            uint32_t threads, const RunOptions& options,
                                            ProgressSink& progress, const StopRequested& stop);

// Bytes the scenario's setup and merges may take at the worst point, by its own numbers; traces count as
// nothing.
[[nodiscard]] uint64_t space_needed_bytes(const Scenario& scenario);

}  // namespace vhdlab::scenarios
