// Numbers as people read them: three significant digits and a unit that fits. Used by every table, chart and
// sentence, so that one value looks the same everywhere.
#pragma once

#include <string>
#include <string_view>

#include "reports/statistics/summary.h"

namespace vhdlab::reports {

[[nodiscard]] std::string three_digits(double value);        // "0.312", "3.12", "31.2", "312", "3,120"
[[nodiscard]] std::string duration_text(double duration_s);  // "310 ns", "12.4 us", "1.5 s", "2 min 5 s"
[[nodiscard]] std::string bytes_text(double bytes);          // "512 B", "1.3 GiB"
[[nodiscard]] std::string percent_text(double share);        // 0.712 is "71 %", 0.0312 is "3.1 %"

// A value in one of the units of metrics.h: "12,300" for 1/s, "48.2 MiB/s" for B/s, "12.4 us" for ns.
[[nodiscard]] std::string value_text(double value, std::string_view unit);

// "31.2 to 35.8 us": the ends of an interval, with the unit once where both share it.
[[nodiscard]] std::string span_text(double low, double high, std::string_view unit);

// "range of 3 repeats", "95 % interval of 8 repeats"; empty for a single repeat.
[[nodiscard]] std::string interval_text(const Summary& summary);

}  // namespace vhdlab::reports
