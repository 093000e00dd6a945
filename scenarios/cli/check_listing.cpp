// See check_listing.h.
#include "scenarios/cli/check_listing.h"

#include <algorithm>
#include <array>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/units.h"
#include "scenarios/cli/text_table.h"

namespace vhdlab::scenarios {
namespace {

using vhdx::CheckReport;
using vhdx::Finding;
using vhdx::Severity;

// What was found beyond what is listed in full.
uint64_t unlisted_count(const CheckReport& report, const std::string& name) {
  const auto listed = std::ranges::count(report.findings, name, &Finding::name);
  return report.count_of(name) - static_cast<uint64_t>(listed);
}

// All of them, those not listed in full with the severity of those that are.
uint64_t count_of(const CheckReport& report, Severity severity) {
  uint64_t count = 0;
  std::vector<std::string_view> names;
  for (const Finding& finding : report.findings) {
    if (finding.severity != severity) continue;
    ++count;
    if (std::ranges::find(names, finding.name) != names.end()) continue;
    names.push_back(finding.name);
    count += unlisted_count(report, finding.name);
  }
  return count;
}

std::string counted(uint64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", format_count(count), count == 1 ? one : many);
}

}  // namespace

void print_findings(std::ostream& out, const std::vector<Finding>& findings) {
  for (const Finding& finding : findings) {
    const std::string place =
        finding.file_offset ? fmt::format(", at {:#x}", *finding.file_offset) : std::string();
    out << fmt::format("{:<7} {}  {}{}{}\n        {}\n", name_of(finding.severity), finding.name,
                       printable(finding.where), place, finding.is_repairable ? "  (can be repaired)" : "",
                       finding.meaning);
    std::string facts;
    if (!finding.found.empty()) facts = "found " + finding.found;
    if (!finding.expected.empty()) facts += (facts.empty() ? "expected " : "; expected ") + finding.expected;
    if (!facts.empty()) out << "        " << printable(facts) << "\n";
  }
}

void print_report(std::ostream& out, const std::string& path, const CheckReport& report) {
  print_findings(out, report.findings);
  for (const auto& [name, count] : report.counts) {
    if (const uint64_t unlisted = unlisted_count(report, name); unlisted > 0)
      out << fmt::format("        and {} more times {}\n", format_count(unlisted), name);
  }
  if (!report.findings.empty()) out << "\n";
  std::string summary = fmt::format("{}: {}, {}, {}", printable(path),
                                    counted(count_of(report, Severity::damage), "damage", "damage"),
                                    counted(count_of(report, Severity::risk), "risk", "risks"),
                                    counted(count_of(report, Severity::note), "note", "notes"));
  if (!report.is_complete) summary += "; damage hides a part of the file";
  const auto repairable = std::ranges::count_if(report.findings, &Finding::is_repairable);
  if (repairable > 0)
    summary += fmt::format("; 'vhdlab disk repair {}' mends {} of them", printable(path), repairable);
  out << summary << "\n";
}

nlohmann::ordered_json as_json(const std::vector<Finding>& findings) {
  auto list = nlohmann::ordered_json::array();
  for (const Finding& finding : findings) {
    nlohmann::ordered_json entry;
    entry["severity"] = name_of(finding.severity);
    entry["name"] = finding.name;
    entry["meaning"] = finding.meaning;
    entry["where"] = finding.where;
    entry["file_offset"] = nullptr;
    if (finding.file_offset) entry["file_offset"] = *finding.file_offset;
    entry["found"] = finding.found;
    entry["expected"] = finding.expected;
    entry["repairable"] = finding.is_repairable;
    list.push_back(std::move(entry));
  }
  return list;
}

nlohmann::ordered_json as_json(const std::string& path, const CheckReport& report) {
  nlohmann::ordered_json document;
  document["path"] = path;
  document["ok"] = !report.has(Severity::damage);
  document["complete"] = report.is_complete;
  document["damage_count"] = count_of(report, Severity::damage);
  document["risk_count"] = count_of(report, Severity::risk);
  document["note_count"] = count_of(report, Severity::note);
  document["findings"] = as_json(report.findings);
  document["count_by_name"] = report.counts;
  return document;
}

}  // namespace vhdlab::scenarios
