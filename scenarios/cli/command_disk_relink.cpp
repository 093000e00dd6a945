// vhdlab disk relink: gives a differencing disk its parent, after the parent was moved or changed.
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/chain/relink.h"
#include "scenarios/cli/commands.h"
#include "scenarios/cli/disk_survey.h"
#include "scenarios/cli/output_format.h"
#include "scenarios/cli/parent_name.h"
#include "scenarios/cli/text_table.h"

namespace vhdlab::scenarios::disk_relink {

CommandSyntax syntax() {
  return {
      .positionals = {{"CHILD"}, {"PARENT"}},
      .options =
          {
              {"ignore-id-mismatch", "",
               "take a parent whose identity does not fit: the disk reads wrong unless its content does"},
              format_option,
          },
      .description =
          "Writes into the child where its parent is. The parent must be the disk the child was made from, "
          "by its identity, with the same logical sector size, and must not stand on the child itself. The "
          "child's own identity stays, so disks that stand on it still fit.",
      .example = "disk relink now.avhdx /disks/moved/base.vhdx",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const OutputFormat format = TRY(output_format(arguments));
  const std::string& child = arguments.positional(0);
  TRY(check_parent_name(child, arguments.positional(1)));
  const RelinkOptions options{.ignore_id_mismatch = arguments.has("ignore-id-mismatch")};
  const RelinkOutcome outcome =
      TRY(relink(context.files, child, arguments.positional(1), options, context.random));
  if (format == OutputFormat::json) {
    nlohmann::ordered_json document;
    document["child_path"] = child;
    document["parent_path"] = outcome.parent_path;
    document["linkage_before"] = outcome.linkage_before.to_lower();
    document["linkage_after"] = outcome.linkage_after.to_lower();
    context.out << json_text(document);
    return ExitCode::done;
  }
  context.out << fmt::format("{} now stands on {}\n", printable(child), printable(outcome.parent_path));
  if (outcome.linkage_before != outcome.linkage_after) {
    context.out << fmt::format("its parent's identity was {}, is {}\n", outcome.linkage_before.to_lower(),
                               outcome.linkage_after.to_lower());
  }
  return ExitCode::done;
}

}  // namespace vhdlab::scenarios::disk_relink
