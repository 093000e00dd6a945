// Questions the runner asks of a Scenario.
#include "scenarios/language/scenario.h"

namespace vhdlab::scenarios {
namespace {

void append_flat(const std::vector<SetupStep>& steps, std::vector<SetupStep>& flat) {
  for (const SetupStep& step : steps) {
    if (const auto* repeat = std::get_if<SetupRepeat>(&step.action)) {
      for (uint32_t i = 0; i < repeat->count && flat.size() < setup_steps_max; ++i)
        append_flat(repeat->steps, flat);
    } else {
      flat.push_back(step);
    }
  }
}

}  // namespace

const std::string& name_of(const MeasuredStep& step) {
  return std::visit([](const auto& of) -> const std::string& { return of.name; }, step);
}

std::vector<SetupStep> flat_setup(const ScenarioPoint& point) {
  std::vector<SetupStep> flat;
  append_flat(point.setup, flat);
  return flat;
}

std::string describe_point(const Scenario& scenario, const ScenarioPoint& point) {
  std::string text;
  for (size_t i = 0; i < scenario.sweep.size(); ++i) {
    if (i > 0) text += ", ";
    text += scenario.sweep[i].name + "=" + point.values[i].text;
  }
  return text;
}

}  // namespace vhdlab::scenarios
