// The --format option that every command with results has.
#pragma once

#include "scenarios/cli/command_line.h"

namespace vhdlab::scenarios {

enum class OutputFormat { table, json };

inline constexpr Option format_option = {
    "format", "FORMAT", "how results are shown: 'table' for people (the default) or 'json' for programs"};
inline constexpr Option quiet_option = {"quiet", "", "show no progress"};

// Faults: usage-value.
[[nodiscard]] Result<OutputFormat> output_format(const Arguments& arguments);

}  // namespace vhdlab::scenarios
