// Binds `setup`: the steps that make a point's disk before anything is measured. They create the base once,
// first of all; repeats may be nested, and count unrolled against setup_steps_max.
#pragma once

#include <cstdint>
#include <vector>

#include "scenarios/language/bind_disk.h"
#include "scenarios/language/scenario.h"
#include "scenarios/language/settings.h"

namespace vhdlab::scenarios {

struct BoundSetup {
  std::vector<SetupStep> steps;
  uint32_t chain_depth = 0;  // checkpoints taken; a setup that goes back has its depth from tell_story()
};

// Where nothing was reported, `steps` are those of the section one for one.
[[nodiscard]] BoundSetup bind_setup(const Node& root, const BoundDisk& disk, Judge& judge);

}  // namespace vhdlab::scenarios
