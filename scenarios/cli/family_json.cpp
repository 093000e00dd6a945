// Families and plans for programs; see family_view.h. Paths as the scan found them, sizes in bytes.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "scenarios/cli/family_view.h"

namespace vhdlab::scenarios {
namespace {

using Json = nlohmann::ordered_json;

Json paths_of(const FamilyView& view, const std::vector<DiskIndex>& disks) {
  Json paths = Json::array();
  for (const DiskIndex disk : disks)
    paths.push_back(view.families.disks[disk].path);
  return paths;
}

Json parent_of(const FamilyView& view, DiskIndex disk) {
  const auto& parent = view.families.disks[disk].parent;
  if (!parent) return nullptr;
  const bool fits = parent->disk && parent->locator.accepts(view.families.disks[*parent->disk].identity);
  return {{"path", parent->path.empty() ? Json(nullptr) : Json(parent->path)},
          {"linkage", parent->locator.linkage.to_lower()},
          {"identity_ok", fits},
          {"sought_paths", parent->sought},
          {"candidate_paths", paths_of(view, view.families.places[disk].parent_candidates)}};
}

Json disk_json(const FamilyView& view, DiskIndex disk) {
  const DiskFacts& facts = view.families.disks[disk];
  const DiskPlace& place = view.families.places[disk];
  return {{"path", facts.path},
          {"other_names", facts.other_names},
          {"role", name_of(place.role)},
          {"opens", place.opens},
          {"in_use", std::ranges::find(view.in_use, disk) != view.in_use.end()},
          {"outside", facts.is_outside},
          {"identity", facts.identity.to_lower()},
          {"virtual_disk_id", facts.virtual_disk_id.to_lower()},
          {"disk_size_bytes", facts.disk_size_bytes},
          {"file_size_bytes", facts.file_size_bytes},
          {"allocated_bytes", facts.allocated_bytes},
          {"modified_unix_s", facts.modified_unix_s == 0 ? Json(nullptr) : Json(facts.modified_unix_s)},
          {"parent", parent_of(view, disk)},
          {"child_paths", paths_of(view, place.children)},
          {"lost_with_it_paths", paths_of(view, place.would_lose)}};
}

Json cost_json(const OrderCost& cost, const PlanView& view) {
  Json document = {{"merge_count", cost.merges},
                   {"copy_bytes", cost.bytes_to_copy},
                   {"space_needed_bytes", cost.peak_bytes},
                   {"time_s", nullptr}};
  if (view.rate_bytes_per_s) {
    document["time_s"] =
        static_cast<double>(cost.bytes_to_copy) / static_cast<double>(*view.rate_bytes_per_s);
  }
  return document;
}

Json step_json(const PlannedStep& step) {
  Json sources = Json::array();
  for (const PlannedDisk& source : step.sources)
    sources.push_back(source.path);
  return {{"target_path", step.target.path},
          {"source_paths", std::move(sources)},
          {"child_path", step.child ? Json(step.child->path) : Json(nullptr)},
          {"copy_bytes", step.bytes_to_copy},
          {"zero_bytes", step.bytes_to_zero},
          {"growth_bytes", step.growth_bytes},
          {"freed_bytes", step.freed_bytes}};
}

}  // namespace

Json as_json(const FamilyView& view) {
  Json document;
  document["folder"] = view.folder;
  document["ok"] = !view.families.has(vhdx::Severity::damage);
  document["families"] = Json::array();
  for (const DiskFamily& family : view.families.families) {
    Json disks = Json::array();
    for (const DiskIndex disk : family.disks)
      disks.push_back(disk_json(view, disk));
    document["families"].push_back(
        {{"root_paths", paths_of(view, family.roots)}, {"disks", std::move(disks)}});
  }
  document["findings"] = Json::array();
  for (const FamilyFinding& finding : view.families.findings) {
    document["findings"].push_back({{"severity", vhdx::name_of(severity_of(finding.fault))},
                                    {"name", name_of(finding.fault)},
                                    {"path", view.families.disks[finding.disk].path},
                                    {"message", finding.message},
                                    {"hint", finding.hint}});
  }
  document["passed_over"] = Json::array();
  for (const PassedOver& each : view.scan.passed_over)
    document["passed_over"].push_back({{"path", each.path}, {"reason", each.reason}});
  document["folder_count"] = view.scan.folders;
  document["other_file_count"] = view.scan.other_files;
  return document;
}

Json as_json(const FamilyView& view, const PlanView& plan) {
  Json document;
  document["fits"] = plan.plan.fits;
  document["steps"] = Json::array();
  for (const PlannedStep& step : plan.plan.steps)
    document["steps"].push_back(step_json(step));
  document["staying"] = Json::array();
  for (const StayingDisk& stay : plan.plan.staying)
    document["staying"].push_back({{"path", view.families.disks[stay.disk].path}, {"reason", stay.reason}});
  document["cost"] = cost_json(plan.plan.cost, plan);
  document["one_pass"] = cost_json(plan.plan.one_pass, plan);
  document["oldest_first"] = cost_json(plan.plan.oldest_first, plan);
  document["newest_first"] = cost_json(plan.plan.newest_first, plan);
  document["zero_bytes"] = plan.plan.bytes_to_zero;
  document["gained_bytes"] = plan.plan.gained_bytes;
  document["space_free_bytes"] = plan.space_free_bytes;
  document["rate_bytes_per_s"] = plan.rate_bytes_per_s ? Json(*plan.rate_bytes_per_s) : Json(nullptr);
  return document;
}

}  // namespace vhdlab::scenarios
