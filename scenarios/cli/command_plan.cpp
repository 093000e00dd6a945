// vhdlab plan: when a volume fills, until when its checkpoints can still be merged, and what that takes.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <ostream>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/chain/disk_family_scan.h"
#include "engine/checkpoint/machine_manifest.h"
#include "scenarios/cli/commands.h"
#include "scenarios/cli/copy_rate.h"
#include "scenarios/cli/disk_survey.h"
#include "scenarios/cli/output_format.h"
#include "scenarios/cli/vm_view.h"
#include "scenarios/cli/volume_plan.h"

namespace vhdlab::scenarios::plan_command {
namespace {

namespace fs = std::filesystem;

// "5GiB/d": a size, and the time in which it is written.
Result<std::optional<double>> growth_asked_for(const Arguments& arguments) {
  const auto text = arguments.text("growth");
  if (!text) return std::nullopt;
  const size_t slash = text->find('/');
  const auto size = parse_size_bytes(text->substr(0, slash));
  std::string per = slash == std::string::npos ? "" : text->substr(slash + 1);
  if (per == "day") per = "d";
  const bool has_number = !per.empty() && per[0] >= '0' && per[0] <= '9';
  const auto time = parse_duration(has_number ? per : "1" + per);
  if (!size || slash == std::string::npos || !time || time->count() == 0) {
    return usage_failure("usage-value", fmt::format("--growth: '{}' is no growth", *text),
                         "write a size and a time, as in 5GiB/d or 200MiB/h");
  }
  return static_cast<double>(*size) / (static_cast<double>(time->count()) * 1e-9);
}

// The disks of a machine, of a folder, or one disk.
class Gatherer {
 public:
  explicit Gatherer(const CommandContext& context) : context_(context) {}

  Result<void> add(const std::string& path) {
    std::error_code ignored;
    if (!fs::is_directory(path, ignored)) return add_disk(path);
    if (context_.files.exists(manifest_path(path))) return add_machine(path);
    return add_folder(path);
  }

  std::vector<PlannedDisk> take() { return std::move(disks_); }

 private:
  using FrozenWhen = std::function<std::optional<int64_t>(const std::string& path)>;
  static std::optional<int64_t> times_of_files(const std::string&) { return std::nullopt; }

  Result<void> add_disk(const std::string& leaf, const FrozenWhen& frozen_when = times_of_files) {
    const FileIdentity identity = TRY(context_.files.identity(leaf));
    if (!leaves_.insert(identity).second) return {};
    disks_.push_back(TRY(plan_disk(context_, leaf, frozen_when)));
    return {};
  }

  // Its manifest knows when each file was frozen.
  Result<void> add_machine(const std::string& folder) {
    const MachineManifest manifest = TRY(read_manifest(context_.files, folder));
    for (const DiskFiles& disk : manifest.tree.disks) {
      const auto frozen_when = [&](const std::string& path) -> std::optional<int64_t> {
        for (const auto& [id, file] : disk.frozen) {
          if (fs::path(path).filename() != file) continue;
          const int64_t taken = find_checkpoint(manifest.tree, id)->taken_unix_seconds;
          if (taken != 0) return taken;
        }
        return std::nullopt;
      };
      TRY(add_disk((fs::path(folder) / disk.now).string(), frozen_when));
    }
    return {};
  }

  Result<void> add_folder(const std::string& folder) {
    FamilyScan scan = TRY(scan_families(context_.files, folder, {.stop = context_.stop}, context_.random));
    const DiskFamilies families = make_families(std::move(scan.disks));
    size_t found = 0;
    for (DiskIndex disk = 0; disk < families.disks.size(); ++disk) {
      const DiskPlace& place = families.places[disk];
      if (!place.children.empty() || !place.opens) continue;
      ++found;
      TRY(add_disk(families.disks[disk].path));
    }
    if (found > 0) return {};
    return failure(ErrorKind::not_found, "plan-no-disk",
                   fmt::format("{}: no disk in it can be opened", folder),
                   fmt::format("'vhdlab disk family {}' tells what is there", folder));
  }

  const CommandContext& context_;
  std::set<FileIdentity> leaves_;
  std::vector<PlannedDisk> disks_;
};

// One plan for each volume, in the order of the disks.
Result<std::vector<VolumePlan>> by_volume(const CommandContext& context, std::vector<PlannedDisk> disks) {
  std::vector<VolumePlan> plans;
  for (PlannedDisk& disk : disks) {
    const auto same = std::ranges::find_if(
        plans, [&](const VolumePlan& plan) { return plan.disks[0].device == disk.device; });
    if (same != plans.end()) {
      same->disks.push_back(std::move(disk));
      continue;
    }
    std::string folder = fs::path(disk.leaf_path).parent_path().string();
    if (folder.empty()) folder = ".";
    VolumePlan plan{.folder = folder,
                    .free_bytes = TRY(context.free_space_bytes(folder)),
                    .now_unix_s = seconds_now(context)};
    plan.disks.push_back(std::move(disk));
    plans.push_back(std::move(plan));
  }
  return plans;
}

}  // namespace

CommandSyntax syntax() {
  return {
      .positionals = {{"PATH", Count::at_least_one}},
      .options =
          {
              {"growth", "SIZE/TIME",
               "how much each disk changes, such as 5GiB/d; by default what its layers hold over the time "
               "they were made in"},
              {"free", "SIZE", "plan as if this much were free"},
              {"rate", "RATE", "tell times at this copying rate, such as 200MiB/s"},
              {"measure-rate", "", "tell times at a rate found by copying up to 256MiB beside the disks"},
              format_option,
          },
      .description =
          "Tells when a volume fills and until when its checkpoints can still be merged, which is earlier: a "
          "merge needs space before it gives any back. PATH is the disk a machine writes to, a machine, or a "
          "folder of disks. Everything is read from the files: what the layers hold, since when, what a "
          "merge into the base would move, and what is free. Nothing is changed.",
      .example =
          "plan web\n"
          "plan /vm/disk_7C1E.avhdx --growth 5GiB/d --rate 200MiB/s",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const OutputFormat format = TRY(output_format(arguments));
  const auto growth = TRY(growth_asked_for(arguments));
  const auto free = TRY(arguments.size_bytes("free"));
  const auto rate = TRY(arguments.rate_bytes_per_s("rate"));
  TRY(refuse_two_rates(arguments));
  Gatherer gatherer(context);
  for (const std::string& path : arguments.positionals())
    TRY(gatherer.add(path));
  std::vector<VolumePlan> plans = TRY(by_volume(context, gatherer.take()));
  auto document = nlohmann::ordered_json::array();
  for (VolumePlan& plan : plans) {
    if (free) plan.free_bytes = *free;
    if (rate) plan.copy_bytes_per_s = static_cast<double>(*rate);
    if (arguments.has("measure-rate"))
      plan.copy_bytes_per_s = static_cast<double>(TRY(measure_copy_rate(context, plan.folder)).bytes_per_s);
    foresee(plan, growth);
    if (format == OutputFormat::json) {
      document.push_back(as_json(plan));
    } else {
      if (&plan != &plans.front()) context.out << "\n";
      print_plan(context.out, plan);
    }
  }
  if (format == OutputFormat::json) context.out << json_text(document);
  return ExitCode::done;
}

}  // namespace vhdlab::scenarios::plan_command
