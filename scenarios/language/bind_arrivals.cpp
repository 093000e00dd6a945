// Reading and judging arrivals; see bind_arrivals.h.
#include "scenarios/language/bind_arrivals.h"

#include <array>

#include <fmt/format.h>

#include "scenarios/workload/arrivals.h"

namespace vhdlab::scenarios {

std::optional<double> rate_per_s_in(std::string_view text) {
  constexpr std::string_view unit = "/s";
  if (!text.ends_with(unit)) return std::nullopt;
  text.remove_suffix(unit.size());
  return number_in(text);
}

std::optional<Arrivals> bind_arrivals(Settings& step) {
  const Node* node = step.find("arrivals");
  if (node == nullptr) return std::nullopt;
  static constexpr std::array<std::string_view, 1> keys = {"rate"};
  Settings settings(step.judge(), *node, "arrivals", keys);
  const Node* rate = settings.required("rate", "say how many arrive in a second: rate: 500/s");
  if (rate == nullptr) return std::nullopt;
  const auto value = step.judge().resolve(*rate);
  if (!value) return std::nullopt;
  if (value->resolved->kind == Node::Kind::scalar) {
    const auto per_second = rate_per_s_in(value->resolved->text);
    if (per_second && *per_second >= arrivals_per_s_min && *per_second <= arrivals_per_s_max)
      return Arrivals{*per_second};
  }
  step.judge().unexpected(*value, settings.name_of("rate"),
                          "a rate from 0.001/s to 1000000/s, such as 500/s");
  return std::nullopt;
}

}  // namespace vhdlab::scenarios
