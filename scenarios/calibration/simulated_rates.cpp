// Running a record's scenario once more; see simulated_rates.h.
#include "scenarios/calibration/simulated_rates.h"

#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "reports/results/metrics.h"
#include "scenarios/language/parse.h"
#include "scenarios/runner/run_scenario.h"
#include "scenarios/targets/sim_target.h"

namespace vhdlab::scenarios {
namespace {

constexpr uint64_t operations_enough = 20'000;
constexpr Nanoseconds warm_up_max = std::chrono::milliseconds(100);

bool is_step(const MeasuredStep& step, const std::string& name) {
  const auto* workload = std::get_if<MeasuredWorkload>(&step);
  return workload != nullptr && workload->name == name;
}

Result<Scenario> scenario_of(const reports::RunRecord& record, const std::string& step) {
  ParseOptions options;
  for (const reports::NamedText& setting : record.settings)
    options.overrides.push_back(fmt::format("{}={}", setting.name, setting.text));
  auto scenario = parse_scenario(record.scenario_source, record.scenario_name + ".yaml", options);
  if (!scenario) {
    return failure(
        ErrorKind::invalid_argument, "calibrate-scenario",
        fmt::format("the scenario in the results cannot be run\n{}", render_findings(scenario.error())));
  }
  scenario->repeat = 1;
  scenario->expectations.clear();
  for (ScenarioPoint& point : scenario->points) {
    std::erase_if(point.measure, [&](const MeasuredStep& each) { return !is_step(each, step); });
    for (MeasuredStep& each : point.measure) {
      auto& workload = std::get<MeasuredWorkload>(each);
      workload.warm_up = std::min(workload.warm_up, warm_up_max);
      workload.duration.reset();
      workload.pattern.operations =
          std::min(workload.pattern.operations.value_or(endless), operations_enough);
    }
  }
  return *std::move(scenario);
}

bool has_values(const reports::Point& point, const reports::Point& other) {
  return std::ranges::equal(point.parameters, other.parameters, {}, &reports::ParameterValue::text,
                            &reports::ParameterValue::text);
}

}  // namespace

Result<std::vector<std::optional<double>>> simulated_rates(const reports::RunRecord& record,
                                                           const std::string& step, RateFrom from,
                                                           const sim::DeviceProfile& device,
                                                           const StopRequested& stop) {
  const Scenario scenario = TRY(scenario_of(record, step));
  const auto make = [&] { return make_sim_target({.device = device, .device_is_chosen = true}); };
  SilentProgress quiet;
  const RunOutcome outcome =
      run_scenario_apart(scenario, make, std::thread::hardware_concurrency(), {}, quiet, stop);
  if (outcome.failure) return std::unexpected(*outcome.failure);
  std::vector<std::optional<double>> rates;
  for (const reports::Point& measured : record.points) {
    const auto simulated = std::ranges::find_if(
        outcome.record.points, [&](const reports::Point& point) { return has_values(point, measured); });
    const reports::Measurement* reads =
        simulated == outcome.record.points.end() ? nullptr : reports::find_measurement(*simulated, step);
    rates.push_back(reads == nullptr ? std::nullopt : rate_of(*reads, from));
  }
  return rates;
}

}  // namespace vhdlab::scenarios
