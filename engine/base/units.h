// Sizes, durations and rates as people write and read them. Sizes count in powers of 1024 (KiB, MiB, GiB,
// TiB); the short forms K, M, G, T and the decimal-looking KB, MB, GB, TB mean the same powers of 1024, as
// fio and DiskSpd read them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/error.h"

namespace vhdlab {

using Nanoseconds = std::chrono::nanoseconds;

// "512", "4KiB", "64k", "1.5 GiB"; letters of either case. Faults: size-syntax; size-unit; size-range (2^64
// bytes or more, or a fraction that does not give whole bytes).
[[nodiscard]] Result<uint64_t> parse_size_bytes(std::string_view text);

// "250ms", "3s", "1.5min", "2h", "10us", also ns and d; a unit is required except for 0. Faults:
// duration-syntax; duration-unit; duration-range (beyond 292 years, or a fraction that does not give whole
// nanoseconds).
[[nodiscard]] Result<Nanoseconds> parse_duration(std::string_view text);

// For people: three significant digits, no trailing zeros, rounded up into the next unit where rounding
// reaches it.
[[nodiscard]] std::string format_size(uint64_t size_bytes);       // "4 KiB", "1.46 GiB", "512 B"
[[nodiscard]] std::string format_duration(Nanoseconds duration);  // "850 ns", "12.4 us", "3.2 s", "2 min 5 s"
[[nodiscard]] std::string format_count(uint64_t count);           // "1,234,567"

}  // namespace vhdlab
