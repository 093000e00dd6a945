// The settings by which a step says which blocks it goes to and how many at a time; setup writes and measured
// workloads share them. Each function reads one key of the step, leaves its default where the key is absent
// or was reported, and needs those before it: block size, queue depth, jobs, theta, range, amount.
#pragma once

#include <cstdint>

#include "scenarios/language/bind_disk.h"
#include "scenarios/language/settings.h"
#include "scenarios/workload/pattern_stream.h"

namespace vhdlab::scenarios {

inline constexpr uint64_t operations_max = uint64_t{1} << 40;  // of one step

// `pattern`.
[[nodiscard]] AccessPattern bind_access_pattern(Settings& step, AccessPattern otherwise);

// `block_size`, whole sectors of the disk.
[[nodiscard]] uint64_t bind_block_size(Settings& step, const BoundDisk& disk, uint64_t otherwise);

// `queue_depth`; with blocks of this size it must not ask for more buffers than a machine has.
[[nodiscard]] uint32_t bind_queue_depth(Settings& step, uint64_t block_size_bytes, uint32_t otherwise);

// `jobs`: each has a queue of its own, as fio's numjobs. 1 where it is absent.
[[nodiscard]] uint32_t bind_jobs(Settings& step, uint32_t queue_depth, uint64_t block_size_bytes);

// `zipf_theta`, which only a zipf pattern has.
void bind_theta(Settings& step, PatternSettings& pattern);

// `range: 25%` is the first quarter of the disk, `range: { from: 1GiB, length: 10% }` any part. Bounds given
// as percentages are rounded down to whole blocks of the workload; the whole disk where it is absent.
void bind_range(Settings& step, const BoundDisk& disk, PatternSettings& pattern);

// How many blocks an amount comes to: a percentage is rounded to the nearest number of blocks, a size up; at
// least one. `at_most_all`: the step writes each block once, so that more than its range is a finding.
[[nodiscard]] uint64_t blocks_of(Settings& step, const BoundDisk& disk, const Amount& amount,
                                 const PatternSettings& pattern, bool at_most_all);

}  // namespace vhdlab::scenarios
