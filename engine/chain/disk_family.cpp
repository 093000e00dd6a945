// From facts about files to families; see disk_family.h.
#include "engine/chain/disk_family.h"

#include <algorithm>
#include <map>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace vhdlab {
namespace {

using vhdx::Severity;

// Joins disks that belong together; each family is known by one of its disks.
class Groups {
 public:
  explicit Groups(size_t count) : above_(count) { std::iota(above_.begin(), above_.end(), DiskIndex{0}); }

  [[nodiscard]] DiskIndex of(DiskIndex disk) {
    while (above_[disk] != disk)
      disk = above_[disk] = above_[above_[disk]];
    return disk;
  }
  void join(DiskIndex a, DiskIndex b) { above_[std::max(of(a), of(b))] = std::min(of(a), of(b)); }

 private:
  std::vector<DiskIndex> above_;
};

void link(DiskFamilies& all) {
  all.places.resize(all.disks.size());
  for (DiskIndex disk = 0; disk < all.disks.size(); ++disk) {
    const auto& parent = all.disks[disk].parent;
    if (!parent || !parent->disk) continue;
    all.places[disk].parent = parent->disk;
    all.places[*parent->disk].children.push_back(disk);
  }
  for (DiskIndex disk = 0; disk < all.disks.size(); ++disk) {
    DiskPlace& place = all.places[disk];
    const bool stands_alone = !all.disks[disk].parent;
    place.role = place.children.empty()       ? (stands_alone ? DiskRole::single : DiskRole::leaf)
                 : stands_alone               ? DiskRole::base
                 : place.children.size() == 1 ? DiskRole::inner
                                              : DiskRole::fork;
  }
}

void find_same_identities(DiskFamilies& all) {
  std::multimap<Guid, DiskIndex> by_identity;
  for (DiskIndex disk = 0; disk < all.disks.size(); ++disk)
    by_identity.emplace(all.disks[disk].identity, disk);
  for (DiskIndex disk = 0; disk < all.disks.size(); ++disk) {
    const auto [first, last] = by_identity.equal_range(all.disks[disk].identity);
    for (auto same = first; same != last; ++same) {
      if (same->second != disk) all.places[disk].same_content.push_back(same->second);
    }
    const auto& parent = all.disks[disk].parent;
    if (!parent) continue;
    const auto [fit, fit_end] = by_identity.equal_range(parent->locator.linkage);
    for (auto candidate = fit; candidate != fit_end; ++candidate) {
      if (candidate->second != disk && candidate->second != parent->disk)
        all.places[disk].parent_candidates.push_back(candidate->second);
    }
  }
}

// Everything that stands on `disk`, itself first. A loop is gone through once.
std::vector<DiskIndex> standing_on(const DiskFamilies& all, DiskIndex disk) {
  std::vector<DiskIndex> found = {disk};
  std::vector<bool> seen(all.disks.size());
  seen[disk] = true;
  for (size_t at = 0; at < found.size(); ++at) {
    for (const DiskIndex child : all.places[found[at]].children) {
      if (!seen[child]) found.push_back(child);
      seen[child] = true;
    }
  }
  return found;
}

// Whether going down from `disk` comes back to it.
bool is_in_loop(const DiskFamilies& all, DiskIndex disk) {
  auto at = all.places[disk].parent;
  for (size_t steps = 0; at && steps < all.disks.size(); ++steps) {
    if (*at == disk) return true;
    at = all.places[*at].parent;
  }
  return false;
}

class Findings {
 public:
  explicit Findings(DiskFamilies& all) : all_(all) {}

  void add(FamilyFault fault, DiskIndex disk, std::string message, std::string hint = {}) {
    all_.findings.push_back({fault, disk, std::move(message), std::move(hint)});
  }

