// The rates a run would have had on another machine: its own scenario, as its results keep it, in the
// simulator.
#pragma once

#include <optional>
#include <vector>

#include "scenarios/calibration/measurement_files.h"
#include "scenarios/targets/target.h"

namespace vhdlab::scenarios {

// One rate for each of the record's points, in their order, of the read step `step`; other steps are left
// out, and so is all but enough of this one to know its rate, which in a simulation is steady. Faults:
// calibrate-scenario (the text in the record is no scenario now), those of the run.
[[nodiscard]] Result<std::vector<std::optional<double>>> simulated_rates(const reports::RunRecord& record,
                                                                         const std::string& step,
                                                                         RateFrom from,
                                                                         const sim::DeviceProfile& device,
                                                                         const StopRequested& stop);

}  // namespace vhdlab::scenarios
