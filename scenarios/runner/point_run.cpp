// The disk of one point after another; see point_run.h.
#include "scenarios/runner/point_run.h"

#include <chrono>

#include <fmt/format.h>

namespace vhdlab::scenarios {
namespace {

// A loss that the rule did not foresee fails the run, and stays in the record.
Result<void> refuse_surprises(const reports::Repeat& repeat) {
  if (!repeat.damage) return {};
  for (const reports::DamagedFile& file : repeat.damage->files) {
    if (file.unforeseen.empty()) continue;
    return failure(ErrorKind::wrong_data, "damage-unforeseen",
                   fmt::format("with {} damaged, {}", file.file, file.unforeseen.front()),
                   "this is a fault of vhdlab: its rule of what is lost with a file is wrong; report it");
  }
  return {};
}

}  // namespace

Result<void> PointRun::all_repeats(reports::RunRecord& record) {
  for (uint32_t repeat = 0; repeat < scenario_.repeat; ++repeat) {
    for (size_t i = 0; i < scenario_.points.size(); ++i) {
      TRY(provide_disk(scenario_.points[i], record.points[i], record.verification));
      TRY(one_repeat(scenario_.points[i], record.points[i], repeat));
    }
  }
  TRY(verify(record.verification));
  return target_.discard();
}

Result<void> PointRun::only(const ScenarioPoint& point, reports::Point& measured,
                            reports::Verification& verification) {
  TRY(provide_disk(point, measured, verification));
  TRY(one_repeat(point, measured, 0));
  TRY(verify(verification));
  for (reports::Measurement& measurement : measured.measurements)
    measurement.repeats.resize(scenario_.repeat, measurement.repeats.front());
  return target_.discard();
}

Result<void> PointRun::provide_disk(const ScenarioPoint& point, reports::Point& measured,
                                    reports::Verification& verification) {
  if (fresh_disk_of_ == &point) return {};
  if (has_disk_) TRY(verify(verification));
  const Nanoseconds begin = target_.now();
  TRY(steps_.set_up(point));
  has_disk_ = true;
  fresh_disk_of_ = &point;
  if (measured.layers.empty()) {
    measured.setup_duration_s = std::chrono::duration<double>(target_.now() - begin).count();
    measured.layers = TRY(target_.layers());
  }
  return {};
}

Result<void> PointRun::one_repeat(const ScenarioPoint& point, reports::Point& measured, uint32_t repeat) {
  for (size_t step = 0; step < point.measure.size(); ++step) {
    measured.measurements[step].repeats.push_back(TRY(steps_.measure(point, step, repeat)));
    TRY(refuse_surprises(measured.measurements[step].repeats.back()));
    if (changes_disk(point.measure[step])) fresh_disk_of_ = nullptr;
  }
  return {};
}

// A wrong byte fails the run: no number measured on such a disk means anything.
Result<void> PointRun::verify(reports::Verification& total) {
  const reports::Verification found = TRY(target_.verify(scenario_.seed));
  total.sectors_checked += found.sectors_checked;
  total.sectors_wrong += found.sectors_wrong;
  if (total.first_wrong.empty()) total.first_wrong = found.first_wrong;
  if (found.sectors_wrong == 0) return {};
  return failure(ErrorKind::wrong_data, "verify-wrong-data",
                 fmt::format("the disk does not hold what was written to it: {}", found.first_wrong),
                 "this is a fault of vhdlab or of the storage below it: keep the work folder and report it");
}

}  // namespace vhdlab::scenarios
