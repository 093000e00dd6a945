// Choosing digits and units.
#include "reports/results/number_text.h"

#include <array>
#include <chrono>
#include <cmath>

#include <fmt/format.h>

#include "engine/base/units.h"

namespace vhdlab::reports {
namespace {

struct Scaled {
  double value;
  std::string_view unit;
};

Scaled scaled_bytes(double bytes) {
  constexpr std::array<std::string_view, 5> units = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  // 1023.5 would round up to 1,024 of the smaller unit.
  while (std::abs(bytes) >= 1023.5 && unit + 1 < units.size()) {
    bytes /= 1024;
    ++unit;
  }
  return {bytes, units[unit]};
}

Scaled scaled_duration(double duration_s) {
  const double size = std::abs(duration_s);
  if (size < 0.9995e-6) return {duration_s * 1e9, "ns"};
  if (size < 0.9995e-3) return {duration_s * 1e6, "us"};
  if (size < 0.9995) return {duration_s * 1e3, "ms"};
  return {duration_s, "s"};
}

Scaled scaled(double value, std::string_view unit) {
  if (unit == "ns") return scaled_duration(value * 1e-9);
  if (unit == "s") return scaled_duration(value);
  if (unit == "B") return scaled_bytes(value);
  if (unit == "%") return {value * 100, "%"};
  return {value, ""};
}

}  // namespace

std::string three_digits(double value) {
  const double size = std::abs(value);
  if (!std::isfinite(value)) return "?";
  if (size >= 999.5) {
    // Whole numbers keep all digits: a count of operations is not an estimate.
    const std::string digits =
        size < 1e18 ? format_count(static_cast<uint64_t>(std::llround(size))) : fmt::format("{:.3g}", size);
    return value < 0 ? "-" + digits : digits;
  }
  if (value == std::round(value)) return fmt::format("{:.0f}", value);
  if (size >= 99.95) return fmt::format("{:.0f}", value);
  if (size >= 9.995) return fmt::format("{:.1f}", value);
  if (size >= 0.9995) return fmt::format("{:.2f}", value);
  return fmt::format("{:.3g}", value);
}

std::string duration_text(double duration_s) {
  if (duration_s >= 119.5 && duration_s < 1e9) {
    return format_duration(std::chrono::seconds(std::llround(duration_s)));
  }
  const Scaled part = scaled_duration(duration_s);
  return fmt::format("{} {}", three_digits(part.value), part.unit);
}

std::string bytes_text(double bytes) {
  const Scaled part = scaled_bytes(bytes);
  return fmt::format("{} {}", three_digits(part.value), part.unit);
}

std::string percent_text(double share) {
  const double value = share * 100;
  const int decimals = std::abs(value) < 9.95 && value != std::round(value) ? 1 : 0;
  return fmt::format("{:.{}f} %", value, decimals);
}

std::string value_text(double value, std::string_view unit) {
  if (unit == "ns") return duration_text(value * 1e-9);
  if (unit == "s") return duration_text(value);
  if (unit == "B") return bytes_text(value);
  if (unit == "B/s") return bytes_text(value) + "/s";
  if (unit == "%") return percent_text(value);
  return three_digits(value);
}

std::string span_text(double low, double high, std::string_view unit) {
  const bool per_second = unit == "B/s";
  const std::string_view plain_unit = per_second ? "B" : unit;
  const Scaled from = scaled(low, plain_unit);
  const Scaled to = scaled(high, plain_unit);
  if (from.unit != to.unit && low != 0) return value_text(low, unit) + " to " + value_text(high, unit);
  auto digits = [&](double value) {
    return unit == "%" ? fmt::format("{:.{}f}", value, std::abs(to.value) < 9.95 ? 1 : 0)
                       : three_digits(value);
  };
  std::string text = digits(from.value) + " to " + digits(to.value);
  if (!to.unit.empty()) text += fmt::format(" {}{}", to.unit, per_second ? "/s" : "");
  return text;
}

std::string interval_text(const Summary& summary) {
  if (summary.interval == IntervalKind::none) return "";
  return fmt::format("{} of {} repeats", interval_name(summary.interval), summary.count);
}

}  // namespace vhdlab::reports
