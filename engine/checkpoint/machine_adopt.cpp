// Reading what disks are to each other; see machine_adopt.h.
#include "engine/checkpoint/machine_adopt.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/chain/chain_open.h"

namespace vhdlab {
namespace {

using ParentOf = std::map<std::string, std::string>;  // by name in the folder; empty for a base

bool is_named_as_disk(const std::string& name) {
  return name.ends_with(".vhdx") || name.ends_with(".avhdx");
}

std::unexpected<Error> wrong_parent(std::string message) {
  return failure(ErrorKind::mismatch, "adopt-parent", std::move(message),
                 "'vhdlab disk check --chain' and 'vhdlab disk relink' help with chains");
}

// Reads every disk's locator, all of them read-only.
Result<ParentOf> read_parents(FileSystem& files, const std::string& folder, RandomSource& random) {
  std::map<std::string, std::unique_ptr<VhdxLayer>> disks;
  std::map<FileIdentity, std::string> name_of;
  for (const std::string& name : TRY(files.list(folder))) {
    if (!is_named_as_disk(name)) continue;
    const std::string path = (std::filesystem::path(folder) / name).string();
    auto disk = open_vhdx(files, path, OpenMode::read_only, CacheMode::buffered, random);
    if (!disk) {
      return failure(ErrorKind::damaged, "adopt-unreadable", disk.error().message,
                     "repair the file with 'vhdlab disk repair', or move it out of the folder");
    }
    name_of.emplace(TRY(files.identity(path)), name);
    disks.emplace(name, *std::move(disk));
  }
  ParentOf parent_of;
  for (const auto& [name, disk] : disks) {
    const auto& locator = disk->image().metadata().parent;
    parent_of[name];
    if (!locator) continue;
    const auto parent_path = find_parent(files, disk->path(), *locator);
    if (!parent_path) return wrong_parent(parent_path.error().message);
    const auto parent = name_of.find(TRY(files.identity(*parent_path)));
    if (parent == name_of.end())
      return wrong_parent(fmt::format("{}: its parent {} is not in the folder", disk->path(), *parent_path));
    if (!locator->accepts(disks.at(parent->second)->image().header().data_write_guid))
      return wrong_parent(
          fmt::format("{}: {} is another disk, or was written to since", disk->path(), *parent_path));
    parent_of[name] = parent->second;
  }
  return parent_of;
}

// The files of the disk with this base, each with its parent.
ParentOf family_of(const ParentOf& all, const std::string& base) {
  ParentOf family;
  for (const auto& [name, parent] : all) {
    std::string root = name;
    for (size_t steps = 0; !all.at(root).empty() && steps <= all.size(); ++steps)
      root = all.at(root);
    if (root == base) family.emplace(name, parent);
  }
  return family;
}

size_t children_of_file(const ParentOf& family, const std::string& name) {
  return static_cast<size_t>(
      std::ranges::count_if(family, [&](const auto& entry) { return entry.second == name; }));
}

Result<std::string> choose_now(const ParentOf& family, const std::string& base,
                               const std::vector<std::string>& wanted) {
  std::vector<std::string> leaves;
  for (const auto& [name, parent] : family) {
    if (children_of_file(family, name) == 0) leaves.push_back(name);
  }
  std::vector<std::string> chosen;
  for (const std::string& name : leaves) {
    if (std::ranges::find(wanted, name) != wanted.end()) chosen.push_back(name);
  }
  if (chosen.empty() && leaves.size() == 1) return leaves.front();
  if (chosen.size() == 1) return chosen.front();
  return failure(
      ErrorKind::invalid_argument, "adopt-now",
      fmt::format("{}: any of {} may be what the machine writes to", base, fmt::join(leaves, ", ")),
      "say which with --now FILE");
}

// Where a file stands in its disk's tree, in words that fit the other disks' too: how deep in a line of
// files, or by the GUID of its name.
using Places = std::map<std::string, std::string>;  // place -> file

Places places_by_depth(const ParentOf& family, const std::string& now) {
  std::vector<std::string> line;
  for (std::string at = now; !at.empty(); at = family.at(at))
    line.push_back(at);
  if (line.size() != family.size()) return {};
  Places places;
  for (size_t i = 0; i < line.size(); ++i)
    places.emplace(fmt::format("{:06}", line.size() - 1 - i), line[i]);
  return places;
}

Places places_by_guid(const ParentOf& family) {
  Places places;
  for (const auto& [name, parent] : family) {
    const std::string base_name = base_name_of(name);
    const std::string stem = name.substr(0, name.rfind('.'));
    places.emplace(parent.empty() ? "" : stem.substr(base_name.size()), name);
  }
  return places.size() == family.size() ? places : Places{};
}

// Whether the disks have files in the same places, standing on each other alike, and Now in the same one.
bool fit_together(const std::vector<ParentOf>& families, const std::vector<std::string>& nows,
                  const std::vector<Places>& places) {
  for (size_t i = 0; i < families.size(); ++i) {
    if (places[i].empty() || places[i].size() != places[0].size()) return false;
    std::map<std::string, std::string> place_of;
    std::map<std::string, std::string> place_in_first;
    for (const auto& [place, file] : places[i])
      place_of.emplace(file, place);
    for (const auto& [place, file] : places[0])
      place_in_first.emplace(file, place);
    for (const auto& [place, file] : places[i]) {
      const auto first = places[0].find(place);
      if (first == places[0].end()) return false;
      const std::string& parent = families[i].at(file);
      const std::string& parent_in_first = families[0].at(first->second);
      if (parent.empty() != parent_in_first.empty()) return false;
      if (!parent.empty() && place_of.at(parent) != place_in_first.at(parent_in_first)) return false;
    }
    if (place_of.at(nows[i]) != place_in_first.at(nows[0])) return false;
  }
  return true;
}

Result<std::vector<Places>> match_disks(const std::vector<ParentOf>& families,
                                        const std::vector<std::string>& nows) {
  std::vector<Places> by_depth;
  std::vector<Places> by_guid;
  for (size_t i = 0; i < families.size(); ++i) {
    by_depth.push_back(places_by_depth(families[i], nows[i]));
    by_guid.push_back(places_by_guid(families[i]));
  }
  if (fit_together(families, nows, by_guid)) return by_guid;
  if (fit_together(families, nows, by_depth)) return by_depth;
  if (families.size() == 1) {  // any names will do for one disk
    Places places;
    for (const auto& [name, parent] : families[0])
      places.emplace(name, name);
    return std::vector{places};
  }
  return failure(
      ErrorKind::invalid_argument, "adopt-disks",
      "the disks' files do not stand on each other alike: which checkpoints belong together is not "
      "clear",
      "take in one disk at a time with --disk BASE");
}

// The disks that are taken in, each by the files on its base.
struct Adopted {
  std::vector<std::string> base_names;
  std::vector<ParentOf> families;
  std::vector<std::string> nows;
};

Result<Adopted> choose_disks(FileSystem& files, const std::string& folder, const AdoptRequest& request,
                             RandomSource& random) {
  const ParentOf all = TRY(read_parents(files, folder, random));
  Adopted adopted;
  for (const auto& [name, parent] : all) {
    if (!parent.empty()) continue;
    const bool is_wanted =
        request.bases.empty() || std::ranges::find(request.bases, name) != request.bases.end();
    if (!is_wanted) continue;
    adopted.families.push_back(family_of(all, name));
    adopted.nows.push_back(TRY(choose_now(adopted.families.back(), name, request.now)));
    adopted.base_names.push_back(base_name_of(name));
  }
  const size_t count = adopted.families.size();
  if (count == 0 || (!request.bases.empty() && count != request.bases.size())) {
    return failure(ErrorKind::not_found, "adopt-nothing",
                   fmt::format("{}: no VHDX base of that name is in the folder", folder));
  }
  return adopted;
}

// Makes checkpoints from the first disk's files, parents before children. Returns them by those files.
std::map<std::string, Guid> add_checkpoints(const ParentOf& family, const std::string& now,
                                            CheckpointTree& tree, RandomSource& random) {
  std::map<std::string, Guid> id_of;
  std::vector<std::string> next = {""};
  for (size_t i = 0; i < next.size(); ++i) {
    for (const auto& [name, parent] : family) {
      if (parent != next[i]) continue;
      next.push_back(name);
      if (name == now) continue;
      Checkpoint checkpoint{.id = Guid::make_random(random), .name = name.substr(0, name.rfind('.'))};
      if (!check_checkpoint_name(checkpoint.name)) checkpoint.name = name;  // "Now.avhdx" is no "Now"
      if (!parent.empty()) checkpoint.parent = id_of.at(parent);
      id_of.emplace(name, checkpoint.id);
      tree.checkpoints.push_back(std::move(checkpoint));
    }
  }
  if (const std::string& parent = family.at(now); !parent.empty()) tree.now_parent = id_of.at(parent);
  return id_of;
}

}  // namespace

Result<MachineManifest> plan_adoption(FileSystem& files, const std::string& folder,
                                      const AdoptRequest& request, RandomSource& random) {
  TRY(check_machine_name(request.name));
  TRY(check_checkpoints_max(request.checkpoints_max));
  Adopted adopted = TRY(choose_disks(files, folder, request, random));
  MachineManifest manifest{.name = request.name,
                           .id = Guid::make_random(random),
                           .host = request.host,
                           .checkpoints_max = request.checkpoints_max};
  const auto& [base_names, families, nows] = adopted;
  const std::vector<Places> places = TRY(match_disks(families, nows));
  const auto id_of = add_checkpoints(families[0], nows[0], manifest.tree, random);
  for (size_t i = 0; i < families.size(); ++i) {
    DiskFiles disk{.parent_of = families[i], .frozen = {}, .now = nows[i]};
    for (const auto& [place, file] : places[0]) {
      if (file != nows[0]) disk.frozen.emplace(id_of.at(file), places[i].at(place));
    }
    manifest.tree.disks.push_back(std::move(disk));
  }
  manifest.base_names = std::move(adopted.base_names);
  return manifest;
}

}  // namespace vhdlab
