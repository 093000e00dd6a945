// vhdlab vm tree: a machine's checkpoints as they stand on each other.
#include <ostream>

#include <nlohmann/json.hpp>

#include "scenarios/cli/commands.h"
#include "scenarios/cli/disk_survey.h"
#include "scenarios/cli/output_format.h"
#include "scenarios/cli/vm_view.h"

namespace vhdlab::scenarios::vm_tree {

CommandSyntax syntax() {
  return {
      .positionals = {{"MACHINE"}},
      .options = {format_option},
      .description =
          "Draws the tree of checkpoints with Now where it goes on. 'own size' is the space of the files a "
          "checkpoint froze; 'frees' is what deleting it gives back once the merges that follow are done. "
          "Changes nothing, and may be called while another command works on the machine.",
      .example = "vm tree web",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const OutputFormat format = TRY(output_format(arguments));
  const MachineView view = TRY(look_at_machine(context, arguments.positional(0)));
  if (format == OutputFormat::json) {
    context.out << json_text(as_json(view, seconds_now(context)));
  } else {
    print_tree(context, view, seconds_now(context));
  }
  return ExitCode::done;
}

}  // namespace vhdlab::scenarios::vm_tree
