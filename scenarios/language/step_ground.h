// What the measured steps of a point stand on: what the sections before `measure` have settled for all of
// them.
#pragma once

#include <cstdint>
#include <string>

#include "scenarios/language/bind_disk.h"

namespace vhdlab::scenarios {

// Refers to what it was made from.
struct StepGround {
  const BoundDisk& disk;
  const BoundIo& io;
  uint32_t chain_depth;       // when the setup is done
  const std::string& folder;  // what trace paths written in the file count from
};

}  // namespace vhdlab::scenarios
