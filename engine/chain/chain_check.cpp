// Following a chain down and comparing neighbours; see chain_check.h.
#include "engine/chain/chain_check.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "engine/chain/chain_open.h"
#include "engine/io/paths.h"

namespace vhdlab {
namespace {

using vhdx::Finding;
using vhdx::Severity;

class ChainCheck {
 public:
  ChainCheck(FileSystem& files, LayerIndex depth_max) : files_(files), depth_max_(depth_max) {}

  [[nodiscard]] Result<ChainCheckReport> run(const std::string& path) {
    std::optional<std::string> next = absolute_path(path);
    while (next)
      next = TRY(descend(*next));
    for (size_t i = 0; i + 1 < report_.layers.size(); ++i)
      compare(report_.layers[i], report_.layers[i + 1]);
    find_twins();
    std::ranges::stable_sort(report_.findings, {}, &Finding::severity);
    return std::move(report_);
  }

 private:
  void add(Severity severity, std::string_view name, std::string_view meaning, std::string where,
           std::string found, std::string expected = {}) {
    report_.findings.push_back({.severity = severity,
                                .name = std::string(name),
                                .meaning = std::string(meaning),
                                .where = std::move(where),
                                .found = std::move(found),
                                .expected = std::move(expected)});
  }

  // Checks the file at `path`; where its parent is, if it has one that can be found.
  [[nodiscard]] Result<std::optional<std::string>> descend(const std::string& path) {
    const bool is_leaf = report_.layers.empty();
    auto file = files_.open(path, OpenMode::read_only);
    if (!file) {
      if (is_leaf) return std::unexpected(std::move(file).error());
      add(Severity::damage, "chain-parent-missing", "a parent is there and cannot be opened",
          report_.layers.back().path, file.error().message);
      return std::nullopt;
    }
    seen_.insert(TRY(files_.identity(path)));
    report_.layers.push_back({path, TRY(vhdx::check_image(**file))});
    return find_next(report_.layers.back());
  }

  [[nodiscard]] Result<std::optional<std::string>> find_next(const CheckedLayer& layer) {
    const auto& metadata = layer.report.state.metadata;
    if (!metadata || !metadata->has_parent()) return std::nullopt;
    auto parent = find_parent(files_, layer.path, *metadata->parent);
    if (!parent) {
      add(Severity::damage, "chain-parent-missing", "a parent is missing", layer.path, parent.error().message,
          "the file, or 'vhdlab disk relink' to say where it is");
      return std::nullopt;
    }
    if (seen_.contains(TRY(files_.identity(*parent)))) {
      add(Severity::damage, "chain-loop", "a file is its own ancestor", layer.path,
          "its parent is " + *parent, "a file that does not stand on this one");
      return std::nullopt;
    }
    if (report_.layers.size() > depth_max_) {
      add(Severity::damage, "chain-too-deep", "there are more layers than asked for", layer.path,
          fmt::format("more than {} layers", depth_max_));
      return std::nullopt;
    }
    const auto candidates = vhdx::parent_path_candidates(*metadata->parent, absolute_folder_of(layer.path));
    if (*parent != candidates.front()) {
      add(Severity::note, "chain-parent-moved", "the parent is not where the locator says first", layer.path,
          *parent, candidates.front());
    }
    return *std::move(parent);
  }

  void compare(const CheckedLayer& child, const CheckedLayer& parent) {
    const auto& above = child.report.state;
    const auto& below = parent.report.state;
    const std::string where = fmt::format("{} over {}", child.path, parent.path);
    if (below.header) compare_identity(*above.metadata, below, where);
    if (below.header && !below.header->fields.log_guid.is_zero()) {
      add(Severity::risk, "chain-parent-dirty", "a parent's log was not replayed", where,
          "LogGuid " + below.header->fields.log_guid.to_lower(), "a parent that was closed cleanly");
    }
    if (!below.metadata) return;
    const vhdx::DiskMetadata& upper = *above.metadata;
    const vhdx::DiskMetadata& lower = *below.metadata;
    if (upper.logical_sector_size_bytes != lower.logical_sector_size_bytes) {
      add(Severity::damage, "chain-sector-size", "a child's logical sector size differs from its parent's",
          where,
          fmt::format("{} over {} bytes", upper.logical_sector_size_bytes, lower.logical_sector_size_bytes),
          "the same size");
    }
    if (upper.disk_size_bytes != lower.disk_size_bytes) {
      add(Severity::note, "chain-disk-size", "a child's disk size differs from its parent's", where,
          fmt::format("{} over {} bytes", upper.disk_size_bytes, lower.disk_size_bytes));
    }
    if (upper.virtual_disk_id != lower.virtual_disk_id) {
      add(Severity::note, "chain-disk-identity", "a child's virtual disk identity differs from its parent's",
          where,
          fmt::format("{} over {}", upper.virtual_disk_id.to_lower(), lower.virtual_disk_id.to_lower()),
          "the same identity");
    }
  }

  void compare_identity(const vhdx::DiskMetadata& child, const vhdx::CheckedState& parent,
                        const std::string& where) {
    const vhdx::ParentLocator& locator = *child.parent;
    const Guid& found = parent.header->fields.data_write_guid;
    if (found == locator.linkage) return;
    if (locator.accepts(found)) {
      add(Severity::note, "chain-second-linkage", "the parent fits the second linkage only", where,
          found.to_lower(), locator.linkage.to_lower());
      return;
    }
    const bool is_same_disk = parent.metadata && parent.metadata->virtual_disk_id == child.virtual_disk_id;
    add(Severity::damage, "chain-parent-mismatch",
        is_same_disk ? "the parent was written to after its child was made, or is another version of it"
                     : "the file in the parent's place is another disk",
        where, found.to_lower(), locator.linkage.to_lower());
  }

  void find_twins() {
    std::map<Guid, std::string> first_with;
    for (const CheckedLayer& layer : report_.layers) {
      if (!layer.report.state.header) continue;
      const Guid& identity = layer.report.state.header->fields.data_write_guid;
      const auto [first, is_new] = first_with.emplace(identity, layer.path);
      if (is_new) continue;
      add(Severity::risk, "chain-identity-twice", "two layers carry the same data identity",
          fmt::format("{} and {}", first->second, layer.path), identity.to_lower(), "an identity for each");
    }
  }

  FileSystem& files_;
  LayerIndex depth_max_;
  std::set<FileIdentity> seen_;
  ChainCheckReport report_;
};

}  // namespace

bool ChainCheckReport::has(Severity severity) const {
  const auto is_such = [&](const Finding& finding) { return finding.severity == severity; };
  return std::ranges::any_of(findings, is_such) ||
         std::ranges::any_of(layers, [&](const CheckedLayer& layer) { return layer.report.has(severity); });
}

Result<ChainCheckReport> check_chain(FileSystem& files, const std::string& path, LayerIndex depth_max) {
  return ChainCheck(files, depth_max).run(path);
}

}  // namespace vhdlab
