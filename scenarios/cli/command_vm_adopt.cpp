// vhdlab vm adopt and vm check: disks that are there already, and whether they are what the manifest says.
#include <array>
#include <filesystem>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/chain/chain_open.h"
#include "engine/checkpoint/machine_adopt.h"
#include "engine/io/paths.h"
#include "scenarios/cli/commands.h"
#include "scenarios/cli/disk_survey.h"
#include "scenarios/cli/output_format.h"
#include "scenarios/cli/text_table.h"
#include "scenarios/cli/vm_view.h"

namespace vhdlab::scenarios {
namespace vm_adopt {
namespace {

constexpr std::array<std::string_view, 3> host_words = {"2008r2", "2012r2", "2016"};

}  // namespace

CommandSyntax syntax() {
  return {
      .positionals = {{"FOLDER"}},
      .options =
          {
              {"name", "NAME", "what the machine is called; by default its folder's name"},
              {"disk", "BASE", "only the disk with this base file; once for each disk", true},
              {"now", "FILE", "the file that is written to, of a disk where several may be", true},
              {"host", "GENERATION", "whose rules it lives by: 2008r2, 2012r2 or 2016 (the default)"},
              {"limit", "N", "how many checkpoints it may have; 50 by default"},
              format_option,
          },
      .description =
          "Makes a machine of a folder of VHDX and AVHDX files, as Hyper-V leaves them, without changing a "
          "byte of a disk. Who stands on whom is read from the files. Every file but the one written to "
          "becomes a checkpoint named after it.",
      .example = "vm adopt '/vms/Virtual Hard Disks'",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const OutputFormat format = TRY(output_format(arguments));
  const std::string folder = absolute_path(arguments.positional(0));
  std::filesystem::path named = folder;
  if (named.filename().empty()) named = named.parent_path();
  AdoptRequest request{.name = arguments.text("name").value_or(named.filename().string()),
                       .bases = arguments.texts("disk"),
                       .now = arguments.texts("now")};
  if (const auto host = TRY(arguments.choice("host", host_words)))
    request.host = *host_generation_of(host_words[*host]);
  if (const auto limit = TRY(arguments.number("limit"))) request.checkpoints_max = *limit;
  MachineManifest manifest = TRY(plan_adoption(context.files, folder, request, context.random));
  TRY(Machine::put_in_order(context.files, folder, std::move(manifest), context.random));

  const MachineView view = TRY(look_at_machine(context, folder));
  if (format == OutputFormat::json) {
    context.out << json_text(as_json(view, seconds_now(context)));
  } else {
    print_tree(context, view, seconds_now(context));
  }
  return ExitCode::done;
}

}  // namespace vm_adopt

namespace vm_check {
namespace {

struct Trouble {
  std::string where;
  std::string what;
};

std::string path_in(const std::string& folder, const std::string& name) {
  return (std::filesystem::path(folder) / name).string();
}

// Each file stands on the one the manifest says; after a merge that was cut short, maybe on its target
// already.
void check_parents(const CommandContext& context, const std::string& folder, const CheckpointTree& tree,
                   const DiskFiles& disk, std::vector<Trouble>& troubles) {
  for (const auto& [name, parent] : disk.parent_of) {
    const std::string path = path_in(folder, name);
    const auto layer =
        open_vhdx(context.files, path, OpenMode::read_only, CacheMode::buffered, context.random);
    if (!layer) {
      troubles.push_back({name, layer.error().message});
      continue;
    }
    const auto& locator = (*layer)->image().metadata().parent;
    const auto found = locator ? find_parent(context.files, path, *locator) : Result<std::string>("");
    const auto is = [&](const std::string& expected) {
      if (!found || expected.empty() || found->empty()) return found && found->empty() == expected.empty();
      const auto a = context.files.identity(*found);
      const auto b = context.files.identity(path_in(folder, expected));
      return a && b && *a == *b;
    };
    bool fits = is(parent);
    for (const PendingMerge& merge : pending_merges(tree)) {
      if (merge.sources.back() == parent) fits = fits || is(merge.target);
    }
    if (!fits)
      troubles.push_back({name, fmt::format("stands on {}, expected {}",
                                            found && !found->empty() ? *found : std::string("nothing"),
                                            parent.empty() ? std::string("nothing") : parent)});
  }
}

}  // namespace

CommandSyntax syntax() {
  return {
      .positionals = {{"MACHINE"}},
      .options = {format_option},
      .description =
          "Whether every file of a machine is there, can be opened and stands on the one the manifest says, "
          "whether every checkpoint and Now can be read, and which disk files in the folder are nobody's. "
          "Changes nothing. 'disk check' looks into single files more closely. Exit code 1 where something "
          "is wrong.",
      .example = "vm check web",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const OutputFormat format = TRY(output_format(arguments));
  const std::string& folder = arguments.positional(0);
  const MachineManifest manifest = TRY(read_manifest(context.files, folder));
  const CheckpointTree& tree = manifest.tree;
  std::vector<Trouble> troubles;
  std::vector<RestorePoint> points;
  for (const Checkpoint& checkpoint : tree.checkpoints)
    points.push_back(checkpoint.id);
  points.push_back(restore_point_now);
  for (const DiskFiles& disk : tree.disks) {
    check_parents(context, folder, tree, disk, troubles);
    for (const RestorePoint& point : points) {
      const auto chain =
          open_chain(context.files, path_in(folder, chain_of(disk, point).front()), {}, context.random);
      if (!chain) troubles.push_back({describe(tree, point), chain.error().message});
    }
  }
  std::vector<std::string> nobodys;
  for (const std::string& name : TRY(context.files.list(folder))) {
    const bool is_disk = name.ends_with(".vhdx") || name.ends_with(".avhdx");
    const bool is_known =
        std::ranges::any_of(tree.disks, [&](const DiskFiles& disk) { return disk.parent_of.contains(name); });
    if (is_disk && !is_known) nobodys.push_back(name);
  }
  if (format == OutputFormat::json) {
    nlohmann::ordered_json document;
    document["restore_point_count"] = points.size();
    document["troubles"] = nlohmann::ordered_json::array();
    for (const Trouble& trouble : troubles)
      document["troubles"].push_back({{"where", trouble.where}, {"what", trouble.what}});
    document["unknown_files"] = nobodys;
    context.out << json_text(document);
  } else {
    std::vector<TextRow> rows;
    for (const Trouble& trouble : troubles)
      rows.push_back({trouble.where, trouble.what});
    if (!rows.empty()) print_table(context.out, {{"where"}, {"what is wrong"}}, rows);
    for (const std::string& name : nobodys)
      context.out << fmt::format("{}: no file of this machine\n", printable(name));
    if (troubles.empty()) {
      context.out << fmt::format("{} restore point{} can be read\n", points.size(),
                                 points.size() == 1 ? "" : "s");
    }
  }
  return troubles.empty() ? ExitCode::done : ExitCode::failed;
}

}  // namespace vm_check
}  // namespace vhdlab::scenarios
