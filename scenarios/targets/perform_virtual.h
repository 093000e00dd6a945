// Performs a stream of operations in virtual time: operations take turns on the host's processors and then
// wait for their requests, one after the other, on a device.
#pragma once

#include <vector>

#include "engine/chain/chain.h"
#include "scenarios/targets/target.h"
#include "scenarios/workload/operation_stream.h"
#include "sim/device/profile.h"
#include "sim/device/volume.h"
#include "sim/time/server_pool.h"

namespace vhdlab::scenarios {

// What one operation costs: processor time first, then requests in order.
struct OperationCost {
  Nanoseconds processor{0};
  std::vector<sim::FileRequest> requests;
};

// Turns operations into costs; the target's side of the bargain.
class OperationPricer {
 public:
  [[nodiscard]] virtual Result<void> price(const Operation& operation, OperationCost& cost) = 0;

 protected:
  ~OperationPricer() = default;
};

// The machine a run takes place on. All of it outlives the run.
struct VirtualMachineRoom {
  sim::EventQueue& events;
  sim::Volume& volume;
  sim::Device& device;  // the page cache, or what is below it
  sim::ServerPool& processors;
};

// What something beside a workload may do with it. A pause is honest: operations that it holds up count their
// time from when they would have begun.
class VirtualLoad {
 public:
  // No operation begins any more; `told` gets an event with `token` once none is in flight.
  virtual void pause(sim::EventHandler& told, uint64_t token) = 0;
  virtual void resume() = 0;
  // No operation begins any more; those in flight end. Not while paused.
  virtual void end() = 0;
  // Ends the run at once, with this error.
  virtual void fail(Error error) = 0;

 protected:
  ~VirtualLoad() = default;
};

// Runs beside a workload, begins with it, and ends it.
class BesideLoad {
 public:
  virtual void begin(VirtualLoad& load) = 0;
  // The run has failed: what was begun comes to its end, and nothing follows from it.
  virtual void abandon() = 0;

 protected:
  ~BesideLoad() = default;
};

struct VirtualOutcome {
  PerformOutcome outcome;                    // durations, totals and latencies
  uint64_t operations_begun = 0;             // of the stream, for whoever goes on
  std::optional<sim::RunEnd> ended_early{};  // a bound was reached before the step was over
};

// The measured part or a warm-up: operations from number `first` on. Nothing is left to happen on return,
// also of a failure. Faults: perform-interrupted, sim-device-full, sim-little (a fault of the simulator
// itself), those of pricing.
[[nodiscard]] Result<VirtualOutcome> perform_virtual(const VirtualMachineRoom& room, OperationPricer& pricer,
                                                     const OperationStream& stream, uint64_t first,
                                                     uint64_t operations_max, const PerformSettings& settings,
                                                     std::optional<Nanoseconds> duration, uint64_t events_max,
                                                     const StepProgress& progress, const StopRequested& stop,
                                                     BesideLoad* beside = nullptr);

// One operation with nothing beside it; virtual time passes. Faults: sim-device-full.
[[nodiscard]] Result<void> perform_alone(const VirtualMachineRoom& room, const OperationCost& cost);

}  // namespace vhdlab::scenarios
