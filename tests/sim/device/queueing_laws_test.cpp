// The simulator's queues against the closed formulas of queueing theory, within 1 %.
#include <cmath>

#include <gtest/gtest.h>

#include "sim/device/server.h"
#include "tests/sim/device/load.h"

namespace vhdlab::tests {
namespace {

constexpr Nanoseconds service = std::chrono::microseconds(100);
constexpr uint64_t requests = 3'000'000;  // the mean's standard error at 60 % load is then about 0.25 %

// Mean time in the system, in service times, of Poisson arrivals at this load.
double time_in_system(uint32_t servers, bool exponential, double load) {
  sim::EventQueue events;
  sim::ServerDevice device(
      {.capacity_bytes = gib, .servers = servers, .service = service, .exponential = exponential}, events, 7);
  const Nanoseconds interval(
      std::llround(static_cast<double>(service.count()) / load / static_cast<double>(servers)));
  const LoadOutcome outcome = Load(events, device, requests, [](uint64_t) {
                                return sim::DeviceRequest{sim::RequestKind::read, 0, 4 * kib};
                              }).open(interval, 11);
  EXPECT_NEAR(outcome.in_system_ns / outcome.latency_ns_sum, 1.0, 1e-9) << "Little's law";
  return outcome.latency_ns_mean() / static_cast<double>(service.count());
}

// The share of arrivals that wait (Erlang's C formula).
double erlang_c(uint32_t servers, double load) {
  const double offered = load * servers;
  double term = 1;
  double sum = 1;
  for (uint32_t k = 1; k < servers; ++k) {
    term *= offered / k;
    sum += term;
  }
  const double last = term * offered / servers / (1 - load);
  return last / (sum + last);
}

TEST(QueueingLaws, OneExponentialServer) {
  // M/M/1: W = 1 / (1 - load).
  EXPECT_NEAR(time_in_system(1, true, 0.6) * (1 - 0.6), 1.0, 0.01);
}

TEST(QueueingLaws, SeveralExponentialServers) {
  // M/M/c: W = 1 + C / (c (1 - load)).
  const double expected = 1 + erlang_c(4, 0.7) / (4 * (1 - 0.7));
  EXPECT_NEAR(time_in_system(4, true, 0.7) / expected, 1.0, 0.01);
}

TEST(QueueingLaws, OneServerOfConstantTime) {
  // M/D/1: W = 1 + load / (2 (1 - load)), Pollaczek and Khinchine's formula without variance.
  const double expected = 1 + 0.6 / (2 * (1 - 0.6));
  EXPECT_NEAR(time_in_system(1, false, 0.6) / expected, 1.0, 0.01);
}

}  // namespace
}  // namespace vhdlab::tests
