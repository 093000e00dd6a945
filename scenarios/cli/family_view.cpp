// Families and plans for people; see family_view.h. The JSON is in family_json.cpp.
#include "scenarios/cli/family_view.h"

#include <algorithm>
#include <filesystem>
#include <ostream>
#include <set>

#include <fmt/format.h>

#include "engine/base/units.h"
#include "scenarios/cli/text_table.h"

namespace vhdlab::scenarios {
namespace {

using vhdx::Severity;

constexpr size_t passed_over_shown_max = 20;

std::string shown_path(const FamilyView& view, const std::string& path) {
  const std::filesystem::path relative = std::filesystem::path(path).lexically_relative(view.folder);
  return relative.empty() || *relative.begin() == ".." ? path : relative.string();
}

// The largest unit that fits: "3 d", "5 h". Files from the future are new.
std::string age(const FamilyView& view, int64_t modified_unix_s) {
  if (modified_unix_s == 0) return "?";
  const int64_t seconds = std::max<int64_t>(0, view.now_unix_s - modified_unix_s);
  if (seconds >= 2 * 86400) return fmt::format("{} d", seconds / 86400);
  if (seconds >= 2 * 3600) return fmt::format("{} h", seconds / 3600);
  return fmt::format("{} min", seconds / 60);
}

bool is_in_use(const FamilyView& view, DiskIndex disk) {
  return std::ranges::find(view.in_use, disk) != view.in_use.end();
}

// What is to be said of one disk in a word or two: the worst that was found, or what a leaf may be.
std::string state(const FamilyView& view, const DiskFamily& family, DiskIndex disk) {
  const DiskPlace& place = view.families.places[disk];
  for (const FamilyFinding& finding : view.families.findings) {
    if (finding.disk != disk || severity_of(finding.fault) == Severity::note) continue;
    std::string name(name_of(finding.fault));
    name.erase(0, std::string_view("family-").size());
    std::ranges::replace(name, '-', ' ');
    return name;
  }
  if (!place.opens) return "does not open";
  if (view.families.disks[disk].is_outside) return "outside the folder";
  if (place.role != DiskRole::leaf) return "";
  if (is_in_use(view, disk)) return "in use, as you said";
  if (!view.in_use.empty()) return "leftover? not among those you said are in use";
  const auto newer = std::ranges::find_if(family.disks, [&](DiskIndex other) {
    return view.families.places[other].role == DiskRole::leaf &&
           view.families.disks[other].modified_unix_s > view.families.disks[disk].modified_unix_s;
  });
  return newer == family.disks.end() ? "in use? the last written" : "leftover? another was written later";
}

// Rows of the tree: a disk stands on the one above it; a fork's branches are indented.
class Tree {
 public:
  Tree(const FamilyView& view, const DiskFamily& family) : view_(view), family_(family) {}

  std::vector<TextRow> rows() {
    std::string missing;
    for (const DiskIndex root : family_.roots) {
      const auto& parent = view_.families.disks[root].parent;
      if (parent && parent->path.empty() && parent->locator.linkage.to_lower() != missing) {
        missing = parent->locator.linkage.to_lower();
        rows_.push_back({fmt::format("(missing: {})", sought_name(*parent)), "missing", "", "", "", ""});
      }
      add(root, "", "");
    }
    return std::move(rows_);
  }

 private:
  static std::string sought_name(const ParentFacts& parent) {
    return parent.sought.empty() ? parent.locator.linkage.to_lower()
                                 : std::filesystem::path(parent.sought.front()).filename().string();
  }

  void add(DiskIndex first, const std::string& mark, const std::string& indent) {
    std::string lead = mark;
    for (DiskIndex disk = first;;) {
      if (!drawn_.insert(disk).second) {
        rows_.push_back({lead + "(and round again)", "", "", "", "", ""});
        return;
      }
      add_row(disk, lead);
      lead = indent;
      const auto& children = view_.families.places[disk].children;
      if (children.size() == 1) {
        disk = children[0];
        continue;
      }
      for (size_t i = 0; i < children.size(); ++i) {
        const bool is_last = i + 1 == children.size();
        add(children[i], indent + (is_last ? "└─ " : "├─ "), indent + (is_last ? "   " : "│  "));
      }
      return;
    }
  }

