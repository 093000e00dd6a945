// What a target without machines says; see target.h.
#include "scenarios/targets/target.h"

#include <fmt/format.h>

namespace vhdlab::scenarios {
namespace {

std::unexpected<Error> no_machine(std::string_view target) {
  return failure(ErrorKind::unsupported, "target-no-machine",
                 fmt::format("the target {} has no machine whose checkpoints could be gone back to", target),
                 "use another target, or a scenario that only stacks checkpoints");
}

}  // namespace

std::unexpected<Error> Target::refuse_beside_machine() {
  return failure(ErrorKind::invalid_argument, "target-machine",
                 "the disk is a machine's: its checkpoints are taken, deleted and merged as such");
}

Result<void> Target::create_machine(const DiskSettings&, uint64_t) {
  return no_machine(name());
}

Result<CheckpointMeasurement> Target::act_on_checkpoint(CheckpointAction, const std::string&) {
  return no_machine(name());
}

Result<PendingMergeMeasurement> Target::merge_pending(const StepProgress&, const StopRequested&) {
  return no_machine(name());
}

Result<DamageMeasurement> Target::damage_each_file(DamageKind, uint64_t, const StepProgress&,
                                                   const StopRequested&) {
  return no_machine(name());
}

}  // namespace vhdlab::scenarios
