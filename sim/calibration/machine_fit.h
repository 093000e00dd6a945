// Finds the numbers of a machine from how fast it was measured to be: what its processors take for an
// operation and for a layer asked, and what the device behind takes, where measurements reached it.
//
//   host   = operation + layer_probe x layers probed                            (processor time)
//   device = (1 + table pages) x latency + bytes / bandwidth                    (0 through the page cache)
//   rate   = the least of  in flight / (host + device)    everything waits for its own turn
//                          processors / host              the processors are busy
//                          capacity / (1 + table pages)   the device is busy
//                          bandwidth / bytes              its wire is
//
// These are the terms in which the simulator prices a read, so what is fitted can be simulated. Errors are
// relative, so that slow points count as much as fast ones: least squares over the logarithms of the rates.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/error.h"
#include "sim/device/profile.h"

namespace vhdlab::sim {

// One measured point.
struct RateSample {
  double operations_per_s = 0;  // > 0
  double in_flight = 1;         // operations at once, >= 1
  double bytes = 4096;          // of an operation
  double layers_probed = 0;     // of an operation; 0 where there is no chain
  double table_pages = 0;       // fetched from the device, of an operation
  bool reaches_device = false;  // or is answered by the page cache
};

// Numbers the samples say nothing about are absent.
struct MachineNumbers {
  uint32_t processors = 1;
  std::optional<double> operation_s;
  std::optional<double> layer_probe_s;
  std::optional<double> device_latency_s;
  std::optional<double> device_bytes_per_s;
  std::optional<double> device_operations_per_s;  // what it answers at most
};

// The rate these numbers give where `sample` was measured; its own rate is not looked at.
[[nodiscard]] double predicted_rate(const MachineNumbers& numbers, const RateSample& sample);

struct MachineFit {
  MachineNumbers numbers;
  std::vector<double> predicted_per_s;  // beside the samples
  double error_rms = 0;                 // of the logarithms: 0.1 is about 10 %
};

// Faults: calibrate-samples (none, or one that is not a number above zero).
[[nodiscard]] Result<MachineFit> fit_machine(std::span<const RateSample> samples, uint32_t processors);

// A profile that behaves by these numbers: a volume with as many servers as make up its capacity, or, where
// no measurement reached a device, a server that stands in for one.
[[nodiscard]] DeviceProfile profile_of(const MachineNumbers& numbers);

}  // namespace vhdlab::sim
