// Operations that arrive from outside, whatever has become of the ones before them: those of a stream, at the
// times of a Poisson process. This is load as many independent users make it, and as queueing theory counts
// it; a stream without arrivals is a closed loop, in which a slow disk is asked less.
#pragma once

#include <cstdint>
#include <memory>

#include "scenarios/workload/operation_stream.h"

namespace vhdlab::scenarios {

inline constexpr double arrivals_per_s_min = 0.001;
inline constexpr double arrivals_per_s_max = 1e6;  // a mean of 1 us: times are whole nanoseconds

// The same operations; issued_at() is when each arrives. Times follow from `seed` and the number alone.
// Promised by the caller: per_second is within the limits above. Safe to use from any number of threads;
// asking in the order of the numbers costs one draw each.
[[nodiscard]] std::unique_ptr<OperationStream> with_arrivals(std::unique_ptr<OperationStream> operations,
                                                             double per_second, uint64_t seed);

}  // namespace vhdlab::scenarios
