// vhdlab vm risk: a checkpoint is not a backup, and this shows why: what is lost with each file.
#include <filesystem>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "scenarios/cli/commands.h"
#include "scenarios/cli/disk_survey.h"
#include "scenarios/cli/output_format.h"
#include "scenarios/cli/text_table.h"
#include "scenarios/cli/vm_view.h"

namespace vhdlab::scenarios::vm_risk {
namespace {

// The names of a few, and how many more.
std::string named(const CheckpointTree& tree, const std::vector<RestorePoint>& points) {
  constexpr size_t shown_max = 4;
  std::string text;
  for (size_t i = 0; i < points.size() && i < shown_max; ++i)
    text += (i == 0 ? "" : ", ") + describe(tree, points[i]);
  if (points.size() > shown_max) text += fmt::format(" and {} more", points.size() - shown_max);
  return text.empty() ? "nothing" : text;
}

}  // namespace

CommandSyntax syntax() {
  return {
      .positionals = {{"MACHINE"}},
      .options = {format_option},
      .description =
          "For every file of a machine: which checkpoints are lost, and whether Now is, when that file is "
          "damaged or gone. A checkpoint needs every file of its chain on every disk, so a base takes all of "
          "them with it: checkpoints are not a backup.",
      .example = "vm risk web",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const OutputFormat format = TRY(output_format(arguments));
  const MachineManifest manifest = TRY(read_manifest(context.files, arguments.positional(0)));
  const CheckpointTree& tree = manifest.tree;
  const size_t restore_points = tree.checkpoints.size() + 1;
  nlohmann::ordered_json document;
  document["restore_point_count"] = restore_points;
  document["files"] = nlohmann::ordered_json::array();
  std::vector<TextRow> rows;
  for (size_t disk = 0; disk < tree.disks.size(); ++disk) {
    for (const auto& [path, parent] : tree.disks[disk].parent_of) {
      const auto lost = lost_with(tree, disk, path);
      nlohmann::ordered_json lost_as_json = nlohmann::ordered_json::array();
      for (const RestorePoint& point : lost)
        lost_as_json.push_back(as_json(tree, point));
      document["files"].push_back({{"name", path}, {"disk", disk}, {"lost", std::move(lost_as_json)}});
      rows.push_back({fmt::format("{} of {}", lost.size(), restore_points), path, named(tree, lost)});
    }
  }
  if (format == OutputFormat::json) {
    context.out << json_text(document);
  } else {
    print_table(context.out, {{"lost", true}, {"with the file"}, {"which"}}, rows);
  }
  return ExitCode::done;
}

}  // namespace vhdlab::scenarios::vm_risk
