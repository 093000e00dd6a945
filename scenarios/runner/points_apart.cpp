// Sharing out points among threads; see points_apart.h.
#include "scenarios/runner/points_apart.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <memory>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "scenarios/runner/point_run.h"

namespace vhdlab::scenarios {

std::optional<Error> PointsApart::run(uint32_t threads) {
  const auto count = std::min<size_t>(std::max<uint32_t>(threads, 1), scenario_.points.size());
  const bool is_single = scenario_.points.size() == 1;
  if (!is_single) {
    progress_.stage(fmt::format("simulating {} points", scenario_.points.size()), ProgressUnit::steps);
    progress_.update(0, scenario_.points.size());
  }
  std::vector<std::jthread> workers;
  for (size_t i = 1; i < count; ++i)
    workers.emplace_back([this] { work(false); });
  work(is_single);
  workers.clear();  // joins
  return gather();
}

void PointsApart::work(bool shows_progress) {
  for (size_t i = next_++; i < scenario_.points.size() && !has_failed_; i = next_++) {
    const std::unique_ptr<Target> target = make_target_();
    SilentProgress quiet;
    ProgressSink& progress = shows_progress ? progress_ : quiet;
    const Nanoseconds begin = target->now();
    auto ran = PointRun(scenario_, *target, progress, stop_)
                   .only(scenario_.points[i], record_.points[i], ends_[i].verification);
    ends_[i].took = target->now() - begin;
    ends_[i].notes = target->notes();
    const std::lock_guard lock(mutex_);
    if (!ran) {
      ends_[i].failure = std::move(ran).error();
      has_failed_ = true;
    }
    if (!shows_progress) progress_.update(++points_done_, scenario_.points.size());
  }
}

// Points were begun in order, so the first failure is the same whoever was fastest; what others did after
// it is left out. A run that was stopped keeps everything.
std::optional<Error> PointsApart::gather() {
  Nanoseconds took{0};
  std::optional<Error> failure;
  for (size_t i = 0; i < ends_.size(); ++i) {
    if (failure && failure->kind != ErrorKind::interrupted) {
      for (reports::Measurement& measurement : record_.points[i].measurements)
        measurement.repeats.clear();
      continue;
    }
    took += ends_[i].took;
    record_.verification.sectors_checked += ends_[i].verification.sectors_checked;
    record_.verification.sectors_wrong += ends_[i].verification.sectors_wrong;
    if (record_.verification.first_wrong.empty())
      record_.verification.first_wrong = ends_[i].verification.first_wrong;
    std::ranges::copy(ends_[i].notes, std::back_inserter(record_.notes));
    if (!failure) failure = std::move(ends_[i].failure);
  }
  record_.duration_s = std::chrono::duration<double>(took).count();
  return failure;
}

}  // namespace vhdlab::scenarios
