// The runs that share charts, and the horizontal axis they share.
#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include "reports/charts/chart_parts.h"
#include "reports/findings/sweep_view.h"
#include "reports/results/metrics.h"
#include "reports/results/run_record.h"

namespace vhdlab::reports {

// One run among those shown.
struct ShownRun {
  const RunRecord* record;
  SweepView view;
  std::string name;  // empty where there is only one run
};

// The horizontal axis that all runs share: the first run's, by name.
struct SharedAxis {
  std::string variable;  // empty where nothing is swept
  std::string title;
  bool numeric = true;
  bool repeats_differ = true;  // not where all runs are in virtual time
  std::set<double> places;
  ChartScale scale;

  [[nodiscard]] std::string name() const;  // for tooltips
  [[nodiscard]] const ParameterValue* value_at(const Point& point) const;

  // Whether the point has a place on the axis, and where.
  [[nodiscard]] bool has_place(const Point& point) const;
  [[nodiscard]] ChartJson place_of(const Point& point) const;

  [[nodiscard]] ChartJson encoding() const;

  // How to read curve_layers() along this axis.
  [[nodiscard]] std::string interval_advice() const;

 private:
  [[nodiscard]] bool stretched() const;
};

// The records outlive it.
class ShownRuns {
 public:
  explicit ShownRuns(std::span<const RunRecord> records);

  [[nodiscard]] const std::vector<ShownRun>& runs() const { return runs_; }
  [[nodiscard]] const SharedAxis& axis() const { return axis_; }

  // Of all runs, each once, in the order they appear.
  [[nodiscard]] std::vector<std::string> measurements() const;
  [[nodiscard]] MeasurementKind kind_of(const std::string& measurement) const;

  // Calls `visit(series, point, measurement)` for every point that has the measurement.
  void each(const std::string& name, auto&& visit) const {
    for (const ShownRun& run : runs_) {
      for (const Curve& curve : run.view.curves) {
        const std::string series = joined(run.name, label_of(curve.fixed));
        for (const Point* point : curve.points) {
          const Measurement* measurement = find_measurement(*point, name);
          if (measurement != nullptr) visit(series, *point, *measurement);
        }
      }
    }
  }

 private:
  void find_axis();

  std::vector<ShownRun> runs_;
  SharedAxis axis_;
};

}  // namespace vhdlab::reports
