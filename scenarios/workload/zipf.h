// Ranks 0 .. count-1 with probability proportional to 1 / (rank + 1)^theta, for any count and any theta above
// 0, without a table: rejection-inversion (Hoermann and Derflinger 1996, "Rejection-inversion to generate
// variates from monotone discrete distributions"). Under 1.3 tries per rank on average.
#pragma once

#include <cstdint>

namespace vhdlab::scenarios {

class ZipfDistribution {
 public:
  // `count` from 1 to 2^53, `theta` above 0 and at most 10.
  ZipfDistribution(uint64_t count, double theta);

  // The rank that follows from `random`: equal input, equal rank.
  [[nodiscard]] uint64_t rank(uint64_t random) const;

 private:
  [[nodiscard]] double weight(double x) const;           // x^-theta
  [[nodiscard]] double weight_integral(double x) const;  // of weight, from 1 to x
  [[nodiscard]] double weight_integral_inverse(double y) const;

  uint64_t count_;
  double theta_;
  double area_low_ = 0;  // the areas between which draws fall
  double area_high_ = 0;
  double sure_distance_ = 0;  // this close below its rank a point is accepted without a look at the area
};

}  // namespace vhdlab::scenarios
