// What operations on checkpoints and damaged files come to, as sentences without a capital or a full stop.
#pragma once

#include <string>

#include "reports/results/run_record.h"

namespace vhdlab::reports {

// "deleting the oldest checkpoint takes 2.1 ms, writes 12.4 KiB and leaves 1 file with 5.1 MiB to be merged".
[[nodiscard]] std::string checkpoint_sentence(const Measurement& operation);

// "6 files damaged in turn: the worst takes 5 of 6 restore points with it, and every loss was foreseen". The
// measurement has a repeat.
[[nodiscard]] std::string damage_sentence(const Measurement& damage);

}  // namespace vhdlab::reports
