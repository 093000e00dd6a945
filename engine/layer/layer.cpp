// The move stage of a write, the same for every format.
#include "engine/layer/layer.h"

namespace vhdlab {

Result<void> carry_out(Layer& layer, const WritePlan& plan, uint64_t virtual_offset, Bytes data) {
  File& file = layer.file();
  for (const ByteRange& zeros : plan.zero_fill) {
    if (!zeros.empty()) TRY(file.punch_hole(zeros));
  }
  for (const Placement& placement : plan.data) {
    TRY(file.write(placement.file_offset,
                   data.subspan(placement.virtual_offset - virtual_offset, placement.length)));
  }
  return plan.needs_publish() ? layer.publish(plan) : Result<void>{};
}

}  // namespace vhdlab
