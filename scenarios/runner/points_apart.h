// Points of a sweep on targets of their own, several at a time: possible where a target is a world of its
// own, as a simulated one is. What comes out is the same for any number of threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "engine/base/error.h"
#include "reports/results/run_record.h"
#include "scenarios/language/scenario.h"
#include "scenarios/runner/progress.h"
#include "scenarios/runner/run_scenario.h"
#include "scenarios/targets/target.h"

namespace vhdlab::scenarios {

class PointsApart {
 public:
  PointsApart(const Scenario& scenario, const TargetMaker& make_target, ProgressSink& progress,
              const StopRequested& stop, reports::RunRecord& record)
      : scenario_(scenario),
        make_target_(make_target),
        progress_(progress),
        stop_(stop),
        record_(record),
        ends_(scenario.points.size()) {}

  // Measures every point with `threads` at a time and writes their repeats, what was verified, notes and
  // duration into the record, whose points are described already. Returns the failure of the first point that
  // failed, in the order of the points; the record keeps nothing of those after it, unless the run was
  // interrupted.
  [[nodiscard]] std::optional<Error> run(uint32_t threads);

 private:
  // What a point leaves besides its measurements.
  struct End {
    std::optional<Error> failure;
    reports::Verification verification;
    std::vector<reports::Note> notes;
    Nanoseconds took{0};
  };

  void work(bool shows_progress);
  [[nodiscard]] std::optional<Error> gather();

  const Scenario& scenario_;
  const TargetMaker& make_target_;
  ProgressSink& progress_;
  const StopRequested& stop_;
  reports::RunRecord& record_;
  std::vector<End> ends_;  // beside the points
  std::atomic<size_t> next_ = 0;
  std::atomic<bool> has_failed_ = false;
  std::mutex mutex_;  // of progress_ and points_done_
  size_t points_done_ = 0;
};

}  // namespace vhdlab::scenarios
