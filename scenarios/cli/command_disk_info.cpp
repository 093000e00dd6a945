// vhdlab disk info: everything one VHDX file says about itself.
#include <ostream>

#include <nlohmann/json.hpp>

#include "scenarios/cli/commands.h"
#include "scenarios/cli/disk_survey.h"
#include "scenarios/cli/output_format.h"

namespace vhdlab::scenarios::disk_info {

CommandSyntax syntax() {
  return {
      .positionals = {{"PATH"}},
      .options = {format_option},
      .description =
          "Shows sizes, how many blocks are in which state, identities, the state of the log, and "
          "where the parent is. The file is only read: a log that was not replayed is replayed in "
          "memory.",
      .example = "disk info now.avhdx",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const OutputFormat format = TRY(output_format(arguments));
  const DiskSurvey survey = TRY(survey_disk(context.files, arguments.positional(0), context.random));
  if (format == OutputFormat::json) {
    context.out << json_text(as_json(survey));
  } else {
    print_facts(context.out, as_facts(survey));
  }
  return ExitCode::done;
}

}  // namespace vhdlab::scenarios::disk_info
