// Rejection-inversion, in the notation of the paper: h is the weight of a point, H its integral. A point x is
// drawn so that its density follows h; its nearest whole number k is accepted where x lies in the part of k's
// unit interval whose area is exactly h(k).
#include "scenarios/workload/zipf.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "engine/base/random.h"

namespace vhdlab::scenarios {
namespace {

// log1p(x) / x and expm1(x) / x with their limits at 0, so that theta = 1 needs no case of its own.
double log1p_ratio(double x) {
  return std::abs(x) > 1e-8 ? std::log1p(x) / x : 1 - x / 2;
}
double expm1_ratio(double x) {
  return std::abs(x) > 1e-8 ? std::expm1(x) / x : 1 + x / 2;
}

// From the top 53 bits: evenly in [0, 1).
double unit_interval(uint64_t random) {
  return static_cast<double>(random >> 11) * 0x1.0p-53;
}

}  // namespace

ZipfDistribution::ZipfDistribution(uint64_t count, double theta) : count_(count), theta_(theta) {
  assert(count >= 1 && count <= uint64_t{1} << 53);
  assert(theta > 0 && theta <= 10);
  area_low_ = weight_integral(1.5) - 1;
  area_high_ = weight_integral(static_cast<double>(count) + 0.5);
  sure_distance_ = 2 - weight_integral_inverse(weight_integral(2.5) - weight(2));
}

double ZipfDistribution::weight(double x) const {
  return std::exp(-theta_ * std::log(x));
}

double ZipfDistribution::weight_integral(double x) const {
  const double log_x = std::log(x);
  return log_x * expm1_ratio((1 - theta_) * log_x);
}

double ZipfDistribution::weight_integral_inverse(double y) const {
  const double t = std::max(-1.0, y * (1 - theta_));  // rounding may carry it just below the domain
  return std::exp(y * log1p_ratio(t));
}

uint64_t ZipfDistribution::rank(uint64_t random) const {
  for (;; random = mix64(random)) {
    const double area = area_high_ + unit_interval(random) * (area_low_ - area_high_);
    const double x = weight_integral_inverse(area);
    const double k = std::clamp(std::floor(x + 0.5), 1.0, static_cast<double>(count_));
    if (k - x <= sure_distance_ || area >= weight_integral(k + 0.5) - weight(k))
      return static_cast<uint64_t>(k) - 1;
  }
}

}  // namespace vhdlab::scenarios
