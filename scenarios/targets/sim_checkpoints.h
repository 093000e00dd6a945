// A machine's disk in the simulator: all its files, of which the chain at hand is one path, and what each
// checkpoint is to read as. The machine itself (sim_machine.h) decides; here guests' data follows, without
// being there, and what it takes is measured.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "scenarios/targets/sim_chain.h"
#include "scenarios/targets/sim_host.h"
#include "scenarios/targets/sim_machine.h"
#include "scenarios/targets/target.h"

namespace vhdlab::scenarios {

class SimCheckpoints {
 public:
  // Of a disk whose empty base is all that `chain` holds. Both outlive this.
  [[nodiscard]] static Result<std::unique_ptr<SimCheckpoints>> make(SimChain& chain, SimHost& host,
                                                                    const DiskSettings& disk, uint64_t seed);

  // Faults: checkpoint-unknown, those of the engine, sim-device-full.
  Result<CheckpointMeasurement> act(CheckpointAction action, const std::string& checkpoint);
  Result<PendingMergeMeasurement> merge_pending(const StepProgress& progress, const StopRequested& stop);

  // Every checkpoint's content; Now is the chain's own to verify.
  Result<void> verify(uint64_t seed, reports::Verification& found);

 private:
  SimCheckpoints(SimChain& chain, SimHost& host) : chain_(chain), host_(host) {}

  uint32_t add_file(const std::string& path);
  void stand_on(const std::string& leaf_name);
  void stand_on_now();
  void each_file(const std::function<void(LayerFile&)>& visit);
  void clear_traffic();
  [[nodiscard]] uint64_t space_bytes();
  [[nodiscard]] std::vector<reports::FileTraffic> traffic();
  MergeRange stand_on_way_of(const PendingMerge& merge);
  Result<std::vector<PendingMerge>> merges_in_order(reports::MergeTotals& totals);
  Result<void> move_guest_data(const std::vector<PendingMerge>& merges, reports::MergeTotals& totals,
                               const StepProgress& progress, const StopRequested& stop);
  Result<void> take_stock(reports::CheckpointTotals& totals, const DiskFiles& before);
  template <typename Act>
  auto priced(const Act& act) -> decltype(act());

  SimChain& chain_;
  SimHost& host_;
  std::map<std::string, std::unique_ptr<LayerFile>> other_layers_;  // by name; not those of the chain
  std::vector<std::unique_ptr<LayerFile>> small_files_;             // the manifest's, without guest data
  std::vector<uint32_t> removed_files_;  // by number; their space goes once paid for
  std::map<Guid, DiskLedger> contents_;  // by checkpoint
  std::unique_ptr<SimMachine> machine_;
};

}  // namespace vhdlab::scenarios