  void judge_parent(DiskIndex disk) {
    const DiskFacts& facts = all_.disks[disk];
    if (!facts.parent) return;
    const ParentFacts& parent = *facts.parent;
    if (parent.path.empty()) {
      add(FamilyFault::parent_missing, disk,
          fmt::format("{}: its parent (identity {}) is missing: looked for {}", facts.path,
                      parent.locator.linkage.to_lower(), fmt::join(parent.sought, ", ")),
          hint_for_candidates(disk, "bring that file back: without it this disk cannot be read"));
      return;
    }
    if (!parent.disk) {
      add(FamilyFault::parent_unreadable, disk,
          fmt::format("{}: its parent {} cannot be read: {}", facts.path, parent.path, parent.problem),
          fmt::format("'vhdlab disk check {}' tells what is wrong with it", parent.path));
      return;
    }
    const DiskFacts& found = all_.disks[*parent.disk];
    if (!parent.locator.accepts(found.identity)) {
      add(FamilyFault::parent_mismatch, disk,
          fmt::format("{}: its parent {} is another disk, or was changed after this one was made: found "
                      "identity {}, expected {}",
                      facts.path, found.path, found.identity.to_lower(), parent.locator.linkage.to_lower()),
          hint_for_candidates(disk, "bring back the parent as it was"));
    }
    if (found.sector_size_bytes != facts.sector_size_bytes) {
      add(FamilyFault::sector_size, disk,
          fmt::format("{}: its logical sectors are {} bytes, those of its parent {} are {}", facts.path,
                      facts.sector_size_bytes, found.path, found.sector_size_bytes),
          "a child inherits its parent's sector size: this is not its parent");
    }
    if (found.is_outside && !facts.is_outside) {
      add(FamilyFault::parent_outside, disk,
          fmt::format("{}: its parent {} stands outside the folder that was searched", facts.path,
                      found.path),
          "search a folder that holds both: other disks may stand on that parent");
    }
  }

  void judge_itself(DiskIndex disk) {
    const DiskFacts& facts = all_.disks[disk];
    const DiskPlace& place = all_.places[disk];
    if (is_in_loop(all_, disk)) {
      add(FamilyFault::loop, disk, fmt::format("{}: it is its own ancestor", facts.path),
          "one of the locators is wrong: give the right parent with 'vhdlab disk relink'");
    }
    if (!place.same_content.empty() && disk < place.same_content.front()) {
      std::vector<std::string_view> others;
      for (const DiskIndex same : place.same_content)
        others.push_back(all_.disks[same].path);
      add(FamilyFault::identity_twice, disk,
          fmt::format("{}: claims the same identity {} as {}", facts.path, facts.identity.to_lower(),
                      fmt::join(others, ", ")),
          "one is a copy: a child takes whichever its path leads to, so keep copies in another place");
    }
    if (facts.has_unfinished_merge) {
      add(FamilyFault::unfinished_merge, disk, fmt::format("{}: a merge was interrupted here", facts.path),
          fmt::format("'vhdlab disk merge {}' finishes it", facts.path));
    }
    if (facts.is_log_dirty) {
      add(FamilyFault::log_dirty, disk,
          fmt::format("{}: its log is not replayed: its last writer was cut short, or writes now",
                      facts.path),
          "make sure that no machine uses it before anything is done");
    }
    if (!facts.other_names.empty()) {
      add(FamilyFault::two_names, disk,
          fmt::format("{}: also stands under {}", facts.path, fmt::join(facts.other_names, ", ")),
          "it is one file: removing one name gives no space back, and a change shows under all");
    }
  }

 private:
  [[nodiscard]] std::string hint_for_candidates(DiskIndex disk, std::string otherwise) const {
    const auto& candidates = all_.places[disk].parent_candidates;
    if (candidates.empty()) return otherwise;
    return fmt::format("{} has the identity it asks for: 'vhdlab disk relink {} {}'",
                       all_.disks[candidates.front()].path, all_.disks[disk].path,
                       all_.disks[candidates.front()].path);
  }

