// Binds the measured steps that send requests to the disk: `read`, `write`, `mixed` and `replay`.
//
//   - read: { name: reads, pattern: random, block_size: 4KiB, queue_depth: 16, duration: 3s }
//   - replay: { name: week, trace: w.csv.gz, wrap: true }
#pragma once

#include "scenarios/language/scenario.h"
#include "scenarios/language/settings.h"
#include "scenarios/language/step_ground.h"
#include "scenarios/language/step_names.h"

namespace vhdlab::scenarios {

// `entry` is one of read, write, mixed with its settings.
[[nodiscard]] MeasuredWorkload bind_workload(const Node::Entry& entry, const StepGround& ground, Judge& judge,
                                             StepNames& names);

// The same as what a live merge goes on under: without a name, and as long as the merge takes.
[[nodiscard]] MeasuredWorkload bind_workload_under(const Node::Entry& entry, const StepGround& ground,
                                                   Judge& judge);

[[nodiscard]] MeasuredReplay bind_replay(const Node& node, const StepGround& ground, Judge& judge,
                                         StepNames& names);

}  // namespace vhdlab::scenarios
