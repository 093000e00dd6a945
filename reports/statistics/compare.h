// Is B different from A, and by how much? The answer is a ratio of medians with an interval, and a claim only
// where the repeats can carry it.
//
//   6 or more repeats each   95 % bootstrap interval of the ratio; different when it leaves 1 outside
//   fewer                    from smallest over largest to largest over smallest; different when the two
//                            ranges do not touch and chance would part so many repeats less than one time in
//                            20 (4 and 4, 3 and 5)
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "reports/statistics/bootstrap.h"

namespace vhdlab::reports {

enum class Better { higher, lower };  // which direction of a metric is good

// Whether the values hold chance that a verdict must rule out: the clock of a machine does, virtual time does
// not, where repeats are copies and one of them says it all.
enum class Chance { possible, none };

enum class Verdict {
  higher,          // B's values are higher than A's
  lower,           // B's values are lower than A's
  not_shown,       // these repeats show no difference; there may be one smaller than the interval
  too_few,         // the values do not overlap, but so few repeats could part by chance
  same,            // without chance: the medians are equal
  not_comparable,  // a side has no values, or A's median is 0
};

struct Comparison {
  double ratio = 0;  // median of B over median of A
  Interval interval;
  Verdict verdict = Verdict::not_comparable;
};

// Without chance there is no interval, and any difference of the medians is one.
[[nodiscard]] Comparison compare(std::span<const double> a, std::span<const double> b, uint64_t seed,
                                 Chance chance = Chance::possible);

// The comparison in words, of a metric where `better` says which way is good:
// "B is 12 % slower (8 to 16 %)", "no difference that these repeats can show (-3 to +2 %)".
// `better_word` and `worse_word` fit the metric: "faster" and "slower".
[[nodiscard]] std::string describe(const Comparison& comparison, std::string_view b_name, Better better,
                                   std::string_view better_word = "faster",
                                   std::string_view worse_word = "slower");

}  // namespace vhdlab::reports
