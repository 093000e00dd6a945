// Reading and judging a live merge's own settings; see bind_live_merge.h.
#include "scenarios/language/bind_live_merge.h"

#include "engine/base/bytes.h"

namespace vhdlab::scenarios {
namespace {

constexpr uint64_t rate_limit_min = 64 * kib;  // a merge copies no smaller pieces
constexpr uint64_t rate_limit_max = 1 * tib;
constexpr uint64_t pause_bytes_limit = 1 * tib;
constexpr uint64_t passes_limit = 10'000;

}  // namespace

std::optional<uint64_t> bytes_per_s_in(std::string_view text) {
  constexpr std::string_view unit = "/s";
  if (!text.ends_with(unit)) return std::nullopt;
  text.remove_suffix(unit.size());
  const auto size = parse_size_bytes(text);
  return size ? std::optional(*size) : std::nullopt;
}

uint64_t bind_rate_limit(Settings& step) {
  const Node* node = step.find("rate_limit");
  if (node == nullptr) return 0;
  const auto value = step.judge().resolve(*node);
  if (!value) return 0;
  if (value->resolved->kind == Node::Kind::scalar) {
    if (value->resolved->text == "unlimited") return 0;
    const auto bytes_per_s = bytes_per_s_in(value->resolved->text);
    if (bytes_per_s && *bytes_per_s >= rate_limit_min && *bytes_per_s <= rate_limit_max) return *bytes_per_s;
  }
  step.judge().unexpected(*value, step.name_of("rate_limit"),
                          "a rate from 64KiB/s to 1TiB/s, such as 50MiB/s, or 'unlimited'");
  return 0;
}

LiveLimits bind_live_limits(Settings& step) {
  LiveLimits limits;
  limits.pause_bytes_max = step.size("pause_below", 0, pause_bytes_limit).value_or(limits.pause_bytes_max);
  limits.passes_max =
      static_cast<uint32_t>(step.whole("passes", 1, passes_limit).value_or(limits.passes_max));
  return limits;
}

}  // namespace vhdlab::scenarios
