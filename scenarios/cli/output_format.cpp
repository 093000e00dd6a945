// Reading --format; see output_format.h.
#include "scenarios/cli/output_format.h"

#include <array>

namespace vhdlab::scenarios {

Result<OutputFormat> output_format(const Arguments& arguments) {
  constexpr std::array<std::string_view, 2> choices = {"table", "json"};
  const auto choice = TRY(arguments.choice("format", choices));
  return choice == 1 ? OutputFormat::json : OutputFormat::table;
}

}  // namespace vhdlab::scenarios
