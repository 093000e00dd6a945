// The engine target's disk as a machine of engine/checkpoint, on real files: operations measured, and what
// every checkpoint must hold remembered.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/checkpoint/checkpoint_operations.h"
#include "engine/io/counted_file_system.h"
#include "scenarios/targets/target.h"
#include "scenarios/workload/content_snapshot.h"

namespace vhdlab::scenarios {

class EngineMachine {
 public:
  // Around a base disk that lies in `folder` already. `files` and `random` outlive the machine.
  [[nodiscard]] static Result<std::unique_ptr<EngineMachine>> make(CountedFileSystem& files,
                                                                   const std::string& folder,
                                                                   const std::string& base_name,
                                                                   const DiskSettings& disk,
                                                                   RandomSource& random);

  // Of Now, base first.
  [[nodiscard]] std::vector<std::string> chain_paths() const;

  // `ledger` is Now's, and is another one after an apply.
  [[nodiscard]] Result<CheckpointMeasurement> act_on_checkpoint(CheckpointAction action,
                                                                const std::string& checkpoint,
                                                                std::unique_ptr<ContentLedger>& ledger);
  [[nodiscard]] Result<PendingMergeMeasurement> merge_pending(const StepProgress& progress,
                                                              const StopRequested& stop);

  // Reads samples of what every checkpoint holds; Now is the target's business.
  [[nodiscard]] Result<reports::Verification> verify_checkpoints(uint64_t content_seed, uint64_t sample_seed);

  [[nodiscard]] Result<DamageMeasurement> damage_each_file(DamageKind kind, uint64_t content_seed,
                                                           uint64_t sample_seed, const ContentLedger& now,
                                                           const StepProgress& progress,
                                                           const StopRequested& stop);

  // Removes everything.
  [[nodiscard]] Result<void> remove() { return machine_.remove(true); }

 private:
  EngineMachine(CountedFileSystem& files, Machine machine, RandomSource& random)
      : files_(files), machine_(std::move(machine)), random_(random) {}

  [[nodiscard]] std::string path_of(const std::string& name) const;
  [[nodiscard]] std::string path_of(const RestorePoint& point) const;
  Result<uint64_t> allocated_bytes() const;
  Result<uint64_t> pending_bytes() const;
  Result<void> take_stock(reports::CheckpointTotals& totals, const DiskFiles& before) const;
  Result<void> verify(FileSystem& files, const RestorePoint& point, const ContentLedger& content,
                      uint64_t content_seed, uint64_t sample_seed, size_t ranges,
                      reports::Verification& found);

  CountedFileSystem& files_;
  Machine machine_;
  RandomSource& random_;
  std::map<Guid, ContentSnapshot> contents_;  // by checkpoint
};

}  // namespace vhdlab::scenarios
