// How fast a merge can hope to move bytes in a folder, found out by moving some there: reads past the page
// cache where the file system allows it, writes with a flush at the end, in a merge's piece size.
#pragma once

#include <cstdint>
#include <string>

#include "engine/base/error.h"
#include "scenarios/cli/command.h"

namespace vhdlab::scenarios {

struct CopyRate {
  uint64_t bytes_per_s = 0;  // copied: each byte read once and written once
  uint64_t bytes = 0;        // moved to find it out
  bool is_direct = false;    // reads went past the page cache; else they may have come from memory
};

// Fault usage-option where both --rate and --measure-rate are given.
[[nodiscard]] Result<void> refuse_two_rates(const Arguments& arguments);

// Copies at most 256 MiB, for a few seconds. Its two files lose their names before a byte is written, so that
// nothing stays behind however it ends. Faults: rate-no-space (less than 64 MiB can be had),
// rate-interrupted, those of files.
[[nodiscard]] Result<CopyRate> measure_copy_rate(const CommandContext& context, const std::string& folder);

}  // namespace vhdlab::scenarios
