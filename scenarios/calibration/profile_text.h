// A fitted machine as a profile's file: what --device takes, with where each number comes from.
#pragma once

#include <string>
#include <vector>

#include "sim/calibration/machine_fit.h"

namespace vhdlab::scenarios {

// `origins` name the measurements, for the comment that opens the file.
[[nodiscard]] std::string profile_text(const sim::MachineNumbers& numbers,
                                       const std::vector<std::string>& origins, double error_rms);

}  // namespace vhdlab::scenarios
