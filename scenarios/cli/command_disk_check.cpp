// vhdlab disk check: everything that is wrong with a VHDX file or a chain of them, worst first.
#include <ostream>

#include <nlohmann/json.hpp>

#include "engine/chain/chain_check.h"
#include "scenarios/cli/check_listing.h"
#include "scenarios/cli/commands.h"
#include "scenarios/cli/disk_survey.h"
#include "scenarios/cli/output_format.h"

namespace vhdlab::scenarios::disk_check {
namespace {

using vhdx::Severity;

ExitCode exit_code(bool has_damage) {
  return has_damage ? ExitCode::failed : ExitCode::done;
}

// What looks like damage may be a change on its way, seen in the middle.
Result<void> require_standing_still(const CommandContext& context, const std::string& path, bool has_damage) {
  if (!has_damage || !TRY(context.files.is_being_written(path))) return {};
  return failure(
      ErrorKind::in_use, "disk-being-written",
      path + ": another program is writing to it: what would be found wrong may be right in a moment",
      "check it again when that program is done");
}

Result<ExitCode> run_on_file(const CommandContext& context, const std::string& path, OutputFormat format) {
  const auto file = TRY(context.files.open(path, OpenMode::read_only));
  const vhdx::CheckReport report = TRY(vhdx::check_image(*file));
  TRY(require_standing_still(context, path, report.has(Severity::damage)));
  if (format == OutputFormat::json) {
    context.out << json_text(as_json(path, report));
  } else {
    print_report(context.out, path, report);
  }
  return exit_code(report.has(Severity::damage));
}

Result<ExitCode> run_on_chain(const CommandContext& context, const std::string& path, OutputFormat format) {
  const ChainCheckReport report = TRY(check_chain(context.files, path));
  TRY(require_standing_still(context, path, report.has(Severity::damage)));
  if (format == OutputFormat::json) {
    nlohmann::ordered_json document;
    document["path"] = path;
    document["ok"] = !report.has(Severity::damage);
    document["findings"] = as_json(report.findings);
    document["layers"] = nlohmann::ordered_json::array();
    for (const CheckedLayer& layer : report.layers)
      document["layers"].push_back(as_json(layer.path, layer.report));
    context.out << json_text(document);
  } else {
    print_findings(context.out, report.findings);
    for (const CheckedLayer& layer : report.layers) {
      context.out << "\n";
      print_report(context.out, layer.path, layer.report);
    }
  }
  return exit_code(report.has(Severity::damage));
}

}  // namespace

CommandSyntax syntax() {
  return {
      .positionals = {{"PATH"}},
      .options = {{"chain", "", "check the parents, too, and whether they belong together"}, format_option},
      .description =
          "Looks at everything in a VHDX file but the disk's own data and lists all that is wrong, worst "
          "first: damage (content is lost or cannot be told), risks (all reads right today), notes (unusual "
          "and harmless). The file is only read. The exit code is 1 where there is damage, else 0.",
      .example =
          "disk check base.vhdx\n"
          "disk check now.avhdx --chain --format json",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const OutputFormat format = TRY(output_format(arguments));
  const std::string& path = arguments.positional(0);
  return arguments.has("chain") ? run_on_chain(context, path, format) : run_on_file(context, path, format);
}

}  // namespace vhdlab::scenarios::disk_check
