// The straight column through a point: its disk, its setup, what is measured, and the story of its
// checkpoints.
#include "scenarios/language/bind.h"

#include <array>

#include "scenarios/language/bind_checkpoints.h"
#include "scenarios/language/bind_disk.h"
#include "scenarios/language/bind_measure.h"
#include "scenarios/language/bind_setup.h"

namespace vhdlab::scenarios {

std::span<const std::string_view> top_level_keys() {
  static constexpr std::array<std::string_view, 12> keys = {"name",      "seed",   "target",  "disk",
                                                            "io",        "sim",    "sweep",   "setup",
                                                            "variables", "repeat", "measure", "expect"};
  return keys;
}

ScenarioPoint bind_point(const Node& root, Judge& judge, const std::string& folder) {
  const BoundDisk disk = bind_disk(root, judge);
  const BoundIo io = bind_io(root, judge);
  SimSettings sim = bind_sim(root, judge, folder);
  BoundSetup setup = bind_setup(root, disk, judge);
  const StepGround ground{.disk = disk, .io = io, .chain_depth = setup.chain_depth, .folder = folder};
  ScenarioPoint point{.disk = disk.settings,
                      .io = io.kind,
                      .lookup = io.lookup,
                      .sim = std::move(sim),
                      .setup = std::move(setup.steps),
                      .measure = bind_measure(root, ground, judge),
                      .chain_depth = setup.chain_depth};
  if (judge.findings().empty()) tell_story(root, point, judge);
  return point;
}

}  // namespace vhdlab::scenarios
