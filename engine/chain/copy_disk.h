// Copies what a disk reads as into another, empty disk: converting between formats, and flattening a chain
// into one file.
#pragma once

#include <cstdint>
#include <functional>

#include "engine/base/error.h"
#include "engine/chain/chain.h"

namespace vhdlab {

// How far long work has come; both in bytes of the virtual disk.
using ProgressCallback = std::function<void(uint64_t bytes_done, uint64_t bytes_total)>;

// Asked between pieces of long work; true means stop soon and leave everything consistent.
using StopRequested = std::function<bool()>;

struct CopyOutcome {
  uint64_t bytes_read = 0;     // data found in the source's files
  uint64_t bytes_written = 0;  // of it, what was not all zeros
};

// Writes the content of `source` to `target`, which reads as zeros and is at least as large. Holes and zeros
// are not written. Flushes the target. Faults: copy-interrupted, those of reading and writing.
[[nodiscard]] Result<CopyOutcome> copy_disk(const Chain& source, Chain& target,
                                            const ProgressCallback& progress, const StopRequested& stop);

}  // namespace vhdlab
