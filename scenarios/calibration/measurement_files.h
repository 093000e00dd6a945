// Rates that somebody measured, from the files of three programs: vhdlab's results.json, fio's JSON and
// DiskSpd's XML. What is not a rate of reads, or of a device, is left out with a reason.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/error.h"
#include "reports/results/run_record.h"
#include "sim/calibration/machine_fit.h"

namespace vhdlab::scenarios {

struct MeasuredPoint {
  std::string label;                       // "depth=16", "job4k: queue_depth=32, block_size=4KiB"
  std::vector<reports::NamedText> values;  // what --fit may choose by: {"depth", "16"}
  sim::RateSample sample;
};

struct Measurements {
  std::string origin;       // for people: "read-degradation, target engine, seed 42, commit 1a2b3c4"
  std::string step;         // of vhdlab's results: the one that was read
  uint32_t processors = 0;  // of the machine measured; 0: unknown
  std::vector<MeasuredPoint> points;
  std::vector<std::string> left_out;  // "merge: no reads"
};

// Which of a step's numbers tells the rate. Where other work disturbs a measurement, medians of latency stay
// near the undisturbed value and rates do not.
enum class RateFrom { iops, latency_ns_p50 };

// The read step of this name, or the only one where it is empty; a closed loop. Faults: calibrate-step (no
// such step, several and none named, arrivals).
[[nodiscard]] Result<Measurements> measurements_of(const reports::RunRecord& record, const std::string& step,
                                                   RateFrom from);

// The measured rate of one step of a point; nothing where it is not there.
[[nodiscard]] std::optional<double> rate_of(const reports::Measurement& measurement, RateFrom from);

// One point for each group of jobs, which ran at once. Only reads are fitted: a group that writes is left
// out, and so is one that was kept to a rate. Text before the JSON is passed over. Faults: calibrate-file
// (also where nothing is left).
[[nodiscard]] Result<Measurements> measurements_of_fio(std::string_view json, const std::string& name);

// One point for each time span, likewise. Faults: calibrate-file.
[[nodiscard]] Result<Measurements> measurements_of_diskspd(std::string_view xml, const std::string& name);

}  // namespace vhdlab::scenarios
