// Modelled devices and virtual time: the engine's own chains, over layers that keep extents and no data, and
// every request they make priced by a device model.
//
//   stream ─► Chain (engine) ─► ExtentLayer ─► SimulatedFile ─► list of requests
//                                                                  └─► processors ─► page cache ─► device
//
// As many operations as the queue is deep are in flight; each resolves when it begins, and sends one request
// after the other, as a thread with pread would. Content is kept as labels (whose byte, which generation), so
// that verify() checks every mapping without a byte of data.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "scenarios/targets/target.h"
#include "sim/device/profile.h"

namespace vhdlab::scenarios {

struct SimTargetOptions {
  sim::DeviceProfile device;
  bool device_is_chosen = false;  // by the user: the scenario's own choice gives way
  // Finds the device a scenario names.
  std::function<Result<sim::DeviceProfile>(const std::string& name)> find_device = {};
  uint64_t events_max = 5'000'000'000;  // of one measured step; then it ends and a note says so
};

// Equal options, seeds and calls give equal answers to the last bit; no clock is asked.
[[nodiscard]] std::unique_ptr<Target> make_sim_target(SimTargetOptions options);

}  // namespace vhdlab::scenarios
