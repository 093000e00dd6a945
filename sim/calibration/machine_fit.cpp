// Levenberg's and Marquardt's method over a handful of numbers; see machine_fit.h.
#include "sim/calibration/machine_fit.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <Eigen/Dense>
#include <fmt/format.h>

namespace vhdlab::sim {
namespace {

using Number = std::optional<double> MachineNumbers::*;

constexpr double spread_min = 4;           // a number shows where what it multiplies varies this much
constexpr double probes_spread_min = 0.5;  // layers
constexpr int steps_max = 500;

struct Range {
  double least = std::numeric_limits<double>::infinity();
  double most = 0;
  void take(double value) {
    least = std::min(least, value);
    most = std::max(most, value);
  }
};

// Which numbers the samples can tell apart, at values to begin from.
MachineNumbers first_guess(std::span<const RateSample> samples, uint32_t processors) {
  MachineNumbers numbers{.processors = processors};
  Range probes, bytes, in_flight, host_s, device_s;
  double rate_max = 0;
  double bytes_per_s_max = 0;
  for (const RateSample& sample : samples) {
    const double time_s = sample.in_flight / sample.operations_per_s;
    probes.take(sample.layers_probed);
    if (!sample.reaches_device) {
      host_s.take(std::min<double>(sample.in_flight, processors) / sample.operations_per_s);
      continue;
    }
    device_s.take(time_s);
    bytes.take(sample.bytes);
    in_flight.take(sample.in_flight);
    rate_max = std::max(rate_max, sample.operations_per_s * (1 + sample.table_pages));
    bytes_per_s_max = std::max(bytes_per_s_max, sample.operations_per_s * sample.bytes);
  }
  if (host_s.most > 0) numbers.operation_s = host_s.least;
  if (probes.most - probes.least > probes_spread_min) {
    const Range& time_s = host_s.most > 0 ? host_s : device_s;
    const double slope = (time_s.most - time_s.least) / (probes.most - probes.least);
    numbers.layer_probe_s = std::max(slope, 1e-9);
  }
  if (device_s.most > 0) {
    numbers.device_latency_s = device_s.least;
    if (bytes.most >= spread_min * bytes.least) numbers.device_bytes_per_s = bytes_per_s_max;
    if (in_flight.most >= spread_min * in_flight.least) numbers.device_operations_per_s = rate_max;
  }
  return numbers;
}

std::vector<Number> present(const MachineNumbers& numbers) {
  constexpr std::array<Number, 5> all = {
      &MachineNumbers::operation_s, &MachineNumbers::layer_probe_s, &MachineNumbers::device_latency_s,
      &MachineNumbers::device_bytes_per_s, &MachineNumbers::device_operations_per_s};
  std::vector<Number> found;
  std::ranges::copy_if(all, std::back_inserter(found),
                       [&](Number number) { return (numbers.*number).has_value(); });
  return found;
}

// The numbers are fitted as logarithms: each stays above zero, and a step is a share of it.
MachineNumbers moved(MachineNumbers numbers, const std::vector<Number>& which, const Eigen::VectorXd& by) {
  for (size_t i = 0; i < which.size(); ++i)
    *(numbers.*which[i]) *= std::exp(std::clamp(by[static_cast<Eigen::Index>(i)], -2.0, 2.0));
  return numbers;
}

Eigen::VectorXd errors_of(const MachineNumbers& numbers, std::span<const RateSample> samples) {
  Eigen::VectorXd errors(static_cast<Eigen::Index>(samples.size()));
  for (size_t i = 0; i < samples.size(); ++i) {
    errors[static_cast<Eigen::Index>(i)] =
        std::log(predicted_rate(numbers, samples[i]) / samples[i].operations_per_s);
  }
  return errors;
}

Eigen::MatrixXd slopes_of(const MachineNumbers& numbers, const std::vector<Number>& which,
                          std::span<const RateSample> samples) {
  constexpr double nudge = 1e-5;
  const auto count = static_cast<Eigen::Index>(which.size());
  Eigen::MatrixXd slopes(static_cast<Eigen::Index>(samples.size()), count);
  for (Eigen::Index i = 0; i < count; ++i) {
    const Eigen::VectorXd step = Eigen::VectorXd::Unit(count, i) * nudge;
    slopes.col(i) =
        (errors_of(moved(numbers, which, step), samples) - errors_of(moved(numbers, which, -step), samples)) /
        (2 * nudge);
  }
  return slopes;
}

MachineNumbers descend(MachineNumbers numbers, std::span<const RateSample> samples) {
  const std::vector<Number> which = present(numbers);
  const auto count = static_cast<Eigen::Index>(which.size());
  Eigen::VectorXd errors = errors_of(numbers, samples);
  double damping = 1e-3;
  for (int step = 0; step < steps_max && damping < 1e12; ++step) {
    const Eigen::MatrixXd slopes = slopes_of(numbers, which, samples);
    const Eigen::MatrixXd normal =
        slopes.transpose() * slopes + damping * Eigen::MatrixXd::Identity(count, count);
    const Eigen::VectorXd by = normal.ldlt().solve(-slopes.transpose() * errors);
    const MachineNumbers tried = moved(numbers, which, by);
    const Eigen::VectorXd errors_there = errors_of(tried, samples);
    if (errors_there.squaredNorm() < errors.squaredNorm()) {
      const bool is_flat = errors.squaredNorm() - errors_there.squaredNorm() < 1e-15;
      numbers = tried;
      errors = errors_there;
      damping /= 4;
      if (is_flat) break;
    } else {
      damping *= 4;
    }
  }
  return numbers;
}

Nanoseconds nanoseconds(double seconds) {
  return Nanoseconds(std::max<int64_t>(std::llround(seconds * 1e9), 0));
}

}  // namespace

double predicted_rate(const MachineNumbers& numbers, const RateSample& sample) {
  const double host_s =
      numbers.operation_s.value_or(0) + numbers.layer_probe_s.value_or(0) * sample.layers_probed;
  const double requests = 1 + sample.table_pages;
  double device_s = 0;
  double rate = std::numeric_limits<double>::infinity();
  if (sample.reaches_device) {
    device_s = requests * numbers.device_latency_s.value_or(0);
    if (numbers.device_bytes_per_s) {
      device_s += sample.bytes / *numbers.device_bytes_per_s;
      rate = std::min(rate, *numbers.device_bytes_per_s / sample.bytes);
    }
    if (numbers.device_operations_per_s) rate = std::min(rate, *numbers.device_operations_per_s / requests);
  }
  if (host_s > 0) rate = std::min(rate, numbers.processors / host_s);
  return std::min(rate, sample.in_flight / std::max(host_s + device_s, 1e-12));
}

Result<MachineFit> fit_machine(std::span<const RateSample> samples, uint32_t processors) {
  for (const RateSample& sample : samples) {
    const bool is_sound = std::isfinite(sample.operations_per_s) && sample.operations_per_s > 0 &&
                          sample.in_flight >= 1 && sample.bytes > 0;
    if (is_sound) continue;
    return failure(
        ErrorKind::invalid_argument, "calibrate-samples",
        fmt::format("a measurement of {} operations a second, {} in flight, of {} bytes each, is none",
                    sample.operations_per_s, sample.in_flight, sample.bytes));
  }
  if (samples.empty()) {
    return failure(ErrorKind::invalid_argument, "calibrate-samples", "there is no measurement to fit to",
                   "give results with reads, and let --fit name points that were measured");
  }
  MachineFit fit{.numbers = descend(first_guess(samples, processors), samples)};
  for (const RateSample& sample : samples)
    fit.predicted_per_s.push_back(predicted_rate(fit.numbers, sample));
  fit.error_rms =
      std::sqrt(errors_of(fit.numbers, samples).squaredNorm() / static_cast<double>(samples.size()));
  return fit;
}

DeviceProfile profile_of(const MachineNumbers& numbers) {
  DeviceProfile profile;
  profile.host = {.processors = numbers.processors,
                  .operation = nanoseconds(numbers.operation_s.value_or(0)),
                  .layer_probe = nanoseconds(numbers.layer_probe_s.value_or(0)),
                  .request = Nanoseconds(0),
                  .copy_bytes_per_s = 1 * tib,
                  .page_cache_bytes = 64 * gib};
  constexpr uint64_t capacity_bytes = 64 * tib;
  if (!numbers.device_latency_s) {
    profile.model =
        ServerProfile{.capacity_bytes = capacity_bytes, .service = std::chrono::microseconds(100)};
    return profile;
  }
  // Servers that each take `service` answer servers / service in all; what the latency is more than that is
  // the way there and back.
  constexpr double servers_max = 1024;
  const double latency_s = *numbers.device_latency_s;
  const double capacity = numbers.device_operations_per_s.value_or(servers_max / latency_s);
  const double servers = std::clamp(std::floor(capacity * latency_s), 1.0, servers_max);
  const double service_s = std::min(latency_s, servers / capacity);
  profile.model = SharedVolumeProfile{.capacity_bytes = capacity_bytes,
                                      .round_trip = nanoseconds(latency_s - service_s),
                                      .bytes_per_s = static_cast<uint64_t>(std::min(
                                          numbers.device_bytes_per_s.value_or(1.0 * tib), 1.0 * tib)),
                                      .servers = static_cast<uint32_t>(servers),
                                      .service = std::max(nanoseconds(service_s), Nanoseconds(1))};
  return profile;
}

}  // namespace vhdlab::sim
