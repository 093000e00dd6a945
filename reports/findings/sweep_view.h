// A sweep seen as curves. Results are read along one variable, the axis (depth, where there is one); points
// that differ only in it form a curve, and what the other variables hold fixed names the curve.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "reports/results/run_record.h"

namespace vhdlab::reports {

// A run's points along the axis for one choice of the other variables. Points into the record it was made
// from.
struct Curve {
  std::vector<ParameterValue> fixed;  // the other variables that vary in the run
  std::vector<const Point*> points;   // ascending along a numeric axis, else in the order they ran
};

struct SweepView {
  std::optional<size_t> axis;  // index into RunRecord::sweep; absent where nothing varies
  bool numeric = false;        // every point has a number on the axis
  std::vector<Curve> curves;   // never empty when the record has points
};

// The axis is the variable named "depth" if it varies, else the varying numeric variable with the most
// values, else the varying variable with the most values. `record` must outlive the view.
[[nodiscard]] SweepView view_of(const RunRecord& record);

// "depth" reads as "depth", "block_size" as "block size".
[[nodiscard]] std::string words(std::string_view name);

// "block size 64 KiB, order one-pass"; empty for no values.
[[nodiscard]] std::string label_of(const std::vector<ParameterValue>& values);

// Names of the record's measurements in the order they first appear.
[[nodiscard]] std::vector<std::string> measurement_names(const RunRecord& record);

// What tells one run from the others in a report of several: the target where that suffices, else scenario,
// settings or start time. One name per record; all different.
[[nodiscard]] std::vector<std::string> run_names(const std::vector<const RunRecord*>& records);

}  // namespace vhdlab::reports
