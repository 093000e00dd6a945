// One kind for each alternative of a measured step; see measurement_kind.h.
#include "scenarios/language/measurement_kind.h"

#include <variant>

namespace vhdlab::scenarios {
namespace {

using Kind = reports::MeasurementKind;

Kind kind_of(const MeasuredWorkload& workload) {
  switch (workload.kind) {
    case WorkloadKind::read:
      return Kind::read;
    case WorkloadKind::write:
      return Kind::write;
    case WorkloadKind::mixed:
      break;
  }
  return Kind::mixed;
}

Kind kind_of(const MeasuredCheckpoint& step) {
  switch (step.action) {
    case CheckpointAction::take:
      return Kind::take_checkpoint;
    case CheckpointAction::apply:
      return Kind::apply_checkpoint;
    case CheckpointAction::remove:
      return Kind::delete_checkpoint;
    case CheckpointAction::remove_subtree:
      break;
  }
  return Kind::delete_subtree;
}

Kind kind_of(const MeasuredReplay&) {
  return Kind::replay;
}

Kind kind_of(const MeasuredMerge&) {
  return Kind::merge;
}

Kind kind_of(const MeasuredLiveMerge&) {
  return Kind::live_merge;
}

Kind kind_of(const MeasuredDamage&) {
  return Kind::damage;
}

}  // namespace

reports::MeasurementKind measurement_kind_of(const MeasuredStep& step) {
  return std::visit([](const auto& of) { return kind_of(of); }, step);
}

}  // namespace vhdlab::scenarios