  DiskFamilies& all_;
};

// A disk opens where nothing on its way down to a base is damaged.
void mark_those_that_open(DiskFamilies& all) {
  std::vector<bool> is_damaged(all.disks.size());
  for (const FamilyFinding& finding : all.findings) {
    if (severity_of(finding.fault) == Severity::damage) is_damaged[finding.disk] = true;
  }
  for (DiskIndex disk = 0; disk < all.disks.size(); ++disk) {
    std::optional<DiskIndex> at = disk;
    for (size_t steps = 0; at && !is_damaged[*at] && steps <= all.disks.size(); ++steps)
      at = all.places[*at].parent;
    all.places[disk].opens = !at;
  }
}

// Parents first; of a loop, from its first disk on.
DiskFamily make_family(const DiskFamilies& all, const std::vector<DiskIndex>& members) {
  DiskFamily family;
  std::vector<bool> taken(all.disks.size());
  auto take_all_on = [&](DiskIndex root) {
    family.roots.push_back(root);
    for (const DiskIndex disk : standing_on(all, root)) {
      if (!taken[disk]) family.disks.push_back(disk);
      taken[disk] = true;
    }
  };
  for (const DiskIndex disk : members) {
    if (!all.places[disk].parent) take_all_on(disk);
  }
  for (const DiskIndex disk : members) {
    if (!taken[disk] && is_in_loop(all, disk)) take_all_on(disk);
  }
  return family;
}

void gather_families(DiskFamilies& all) {
  Groups groups(all.disks.size());
  std::map<Guid, DiskIndex> orphans;  // one of each missing parent's children
  for (DiskIndex disk = 0; disk < all.disks.size(); ++disk) {
    if (const auto parent = all.places[disk].parent) {
      groups.join(disk, *parent);
    } else if (all.disks[disk].parent) {
      groups.join(disk, orphans.emplace(all.disks[disk].parent->locator.linkage, disk).first->second);
    }
  }
  std::map<DiskIndex, std::vector<DiskIndex>> members;
  for (DiskIndex disk = 0; disk < all.disks.size(); ++disk)
    members[groups.of(disk)].push_back(disk);
  for (const auto& [first, disks] : members)
    all.families.push_back(make_family(all, disks));
}

}  // namespace

std::string_view name_of(FamilyFault fault) {
  switch (fault) {
    case FamilyFault::parent_missing:
      return "family-parent-missing";
    case FamilyFault::parent_mismatch:
      return "family-parent-mismatch";
    case FamilyFault::parent_unreadable:
      return "family-parent-unreadable";
    case FamilyFault::sector_size:
      return "family-sector-size";
    case FamilyFault::loop:
      return "family-loop";
    case FamilyFault::identity_twice:
      return "family-identity-twice";
    case FamilyFault::unfinished_merge:
      return "family-unfinished-merge";
    case FamilyFault::log_dirty:
      return "family-log-dirty";
    case FamilyFault::two_names:
      return "family-two-names";
    case FamilyFault::parent_outside:
      return "family-parent-outside";
  }
  return "";
}

Severity severity_of(FamilyFault fault) {
  switch (fault) {
    case FamilyFault::parent_missing:
    case FamilyFault::parent_mismatch:
    case FamilyFault::parent_unreadable:
    case FamilyFault::sector_size:
    case FamilyFault::loop:
      return Severity::damage;
    case FamilyFault::identity_twice:
    case FamilyFault::unfinished_merge:
    case FamilyFault::log_dirty:
      return Severity::risk;
    case FamilyFault::two_names:
    case FamilyFault::parent_outside:
      return Severity::note;
  }
  return Severity::note;
}

std::string_view name_of(DiskRole role) {
  switch (role) {
    case DiskRole::single:
      return "single";
    case DiskRole::base:
      return "base";
    case DiskRole::inner:
      return "inner";
    case DiskRole::fork:
      return "fork";
    case DiskRole::leaf:
      return "leaf";
  }
  return "";
}

bool DiskFamilies::has(Severity severity) const {
  return std::ranges::any_of(
      findings, [&](const FamilyFinding& finding) { return severity_of(finding.fault) == severity; });
}

DiskFamilies make_families(std::vector<DiskFacts> disks) {
  DiskFamilies all{.disks = std::move(disks), .places = {}, .families = {}, .findings = {}};
  link(all);
  find_same_identities(all);
  Findings findings(all);
  for (DiskIndex disk = 0; disk < all.disks.size(); ++disk) {
    all.places[disk].would_lose = standing_on(all, disk);
    findings.judge_parent(disk);
    findings.judge_itself(disk);
  }
  std::ranges::stable_sort(all.findings, {},
                           [](const FamilyFinding& finding) { return severity_of(finding.fault); });
  mark_those_that_open(all);
  gather_families(all);
  return all;
}

}  // namespace vhdlab