  void add_row(DiskIndex disk, const std::string& lead) {
    const DiskFacts& facts = view_.families.disks[disk];
    rows_.push_back(
        {lead + shown_path(view_, facts.path), std::string(name_of(view_.families.places[disk].role)),
         format_size(facts.allocated_bytes), age(view_, facts.modified_unix_s),
         fmt::format("{} of {}", view_.families.places[disk].would_lose.size(), family_.disks.size()),
         state(view_, family_, disk)});
  }

  const FamilyView& view_;
  const DiskFamily& family_;
  std::vector<TextRow> rows_;
  std::set<DiskIndex> drawn_;
};

bool is_single(const FamilyView& view, const DiskFamily& family) {
  return family.disks.size() == 1 && view.families.places[family.disks[0]].role == DiskRole::single;
}

void print_family(std::ostream& out, const FamilyView& view, const DiskFamily& family, size_t number) {
  uint64_t allocated = 0;
  uint64_t leaves = 0;
  for (const DiskIndex disk : family.disks) {
    allocated += view.families.disks[disk].allocated_bytes;
    leaves += view.families.places[disk].children.empty() ? 1 : 0;
  }
  const DiskFacts& first = view.families.disks[family.roots.front()];
  out << fmt::format("family {}: {} files, {}, a disk of {}, {} on the device\n", number, family.disks.size(),
                     leaves == 1 ? "1 leaf" : fmt::format("{} leaves", leaves),
                     format_size(first.disk_size_bytes), format_size(allocated));
  print_table(out,
              {{"file"}, {"role"}, {"on device", true}, {"age", true}, {"lost with it", true}, {"state"}},
              Tree(view, family).rows());
  out << "\n";
}

void print_findings(std::ostream& out, const FamilyView& view) {
  for (const FamilyFinding& finding : view.families.findings) {
    out << fmt::format("{} {}: {}\n", vhdx::name_of(severity_of(finding.fault)), name_of(finding.fault),
                       printable(finding.message));
    if (!finding.hint.empty()) out << fmt::format("  hint: {}\n", printable(finding.hint));
  }
  if (!view.families.findings.empty()) out << "\n";
}

void print_rest(std::ostream& out, const FamilyView& view) {
  const auto& passed_over = view.scan.passed_over;
  for (size_t i = 0; i < std::min(passed_over.size(), passed_over_shown_max); ++i) {
    out << fmt::format("passed over {}: {}\n", printable(shown_path(view, passed_over[i].path)),
                       printable(passed_over[i].reason));
  }
  if (passed_over.size() > passed_over_shown_max) {
    out << fmt::format("passed over {} more: --format json names them all\n",
                       passed_over.size() - passed_over_shown_max);
  }
  out << fmt::format("{} VHDX files in {} folders; {} other files\n",
                     format_count(view.families.disks.size()), format_count(view.scan.folders),
                     format_count(view.scan.other_files));
}

std::string time_text(const PlanView& plan, uint64_t bytes) {
  if (!plan.rate_bytes_per_s) return "";
  const double seconds = static_cast<double>(bytes) / static_cast<double>(*plan.rate_bytes_per_s);
  return format_duration(Nanoseconds(static_cast<int64_t>(seconds * 1e9)));
}

std::string names_of(const FamilyView& view, const std::vector<PlannedDisk>& sources) {
  const std::string lowest = shown_path(view, sources.front().path);
  if (sources.size() == 1) return lowest;
  const std::string top = shown_path(view, sources.back().path);
  if (sources.size() == 2) return fmt::format("{} and {}", lowest, top);
  return fmt::format("{} files, {} to {},", sources.size(), lowest, top);
}

void print_comparison(std::ostream& out, const PlanView& view) {
  const FamilyPlan& plan = view.plan;
  std::vector<TextRow> rows;
  auto add = [&](std::string name, const OrderCost& cost) {
    const double ratio = plan.cost.bytes_to_copy == 0 ? 1
                                                      : static_cast<double>(cost.bytes_to_copy) /
                                                            static_cast<double>(plan.cost.bytes_to_copy);
    rows.push_back({std::move(name), format_count(cost.merges), format_size(cost.bytes_to_copy),
                    fmt::format("{:.2f}", ratio), format_size(cost.peak_bytes),
                    time_text(view, cost.bytes_to_copy)});
  };
  add("this plan", plan.cost);
  add("each chain in one pass", plan.one_pass);
  add("oldest first, pairs", plan.oldest_first);
  add("youngest to oldest, pairs (Microsoft's procedure)", plan.newest_first);
  std::vector<TextColumn> columns = {
      {"order"}, {"merges", true}, {"to move", true}, {"times this", true}, {"space needed", true}};
  if (view.rate_bytes_per_s) {
    columns.push_back({"time", true});
  } else {
    for (TextRow& row : rows)
      row.pop_back();
  }
  print_table(out, columns, rows);
}

}  // namespace

void print_families(std::ostream& out, const FamilyView& view) {
  size_t number = 0;
  size_t singles = 0;
  for (const DiskFamily& family : view.families.families) {
    if (is_single(view, family)) {
      ++singles;
    } else {
      print_family(out, view, family, ++number);
    }
  }
  if (number > 0) {
    out << "Each file stands on the one above it; branches are indented. 'lost with it': files that stop "
           "opening\n"
           "when this one goes, itself included. Whether a machine uses a leaf cannot be seen in the files: "
           "say\n"
           "which are live with --in-use.\n\n";
  }
  print_findings(out, view);
  if (singles > 0) out << fmt::format("{} with no other file here standing on them:\n", singles);
  for (const DiskFamily& family : view.families.families) {
    if (!is_single(view, family)) continue;
    const DiskFacts& facts = view.families.disks[family.disks[0]];
    out << fmt::format("  {}  {}\n", printable(shown_path(view, facts.path)),
                       format_size(facts.allocated_bytes));
  }
  print_rest(out, view);
}

void print_plan(std::ostream& out, const FamilyView& view, const PlanView& plan) {
  out << "\n";
  if (plan.plan.steps.empty()) {
    out << "plan: nothing can be merged\n";
  } else {
    out << "plan:\n";
  }
  size_t number = 0;
  for (const PlannedStep& step : plan.plan.steps) {
    out << fmt::format("  {}. merge {} into {}: {} to move, grows by at most {}, then gives back {}\n",
                       ++number, printable(names_of(view, step.sources)),
                       printable(shown_path(view, step.target.path)), format_size(step.bytes_to_copy),
                       format_size(step.growth_bytes), format_size(step.freed_bytes));
    out << (step.child
                ? fmt::format("     {} then stands on it\n", printable(shown_path(view, step.child->path)))
                : fmt::format("     the disk is then {}: point its machine there\n",
                              printable(shown_path(view, step.target.path))));
  }
  for (const StayingDisk& stay : plan.plan.staying) {
    out << fmt::format("  stays: {}: {}\n", printable(shown_path(view, view.families.disks[stay.disk].path)),
                       printable(stay.reason));
  }
  if (plan.plan.steps.empty()) return;
  out << "\n";
  print_comparison(out, plan);
  out << fmt::format("\nspace: {} needed at the peak, at most; {} free{}\n",
                     format_size(plan.plan.cost.peak_bytes), format_size(plan.space_free_bytes),
                     plan.plan.fits ? "" : ": NOT ENOUGH");
  if (plan.measured) {
    out << fmt::format("rate: {}/s, measured by copying {} here{}\n", format_size(plan.measured->bytes_per_s),
                       format_size(plan.measured->bytes),
                       plan.measured->is_direct ? "" : "; reads may have come from memory");
  }
  out << "The machines of these disks must be off while files are merged.\n";
}

}  // namespace vhdlab::scenarios
