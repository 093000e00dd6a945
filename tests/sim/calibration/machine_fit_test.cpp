// Numbers found again from the rates they give, and figures held out from published rows.
#include "sim/calibration/machine_fit.h"

#include <cmath>

#include <gtest/gtest.h>

namespace vhdlab::tests {
namespace {

using namespace sim;

// Rates of known numbers, each off by up to `noise`, up and down in turn.
std::vector<RateSample> measured(const MachineNumbers& truth, std::vector<RateSample> samples, double noise) {
  for (size_t i = 0; i < samples.size(); ++i)
    samples[i].operations_per_s = predicted_rate(truth, samples[i]) * (1 + (i % 2 == 0 ? noise : -noise));
  return samples;
}

TEST(MachineFit, FindsWhatALayerCostsInMemory) {
  // Goal: the two numbers of a cached chain. Method: exact rates at three depths; the others are predicted.
  const MachineNumbers truth{.processors = 2, .operation_s = 1.2e-6, .layer_probe_s = 40e-9};
  const auto samples =
      measured(truth, {{.layers_probed = 1}, {.layers_probed = 4.8}, {.layers_probed = 14.5}}, 0);
  const auto fit = fit_machine(samples, 2);
  ASSERT_TRUE(fit) << fit.error().text();
  EXPECT_NEAR(*fit->numbers.operation_s, 1.2e-6, 1e-10);
  EXPECT_NEAR(*fit->numbers.layer_probe_s, 40e-9, 1e-11);
  EXPECT_LT(fit->error_rms, 1e-6);
  EXPECT_FALSE(fit->numbers.device_latency_s);
  const RateSample deep{.layers_probed = 32.2};
  EXPECT_NEAR(predicted_rate(fit->numbers, deep) / predicted_rate(truth, deep), 1, 1e-4);
}

TEST(MachineFit, FindsADevicesLatencyBandwidthAndCapacity) {
  // Goal: the three numbers of a device from queue depths and block sizes. Method: rates with 3 % of noise.
  const MachineNumbers truth{.processors = 2,
                             .device_latency_s = 53e-6,
                             .device_bytes_per_s = 1.2e9,
                             .device_operations_per_s = 82e3};
  std::vector<RateSample> samples;
  for (const double bytes : {4096.0, 65536.0, 1048576.0}) {
    for (const double in_flight : {1.0, 2.0, 4.0, 8.0, 16.0, 32.0})
      samples.push_back({.in_flight = in_flight, .bytes = bytes, .reaches_device = true});
  }
  const auto fit = fit_machine(measured(truth, samples, 0.03), 2);
  ASSERT_TRUE(fit) << fit.error().text();
  EXPECT_NEAR(*fit->numbers.device_latency_s / 53e-6, 1, 0.05);
  EXPECT_NEAR(*fit->numbers.device_bytes_per_s / 1.2e9, 1, 0.05);
  EXPECT_NEAR(*fit->numbers.device_operations_per_s / 82e3, 1, 0.05);
  EXPECT_LT(fit->error_rms, 0.05);
}

TEST(MachineFit, LeavesOutWhatTheSamplesDoNotShow) {
  // Goal: no number out of nothing. Method: one queue depth, one block size, past the page cache.
  const std::vector<RateSample> samples = {{.operations_per_s = 18'800, .reaches_device = true}};
  const auto fit = fit_machine(samples, 2);
  ASSERT_TRUE(fit);
  EXPECT_NEAR(*fit->numbers.device_latency_s, 1 / 18'800.0, 1e-9);
  EXPECT_FALSE(fit->numbers.device_bytes_per_s);
  EXPECT_FALSE(fit->numbers.device_operations_per_s);
  EXPECT_FALSE(fit->numbers.operation_s);
  EXPECT_FALSE(fit->numbers.layer_probe_s);
}

TEST(MachineFit, MakesADeviceOfTheSameCapacityAndLatency) {
  // Goal: the profile is the numbers. Method: servers and service against both.
  const DeviceProfile profile =
      profile_of({.processors = 4, .device_latency_s = 53e-6, .device_operations_per_s = 82e3});
  const auto& volume = std::get<SharedVolumeProfile>(profile.model);
  EXPECT_NEAR(volume.servers / seconds(volume.service) / 82e3, 1, 1e-3);
  EXPECT_NEAR(seconds(volume.service + volume.round_trip) / 53e-6, 1, 1e-3);
  EXPECT_EQ(profile.host.processors, 4U);
  EXPECT_FALSE(profile_fault(profile));
  EXPECT_FALSE(profile_fault(profile_of({.operation_s = 1e-6})));
}

TEST(MachineFit, RefusesWhatIsNoMeasurement) {
  const auto none = fit_machine({}, 2);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().fault, "calibrate-samples");
  const std::vector<RateSample> standing = {{.operations_per_s = 0}};
  ASSERT_FALSE(fit_machine(standing, 2));
  const std::vector<RateSample> unknown = {{.operations_per_s = std::nan("")}};
  ASSERT_FALSE(fit_machine(unknown, 2));
}

}  // namespace
}  // namespace vhdlab::tests
