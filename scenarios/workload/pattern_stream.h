// Operations drawn from a pattern over the blocks of a range of the disk. The range is cut into blocks of
// block_size_bytes from its start; the last one is shorter where the range is not a whole number of blocks.
//
//   sequential    block 0, 1, 2 ... and round again
//   random        a uniform draw for each operation; a block may come twice (what fio calls norandommap)
//   random, once  a permutation: every block once before any comes again, so that `amount: 2%` changes 2 % of
//                 the blocks and not, as 2 % of draws would, a little less
//   zipf          block of rank k with probability proportional to 1 / k^theta; ranks are scattered over the
//                 range, so that hot blocks are not neighbours
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "engine/base/bytes.h"
#include "engine/base/error.h"
#include "scenarios/workload/operation_stream.h"

namespace vhdlab::scenarios {

enum class AccessPattern { sequential, random, zipf };

struct PatternSettings {
  AccessPattern pattern = AccessPattern::random;
  ByteRange range;                   // the part of the disk touched; not empty
  uint64_t block_size_bytes = 4096;  // > 0
  // 0 to 100: share of reads, drawn for each operation; the others are writes.
  uint32_t read_percentage = 100;
  bool each_block_once = false;        // random only: a permutation in place of draws
  double zipf_theta = 0.99;            // zipf only: above 0, at most 10
  uint64_t flush_every = 0;            // a flush after each run of this many reads and writes; 0 for none
  std::optional<uint64_t> operations;  // reads and writes until the stream ends; absent for an endless stream

  friend bool operator==(const PatternSettings&, const PatternSettings&) = default;
};

// What a stream's randomness follows from. Two streams with equal settings and seeds are equal.
struct StreamSeeds {
  uint64_t draws = 0;  // which blocks, which kinds
  // Zipf: which blocks are the hot ones; shared by the steps of a run so that they stay hot.
  uint64_t layout = 0;
};

// Seeds of the step with this ordinal in the run. Give equal steps of different sweep points and repeats
// equal ordinals and they do the same operations.
[[nodiscard]] StreamSeeds stream_seeds(uint64_t scenario_seed, uint64_t step_ordinal);

// How many blocks the range is cut into.
[[nodiscard]] inline uint64_t block_count(const PatternSettings& settings) {
  return divide_up(settings.range.length, settings.block_size_bytes);
}

// Faults: pattern-settings (a range or block size of zero, a range that ends beyond 8 PiB, theta or
// percentage out of range).
[[nodiscard]] Result<std::unique_ptr<OperationStream>> make_pattern_stream(const PatternSettings& settings,
                                                                           StreamSeeds seeds);

}  // namespace vhdlab::scenarios
