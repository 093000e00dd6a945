// Reading and writing sizes, durations and counts. Reading is exact: "1.5GiB" is computed in integers, and
// what does not come out whole is refused instead of rounded.
#include "engine/base/units.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <span>

#include <fmt/format.h>

#include "engine/base/bytes.h"

namespace vhdlab {
namespace {

__extension__ using Wide = unsigned __int128;

struct Unit {
  std::string_view name;  // lower case
  uint64_t factor;        // of the smallest unit
};

constexpr std::array size_units = {
    Unit{"", 1},      Unit{"b", 1},    Unit{"k", kib},   Unit{"kb", kib},  Unit{"kib", kib},
    Unit{"m", mib},   Unit{"mb", mib}, Unit{"mib", mib}, Unit{"g", gib},   Unit{"gb", gib},
    Unit{"gib", gib}, Unit{"t", tib},  Unit{"tb", tib},  Unit{"tib", tib},
};

// A bare "m" is missing on purpose: people write it for minutes and for milliseconds.
constexpr std::array duration_units = {
    Unit{"ns", 1},
    Unit{"us", 1'000},
    Unit{"\u00b5s", 1'000},
    Unit{"ms", 1'000'000},
    Unit{"s", 1'000'000'000},
    Unit{"min", 60'000'000'000},
    Unit{"h", 3'600'000'000'000},
    Unit{"d", 86'400'000'000'000},
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_space(char c) {
  return c == ' ' || c == '\t';
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front()))
    text.remove_prefix(1);
  while (!text.empty() && is_space(text.back()))
    text.remove_suffix(1);
  return text;
}

std::string_view take_digits(std::string_view& text) {
  size_t count = 0;
  while (count < text.size() && is_digit(text[count]))
    ++count;
  std::string_view digits = text.substr(0, count);
  text.remove_prefix(count);
  return digits;
}

// A decimal number and the word behind it, still as text: "1.50 GiB" is {"1", "5", "gib"}.
struct Quantity {
  std::string_view whole;
  std::string_view fraction;  // without trailing zeros
  std::string unit;           // lower case
};

std::optional<Quantity> split_quantity(std::string_view text) {
  text = trim(text);
  Quantity quantity;
  quantity.whole = take_digits(text);
  if (quantity.whole.empty()) return std::nullopt;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    quantity.fraction = take_digits(text);
    if (quantity.fraction.empty()) return std::nullopt;
    while (quantity.fraction.ends_with('0'))
      quantity.fraction.remove_suffix(1);
  }
  for (char c : trim(text))
    quantity.unit.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  return quantity;
}

const Unit* find_unit(std::span<const Unit> units, std::string_view name) {
  for (const Unit& unit : units) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

enum class Fit { exact, too_large, not_whole };

struct Scaled {
  Fit fit;
  uint64_t value = 0;
};

// whole.fraction times factor, exactly.
Scaled scale(const Quantity& quantity, uint64_t factor, uint64_t largest) {
  Wide value = 0;
  for (char c : quantity.whole) {
    value = value * 10 + static_cast<unsigned>(c - '0');
    if (value > largest) return {Fit::too_large};
  }
  value *= factor;
  if (value > largest) return {Fit::too_large};

  // 10^19 < 2^64 keeps numerator * factor within 128 bits. Longer fractions that come out whole exist (2^-40
  // of a TiB has 40 digits), but nobody writes them.
  constexpr size_t fraction_digits_max = 19;
  if (quantity.fraction.size() > fraction_digits_max) return {Fit::not_whole};
  Wide numerator = 0;
  Wide denominator = 1;
  for (char c : quantity.fraction) {
    numerator = numerator * 10 + static_cast<unsigned>(c - '0');
    denominator *= 10;
  }
  numerator *= factor;
  if (numerator % denominator != 0) return {Fit::not_whole};
  value += numerator / denominator;
  if (value > largest) return {Fit::too_large};
  return {Fit::exact, static_cast<uint64_t>(value)};
}

// Three significant digits, or all digits before the point where there are more; no trailing zeros.
std::string three_digits(double value) {
  int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  std::string text = fmt::format("{:.{}f}", value, decimals);
  if (decimals > 0) {
    while (text.ends_with('0'))
      text.pop_back();
    if (text.ends_with('.')) text.pop_back();
  }
  return text;
}

}  // namespace

Result<uint64_t> parse_size_bytes(std::string_view text) {
  constexpr std::string_view hint = "write a number and B, KiB, MiB, GiB or TiB, as in '64KiB'";
  std::optional<Quantity> quantity = split_quantity(text);
  if (!quantity) {
    return failure(ErrorKind::invalid_argument, "size-syntax", fmt::format("'{}' is not a size", text),
                   std::string(hint));
  }
  const Unit* unit = find_unit(size_units, quantity->unit);
  if (unit == nullptr) {
    return failure(ErrorKind::invalid_argument, "size-unit",
                   fmt::format("'{}': '{}' is not a unit of size", text, quantity->unit), std::string(hint));
  }
  Scaled scaled = scale(*quantity, unit->factor, std::numeric_limits<uint64_t>::max());
  if (scaled.fit == Fit::too_large) {
    return failure(ErrorKind::invalid_argument, "size-range",
                   fmt::format("'{}' is too large; sizes end below 16777216 TiB", text));
  }
  if (scaled.fit == Fit::not_whole) {
    return failure(ErrorKind::invalid_argument, "size-range",
                   fmt::format("'{}' is not a whole number of bytes", text),
                   "use a smaller unit without a fraction");
  }
  return scaled.value;
}

Result<Nanoseconds> parse_duration(std::string_view text) {
  constexpr std::string_view hint = "write a number and ns, us, ms, s, min, h or d, as in '250ms'";
  std::optional<Quantity> quantity = split_quantity(text);
  if (!quantity) {
    return failure(ErrorKind::invalid_argument, "duration-syntax",
                   fmt::format("'{}' is not a duration", text), std::string(hint));
  }
  bool is_zero =
      quantity->whole.find_first_not_of('0') == std::string_view::npos && quantity->fraction.empty();
  if (quantity->unit.empty() && is_zero) return Nanoseconds{0};
  const Unit* unit = find_unit(duration_units, quantity->unit);
  if (unit == nullptr) {
    std::string found = quantity->unit.empty()
                            ? fmt::format("'{}' has no unit of time", text)
                            : fmt::format("'{}': '{}' is not a unit of time", text, quantity->unit);
    return failure(ErrorKind::invalid_argument, "duration-unit", std::move(found), std::string(hint));
  }
  Scaled scaled = scale(*quantity, unit->factor, std::numeric_limits<int64_t>::max());
  if (scaled.fit == Fit::too_large) {
    return failure(ErrorKind::invalid_argument, "duration-range",
                   fmt::format("'{}' is too long; durations end at 292 years", text));
  }
  if (scaled.fit == Fit::not_whole) {
    return failure(ErrorKind::invalid_argument, "duration-range",
                   fmt::format("'{}' is not a whole number of nanoseconds", text),
                   "use a smaller unit without a fraction");
  }
  return Nanoseconds{static_cast<int64_t>(scaled.value)};
}

std::string format_size(uint64_t size_bytes) {
  constexpr std::array<std::string_view, 7> names = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (size_bytes < kib) return fmt::format("{} B", size_bytes);
  auto value = static_cast<double>(size_bytes);
  size_t unit = 0;
  // 1023.5 of a unit would be written as 1024 of it.
  while (unit + 1 < names.size() && value >= (unit == 0 ? 1024.0 : 1023.5)) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{} {}", three_digits(value), names[unit]);
}

std::string format_duration(Nanoseconds duration) {
  auto ns = static_cast<uint64_t>(duration.count());
  if (duration.count() < 0) {
    // Negated as unsigned, so that the most negative value survives too.
    return "-" + format_duration(Nanoseconds{static_cast<int64_t>(std::min<uint64_t>(
                     0 - ns, static_cast<uint64_t>(std::numeric_limits<int64_t>::max())))});
  }
  if (ns < 1000) return fmt::format("{} ns", ns);
  auto value = static_cast<double>(ns);
  if (value < 999.5e3) return three_digits(value / 1e3) + " us";
  if (value < 999.5e6) return three_digits(value / 1e6) + " ms";
  if (value < 59.95e9) return three_digits(value / 1e9) + " s";

  uint64_t seconds = (ns + 500'000'000) / 1'000'000'000;
  if (seconds < 3600) {
    return seconds % 60 == 0 ? fmt::format("{} min", seconds / 60)
                             : fmt::format("{} min {} s", seconds / 60, seconds % 60);
  }
  uint64_t minutes = (seconds + 30) / 60;
  return minutes % 60 == 0 ? fmt::format("{} h", minutes / 60)
                           : fmt::format("{} h {} min", minutes / 60, minutes % 60);
}

std::string format_count(uint64_t count) {
  std::string text = std::to_string(count);
  for (size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, ",");
  }
  return text;
}

}  // namespace vhdlab
