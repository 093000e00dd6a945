// Every scenario of scenarios/library/papers is run in the simulator, and meets what it expects: the laws and
// the published figures it names.
#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/io/posix_file_system.h"
#include "scenarios/devices/profile_file.h"
#include "scenarios/language/parse.h"
#include "scenarios/runner/run_scenario.h"
#include "scenarios/targets/sim_target.h"
#include "tests/support/checkout.h"

namespace vhdlab::tests {
namespace {

using namespace scenarios;
namespace fs = std::filesystem;

std::vector<std::string> names() {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(checkout_path("scenarios/library/papers"))) {
    if (entry.path().extension() == ".yaml") found.push_back(entry.path().stem().string());
  }
  std::ranges::sort(found);
  return found;
}

class Papers : public testing::TestWithParam<std::string> {
 protected:
  [[nodiscard]] Result<sim::DeviceProfile> device(const std::string& name) {
    auto found = ProfileLibrary(files_, checkout_path("scenarios/library")).find(name);
    if (found) return *std::move(found);
    return failure(ErrorKind::invalid_argument, "device-profile", render_findings(found.error()));
  }

  PosixFileSystem files_;
};

TEST_P(Papers, HoldsWhatItExpects) {
  // Goal: each figure named is met. Method: the scenario as `vhdlab run papers/NAME` takes it.
  const auto scenario =
      load_scenario(checkout_path(fmt::format("scenarios/library/papers/{}.yaml", GetParam())));
  ASSERT_TRUE(scenario) << render_findings(scenario.error());
  EXPECT_EQ(scenario->name, GetParam());
  EXPECT_TRUE(scenario->question.ends_with('?')) << scenario->question;
  EXPECT_NE(scenario->introduction.find("Source: "), std::string::npos);
  EXPECT_NE(scenario->introduction.find("How to read the answer"), std::string::npos);
  EXPECT_EQ(scenario->target, TargetKind::sim);
  ASSERT_FALSE(scenario->expectations.empty());

  const auto usual = device("nvme");
  ASSERT_TRUE(usual) << usual.error().text();
  const auto target = make_sim_target(
      {.device = *usual, .find_device = [this](const std::string& name) { return device(name); }});
  SilentProgress quiet;
  const RunOutcome outcome = run_scenario(*scenario, *target, {}, quiet, {});
  ASSERT_FALSE(outcome.failure) << outcome.failure->text();
  for (const auto& expectation : outcome.record.expectations) {
    EXPECT_TRUE(expectation.met) << expectation.text << "; observed "
                                 << expectation.observed.value_or(std::nan(""));
  }
}

INSTANTIATE_TEST_SUITE_P(Library, Papers, testing::ValuesIn(names()), [](const auto& instance) {
  std::string name = instance.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

}  // namespace
}  // namespace vhdlab::tests
