// From files to sentences; see volume_plan.h.
#include "scenarios/cli/volume_plan.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/chain/chain_open.h"
#include "engine/checkpoint/machine_rules.h"
#include "engine/merge/merge_run.h"
#include "scenarios/cli/text_table.h"

namespace vhdlab::scenarios {
namespace {

constexpr int64_t day_s = 86400;
constexpr double plan_s_max = 10 * 365.25 * day_s;  // beyond it a date says nothing

std::string_view plural(uint64_t count) {
  return count == 1 ? "" : "s";
}

// Rounded down: a day that is not whole is no day to plan with.
std::string span_text(double seconds) {
  const auto whole = static_cast<int64_t>(seconds);
  if (whole >= 2 * day_s) return fmt::format("{} days", format_count(static_cast<uint64_t>(whole / day_s)));
  if (whole >= 2 * 3600) return fmt::format("{} hours", whole / 3600);
  return format_duration(std::chrono::seconds(whole));
}

// "2026-12-18", or with the hour where it is soon.
std::string date_text(int64_t now_unix_s, double after_s) {
  const std::string text = utc_text(now_unix_s + static_cast<int64_t>(after_s));
  return after_s < 2 * day_s ? text.substr(0, 16) + " UTC" : text.substr(0, 10);
}

// "4.1 GiB a day"
std::string growth_text(double bytes_per_s) {
  return format_size(static_cast<uint64_t>(std::llround(bytes_per_s * day_s))) + " a day";
}

sim::GrowingDisk growing(const PlannedDisk& disk, double growth_bytes_per_s) {
  const uint64_t leaf_bytes = disk.layers.empty() ? disk.base_bytes : disk.layers.back().bytes;
  sim::GrowingDisk growing{
      .growth_bytes_per_s = growth_bytes_per_s,
      .growth_left_bytes = disk.disk_size_bytes - std::min(disk.disk_size_bytes, leaf_bytes),
      .merge_bytes = disk.copy_bytes,
      .merge_space_bytes = disk.space_needed_bytes,
  };
  for (const PlannedLayer& layer : disk.layers)
    growing.merge_freed_bytes += layer.bytes;
  if (disk.copy_bytes > 0) {
    growing.new_share =
        std::min(1.0, static_cast<double>(disk.space_needed_bytes) / static_cast<double>(disk.copy_bytes));
  }
  if (disk.layers.empty()) growing.new_share = 0;  // there is nothing to merge
  return growing;
}

std::optional<double> growth_of(const PlannedDisk& disk, int64_t now_unix_s) {
  std::vector<sim::LayerGrowth> layers;
  for (const PlannedLayer& layer : disk.layers) {
    if (layer.begun_unix_s == 0) return std::nullopt;
    layers.push_back({.begun_unix_s = static_cast<double>(layer.begun_unix_s), .bytes = layer.bytes});
  }
  return sim::growth_of(layers, static_cast<double>(now_unix_s));
}

int64_t first_begun(const VolumePlan& plan) {
  int64_t first = plan.now_unix_s;
  for (const PlannedDisk& disk : plan.disks) {
    if (!disk.layers.empty()) first = std::min(first, disk.layers.front().begun_unix_s);
  }
  return first;
}

// ---- Sentences ----

std::string what_there_is(const VolumePlan& plan) {
  const uint64_t layers = plan.layer_count();
  std::string text =
      layers == 0
          ? fmt::format("{} disk{} without a checkpoint", plan.disks.size(), plural(plan.disks.size()))
          : fmt::format("{} layer{} of {} disk{} hold {}", layers, plural(layers), plan.disks.size(),
                        plural(plan.disks.size()), format_size(plan.layer_bytes()));
  if (plan.growth_bytes_per_s) {
    text += fmt::format(" and grow by {}", growth_text(*plan.growth_bytes_per_s));
    if (!plan.growth_is_given) text += " since " + utc_text(first_begun(plan)).substr(0, 10);
  }
  return text + fmt::format("; {} are free.", format_size(plan.free_bytes));
}

std::string when_full(const VolumePlan& plan) {
  const auto& full = plan.forecast->full_after_s;
  if (!full) {
    return *plan.growth_bytes_per_s > 0 ? "The volume does not fill: the disks are full before it is."
                                        : "The volume does not fill: nothing grows.";
  }
  if (*full > plan_s_max) return "The volume is not full for ten years.";
  return fmt::format("The volume is full in {}, on {}.", span_text(*full), date_text(plan.now_unix_s, *full));
}

std::string when_merge_fits(const VolumePlan& plan) {
  if (plan.layer_count() == 0) return "";
  const sim::CapacityForecast& forecast = *plan.forecast;
  if (!forecast.merge_fits_now) return "";
  if (!forecast.merge_ends)
    return "A merge does not end while the guests run: they change as much as it can copy.";
  if (!forecast.merge_fits_until_s) return "Merging everything always fits.";
  if (*forecast.merge_fits_until_s > plan_s_max) return "Merging everything fits for ten years.";
  return fmt::format("Merging everything fits for {}, until {}; after that it needs more than is free.",
                     span_text(*forecast.merge_fits_until_s),
                     date_text(plan.now_unix_s, *forecast.merge_fits_until_s));
}

std::string merge_now(const VolumePlan& plan) {
  if (plan.layer_count() == 0) return "There is nothing to merge.";
  const int64_t gained = plan.gained_bytes();
  std::string text = fmt::format("Merging everything now moves {}, takes {} of free space until it is done",
                                 format_size(plan.copy_bytes()), format_size(plan.space_needed_bytes()));
  text += gained >= 0 ? fmt::format(" and gives back {}", format_size(static_cast<uint64_t>(gained)))
                      : fmt::format(" and keeps {} of it", format_size(static_cast<uint64_t>(-gained)));
  if (plan.copy_bytes_per_s) {
    const double seconds = static_cast<double>(plan.copy_bytes()) / *plan.copy_bytes_per_s;
    text += fmt::format("; at {}/s that is {}", format_size(static_cast<uint64_t>(*plan.copy_bytes_per_s)),
                        format_duration(Nanoseconds(static_cast<int64_t>(seconds * 1e9))));
  }
  return text + ".";
}

std::string no_room_now(const VolumePlan& plan) {
  return fmt::format(
      "That does not fit: free {} first, or see whether another order needs less: "
      "'vhdlab disk family {} --plan'.",
      format_size(plan.space_needed_bytes() - std::min(plan.free_bytes, plan.space_needed_bytes())),
      plan.folder);
}

std::vector<std::string> sentences(const VolumePlan& plan) {
  std::vector<std::string> all;
  all.push_back(what_there_is(plan));
  if (plan.forecast) {
    all.push_back(when_full(plan));
    all.push_back(when_merge_fits(plan));
  } else {
    all.emplace_back(
        "How fast they grow cannot be told from the files' times, which go back less than an hour: give "
        "--growth, as in --growth 5GiB/d.");
  }
  all.push_back(merge_now(plan));
  if (!plan.merge_fits_now()) all.push_back(no_room_now(plan));
  for (const PlannedDisk& disk : plan.disks) {
    for (const std::string& child : disk.other_children) {
      all.push_back(fmt::format("{} stands on a layer of {}: both cannot be merged into the base.", child,
                                disk.leaf_path));
    }
  }
  std::erase(all, "");
  return all;
}

std::string layer_growth_text(const PlannedLayer& layer, bool is_leaf, int64_t now_unix_s) {
  const int64_t ended = is_leaf ? now_unix_s : layer.ended_unix_s;
  const int64_t over = ended - layer.begun_unix_s;
  if (layer.begun_unix_s == 0 || over < 3600) return "";
  return growth_text(static_cast<double>(layer.bytes) / static_cast<double>(over));
}

}  // namespace

bool VolumePlan::merge_fits_now() const {
  return forecast ? forecast->merge_fits_now : space_needed_bytes() <= free_bytes;
}

uint64_t VolumePlan::layer_count() const {
  uint64_t count = 0;
  for (const PlannedDisk& disk : disks)
    count += disk.layers.size();
  return count;
}

uint64_t VolumePlan::layer_bytes() const {
  uint64_t bytes = 0;
  for (const PlannedDisk& disk : disks) {
    for (const PlannedLayer& layer : disk.layers)
      bytes += layer.bytes;
  }
  return bytes;
}

uint64_t VolumePlan::copy_bytes() const {
  uint64_t bytes = 0;
  for (const PlannedDisk& disk : disks)
    bytes += disk.copy_bytes;
  return bytes;
}

uint64_t VolumePlan::space_needed_bytes() const {
  uint64_t bytes = 0;
  for (const PlannedDisk& disk : disks)
    bytes = std::max(bytes, disk.space_needed_bytes);
  return bytes;
}

int64_t VolumePlan::gained_bytes() const {
  auto bytes = static_cast<int64_t>(layer_bytes());
  for (const PlannedDisk& disk : disks)
    bytes -= static_cast<int64_t>(disk.space_needed_bytes);
  return bytes;
}

Result<PlannedDisk> plan_disk(
    const CommandContext& context, const std::string& leaf_path,
    const std::function<std::optional<int64_t>(const std::string& path)>& frozen_unix_s) {
  const Chain chain = TRY(open_chain(context.files, leaf_path,
                                     {.metadata_cache_bytes = tables_of_one_pass_bytes}, context.random));
  PlannedDisk disk{.leaf_path = leaf_path, .disk_size_bytes = chain.disk_size_bytes()};
  disk.device = TRY(context.files.identity(chain.leaf().path())).device;
  int64_t parent_frozen_unix_s = 0;
  for (LayerIndex index = 0; index <= chain.depth(); ++index) {
    const std::string& path = chain.layers()[index]->path();
    if (TRY(context.files.identity(path)).device != disk.device) {
      return failure(ErrorKind::unsupported, "plan-two-volumes",
                     fmt::format("{}: {} lies on another volume, so that there is no one space to plan with",
                                 leaf_path, path),
                     "'vhdlab disk merge --dry-run' tells what a merge needs where");
    }
    const uint64_t bytes = TRY(chain.layers()[index]->file().allocated_bytes());
    const int64_t ended = frozen_unix_s(path).value_or(TRY(context.files.status(path)).modified_unix_s);
    if (index == 0) {
      disk.base_bytes = bytes;
    } else {
      // A base that was merged into is younger than what stands on it.
      disk.layers.push_back({path, bytes, std::min(parent_frozen_unix_s, ended), ended});
    }
    parent_frozen_unix_s = ended;
  }
  if (chain.depth() > 0) {
    const MergeRange range{.target = 0, .top = chain.depth()};
    const MergeEstimate estimate = TRY(estimate_merge(chain, range));
    disk.copy_bytes = estimate.bytes_to_copy;
    disk.space_needed_bytes = estimate.space_needed_bytes;
    disk.other_children = TRY(find_other_children(context.files, chain.layers(), range, context.random));
  }
  return disk;
}

void foresee(VolumePlan& plan, std::optional<double> growth_bytes_per_s) {
  sim::GrowingVolume volume{
      .free_bytes = plan.free_bytes, .disks = {}, .copy_bytes_per_s = plan.copy_bytes_per_s};
  plan.growth_is_given = growth_bytes_per_s.has_value();
  double all = 0;
  for (const PlannedDisk& disk : plan.disks) {
    const auto growth = growth_bytes_per_s ? growth_bytes_per_s : growth_of(disk, plan.now_unix_s);
    if (!growth) return;
    all += *growth;
    volume.disks.push_back(growing(disk, *growth));
  }
  plan.growth_bytes_per_s = all;
  plan.forecast = sim::forecast_capacity(volume);
}

void print_plan(std::ostream& out, const VolumePlan& plan) {
  for (const std::string& sentence : sentences(plan))
    out << printable(sentence) << "\n";
  std::vector<TextRow> rows;
  for (const PlannedDisk& disk : plan.disks) {
    for (const PlannedLayer& layer : disk.layers) {
      const bool is_leaf = &layer == &disk.layers.back();
      rows.push_back({std::filesystem::path(layer.path).filename().string(),
                      layer.begun_unix_s == 0 ? "?" : utc_text(layer.begun_unix_s).substr(0, 16),
                      is_leaf ? "" : utc_text(layer.ended_unix_s).substr(0, 16), format_size(layer.bytes),
                      layer_growth_text(layer, is_leaf, plan.now_unix_s)});
    }
  }
  if (rows.empty()) return;
  out << "\n";
  print_table(out, {{"layer"}, {"from (UTC)"}, {"to"}, {"holds", true}, {"grew by", true}}, rows);
}

nlohmann::ordered_json as_json(const VolumePlan& plan) {
  const auto number = [](const std::optional<double>& value) {
    return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
  };
  nlohmann::ordered_json document;
  document["folder"] = plan.folder;
  document["free_bytes"] = plan.free_bytes;
  document["sentences"] = sentences(plan);
  document["growth_bytes_per_s"] = number(plan.growth_bytes_per_s);
  document["full_after_s"] = plan.forecast ? number(plan.forecast->full_after_s) : nullptr;
  document["merge_fits_until_s"] = plan.forecast ? number(plan.forecast->merge_fits_until_s) : nullptr;
  document["merge_fits_now"] = plan.merge_fits_now();
  document["copy_bytes"] = plan.copy_bytes();
  document["space_needed_bytes"] = plan.space_needed_bytes();
  document["gained_bytes"] = plan.gained_bytes();
  document["disks"] = nlohmann::ordered_json::array();
  for (const PlannedDisk& disk : plan.disks) {
    nlohmann::ordered_json entry = {{"leaf_path", disk.leaf_path},
                                    {"disk_size_bytes", disk.disk_size_bytes},
                                    {"copy_bytes", disk.copy_bytes},
                                    {"space_needed_bytes", disk.space_needed_bytes},
                                    {"other_children", disk.other_children}};
    entry["layers"] = nlohmann::ordered_json::array();
    for (const PlannedLayer& layer : disk.layers) {
      entry["layers"].push_back({{"path", layer.path},
                                 {"allocated_bytes", layer.bytes},
                                 {"begun_unix_s", layer.begun_unix_s},
                                 {"ended_unix_s", layer.ended_unix_s}});
    }
    document["disks"].push_back(std::move(entry));
  }
  return document;
}

}  // namespace vhdlab::scenarios
