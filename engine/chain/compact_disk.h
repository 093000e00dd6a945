// Gives back the space a VHDX file holds and its disk does not need: blocks of zeros leave the file, zeros
// inside blocks become holes, and the blocks at the end move up so that the file can be cut short. What the
// disk reads as does not change, and neither does its identity: children still fit.
#pragma once

#include <cstdint>
#include <string>

#include "engine/base/error.h"
#include "engine/base/random.h"
#include "engine/chain/copy_disk.h"
#include "engine/io/file_system.h"

namespace vhdlab {

struct CompactOutcome {
  uint64_t file_size_before_bytes = 0;
  uint64_t file_size_after_bytes = 0;
  uint64_t allocated_before_bytes = 0;
  uint64_t allocated_after_bytes = 0;
  uint64_t blocks_zeroed = 0;  // of zeros, gone from the file
  uint64_t blocks_moved = 0;
};

// Works in place on the file at `path`, which nobody else writes. Safe to interrupt at any moment; what was
// done stays. Progress is in bytes of the virtual disk. Faults: compact-fixed (a fixed disk keeps its space),
// compact-interrupted, those of opening, reading and writing.
[[nodiscard]] Result<CompactOutcome> compact_disk(FileSystem& files, const std::string& path,
                                                  RandomSource& random, const ProgressCallback& progress,
                                                  const StopRequested& stop);

}  // namespace vhdlab
