// vhdlab list: the shipped scenarios and the questions they answer; the devices the simulator models.
#include <ostream>

#include <nlohmann/json.hpp>

#include "scenarios/cli/commands.h"
#include "scenarios/cli/disk_survey.h"
#include "scenarios/cli/output_format.h"
#include "scenarios/cli/scenario_library.h"
#include "scenarios/devices/profile_file.h"

namespace vhdlab::scenarios::list_command {

CommandSyntax syntax() {
  return {
      .positionals = {{"WHAT", Count::optional}},
      .options = {format_option},
      .description =
          "Shows the scenarios that come with vhdlab and the question each one answers; 'vhdlab run NAME' "
          "runs one. 'list devices' shows the devices 'vhdlab run NAME --target sim --device DEVICE' can "
          "model.",
      .example =
          "list\n"
          "list devices",
  };
}

namespace {

Result<ExitCode> list_devices(const CommandContext& context, OutputFormat format) {
  const auto entries = TRY(ProfileLibrary(context.files, context.library_folder).list());
  if (format == OutputFormat::json) {
    auto document = nlohmann::ordered_json::array();
    for (const auto& entry : entries)
      document.push_back({{"name", entry.name}, {"path", entry.path}, {"summary", entry.summary}});
    context.out << json_text(document);
    return ExitCode::done;
  }
  std::vector<TextRow> rows;
  for (const auto& entry : entries)
    rows.push_back({entry.name, entry.summary});
  print_table(context.out, {{"device"}, {"what it models"}}, rows);
  return ExitCode::done;
}

}  // namespace

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const OutputFormat format = TRY(output_format(arguments));
  if (!arguments.positionals().empty()) {
    const std::string& what = arguments.positional(0);
    if (what == "devices") return list_devices(context, format);
    if (what != "scenarios")
      return usage_failure("usage-positionals", "'vhdlab list' knows 'scenarios' and 'devices'");
  }
  if (!context.library_folder) {
    return failure(ErrorKind::not_found, "library-not-found",
                   "the shipped scenarios are not where they belong",
                   "install vhdlab again, or give 'vhdlab run' the path of a scenario");
  }
  const auto entries = TRY(list_library(context.files, *context.library_folder));
  if (format == OutputFormat::json) {
    auto document = nlohmann::ordered_json::array();
    for (const LibraryEntry& entry : entries)
      document.push_back({{"name", entry.name}, {"path", entry.path}, {"question", entry.question}});
    context.out << json_text(document);
    return ExitCode::done;
  }
  std::vector<TextRow> rows;
  for (const LibraryEntry& entry : entries)
    rows.push_back({entry.name, entry.question});
  print_table(context.out, {{"scenario"}, {"question"}}, rows);
  return ExitCode::done;
}

}  // namespace vhdlab::scenarios::list_command
