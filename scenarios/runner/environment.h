// What machine and folder a run is measured on, read from the system: a number without it cannot be compared.
#pragma once

#include <string>

#include "reports/results/run_record.h"

namespace vhdlab::scenarios {

// `work_folder` exists. What cannot be found out stays empty.
[[nodiscard]] reports::Environment describe_environment(const std::string& work_folder);

// The present time, ISO 8601 in UTC: "2026-03-01T12:34:56Z".
[[nodiscard]] std::string utc_now();

}  // namespace vhdlab::scenarios
