// Made-up results in the shape real runs have. The numbers follow simple laws with a seeded noise, so that
// tests know what the statistics must find in them.
#pragma once

#include <cstdint>
#include <string>

#include "reports/results/run_record.h"

namespace vhdlab::reports::samples {

// Random 4 KiB reads at depths 0 1 2 4 8 16 32 50, five repeats each, and a merge of all layers at each depth
// above 0. The median latency is 80 us + 0.31 us per layer.
[[nodiscard]] RunRecord read_degradation(const std::string& target = "engine", double latency_factor = 1);

// Merges of 4 and 16 layers at four shares of changed data, in one pass and pair by pair; three repeats each.
[[nodiscard]] RunRecord merge_cost();

// One point, one mixed workload, a single repeat.
[[nodiscard]] RunRecord single_point();

// A categorical sweep: resolve by walk or by index.
[[nodiscard]] RunRecord walk_or_index();

// Checkpoints of a machine at depths 1 and 8: one taken, the oldest deleted, what is left merged, and each
// file damaged. At depth 8 the last file takes a restore point that the rule says survives.
[[nodiscard]] RunRecord machine_history();

// Live merges under writes at two rates: one that takes three passes and a rest, one that cannot finish.
[[nodiscard]] RunRecord live_merge();

// A measurement of kind read with one repeat for each rate; nothing but the rate is set.
[[nodiscard]] Measurement reads_at(std::initializer_list<double> iops);

}  // namespace vhdlab::reports::samples
