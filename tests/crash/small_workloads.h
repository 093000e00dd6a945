// Workloads small enough to cut the power in every way before every barrier: first writes, overwrites, zeros,
// trims, blocks that take over others' space, checkpoints, and a log that begins anew, on disks of every
// kind.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "tests/crash/crash_workload.h"

namespace vhdlab::tests {

struct SmallWorkload {
  std::string name;
  DiskShape shape;
  std::function<void(CrashWorkload&)> work;

  friend void PrintTo(const SmallWorkload& workload, std::ostream* to) { *to << workload.name; }
};

[[nodiscard]] std::vector<SmallWorkload> small_workloads();

}  // namespace vhdlab::tests
