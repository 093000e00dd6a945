// How much of a file's data stands in the page cache. On machines that take
// idle pages back within a minute a "cached" figure may go to the device
// unseen; so it is looked up right before each one, and said. A direct figure
// wants the opposite: nothing in the page cache, which every request would be
// looked up in, and the device asked for everything a moment ago, for a host may
// answer from a cache of its own.
#pragma once

#include <string>
#include <vector>

#include "engine/base/error.h"

namespace vhdlab::peers {

struct Residency {
  uint64_t data_bytes = 0;      // holes are nobody's data
  uint64_t resident_bytes = 0;  // of those

  [[nodiscard]] double share() const {
    return data_bytes == 0 ? 1 : static_cast<double>(resident_bytes) / static_cast<double>(data_bytes);
  }
};

// Faults: file-*.
[[nodiscard]] Result<Residency> residency_of(const std::vector<std::string>& paths);

// Reads the data of the files whose residency is below `share_min`, and says
// how resident all are then.
[[nodiscard]] Result<Residency> make_resident(const std::vector<std::string>& paths, double share_min = 0.99);

// Takes the files out of the page cache, so that make_resident() brings them in alike: what was written, or
// read by others, lies there in pieces of any size.
[[nodiscard]] Result<void> let_go(const std::vector<std::string>& paths);

// Reads the data of the files once from the device and leaves none of it in the page cache; says how much
// stayed.
[[nodiscard]] Result<Residency> make_warm_below(const std::vector<std::string>& paths);

}  // namespace vhdlab::peers
