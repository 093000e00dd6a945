// The simulator's disk as a machine: engine/checkpoint itself at work, on files in memory that hold headers,
// tables and the manifest but no guest data. It decides, and every request it sends is priced; what guests
// wrote is in the target's layers without data, under the same file names.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/checkpoint/checkpoint_operations.h"
#include "engine/io/memory_file_system.h"
#include "scenarios/language/scenario.h"
#include "sim/device/simulated_file_system.h"

namespace vhdlab::scenarios {

class SimMachine {
 public:
  // With an empty base disk that the account knows by `base_number`. `sink` outlives the machine.
  [[nodiscard]] static Result<std::unique_ptr<SimMachine>> make(const DiskSettings& disk, uint64_t seed,
                                                                const std::string& base_name,
                                                                uint32_t base_number, sim::RequestSink& sink,
                                                                sim::FileAccount account);

  [[nodiscard]] const CheckpointTree& tree() const { return machine_->tree(); }
  [[nodiscard]] const DiskFiles& disk() const { return machine_->tree().disks[0]; }

  // The checkpoint that was taken, applied or deleted. Faults: checkpoint-unknown, those of the engine.
  [[nodiscard]] Result<Guid> act(CheckpointAction action, const std::string& checkpoint);

  // Everything about pending merges but the guests' data.
  [[nodiscard]] Result<MachineMergeOutcome> merge_pending() { return machine_->merge_pending({}, {}); }

 private:
  SimMachine(uint64_t seed, sim::RequestSink& sink, sim::FileAccount account)
      : random_(seed), files_(content_, sink, std::move(account)) {}

  SeededRandom random_;
  MemoryFileSystem content_;
  sim::SimulatedFileSystem files_;
  std::optional<Machine> machine_;
};

}  // namespace vhdlab::scenarios
