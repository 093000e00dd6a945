// vhdlab check: everything that is wrong with scenario files, at once.
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "scenarios/cli/commands.h"
#include "scenarios/cli/disk_survey.h"
#include "scenarios/cli/output_format.h"
#include "scenarios/cli/scenario_library.h"
#include "scenarios/cli/text_table.h"
#include "scenarios/language/parse.h"

namespace vhdlab::scenarios::check_command {
namespace {

nlohmann::ordered_json as_json(const std::string& file, const Findings& findings) {
  nlohmann::ordered_json entry = {{"file", file}, {"ok", findings.empty()}};
  entry["findings"] = nlohmann::ordered_json::array();
  for (const Finding& finding : findings) {
    entry["findings"].push_back({{"file", finding.file},
                                 {"line", finding.line},
                                 {"column", finding.column},
                                 {"message", finding.message},
                                 {"hint", finding.hint}});
  }
  return entry;
}

std::string in_one_line(const Scenario& scenario) {
  return fmt::format("{}: ok: {} {} at {} {}\n", scenario.file, scenario.points[0].measure.size(),
                     scenario.points[0].measure.size() == 1 ? "measurement" : "measurements",
                     scenario.points.size(), scenario.points.size() == 1 ? "point" : "points");
}

}  // namespace

CommandSyntax syntax() {
  return {
      .positionals = {{"FILE", Count::at_least_one}},
      .options =
          {
              {"set", "NAME=VALUE", "set a variable or any value of the scenario, as 'vhdlab run' does",
               true},
              format_option,
          },
      .description =
          "Reads scenario files (or shipped scenarios, by name) without running them and shows every mistake "
          "with its place in the file. Variables that 'vhdlab run' must be given by --set may be left open.",
      .example = "check my-scenario.yaml",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const OutputFormat format = TRY(output_format(arguments));
  const ParseOptions options{
      .overrides = arguments.texts("set"), .folder = {}, .accept_unset_variables = true};
  bool is_all_right = true;
  auto document = nlohmann::ordered_json::array();
  for (const std::string& given : arguments.positionals()) {
    const std::string file = resolve_scenario_path(context.files, context.library_folder, given);
    auto scenario = load_scenario(file, options);
    if (!scenario) suggest_shipped_scenario(context.files, context.library_folder, file, scenario.error());
    is_all_right = is_all_right && scenario.has_value();
    if (format == OutputFormat::json) {
      document.push_back(as_json(file, scenario ? Findings{} : scenario.error()));
    } else if (scenario) {
      context.out << in_one_line(*scenario);
    } else {
      context.out.flush();
      context.err << printable_lines(render_findings(scenario.error())) << "\n";
    }
  }
  if (format == OutputFormat::json) context.out << json_text(document);
  return is_all_right ? ExitCode::done : ExitCode::wrong_use;
}

}  // namespace vhdlab::scenarios::check_command
