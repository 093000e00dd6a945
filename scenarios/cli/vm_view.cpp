// Looking at machines; see vm_view.h.
#include "scenarios/cli/vm_view.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/units.h"
#include "scenarios/cli/disk_survey.h"
#include "scenarios/cli/text_table.h"

namespace vhdlab::scenarios {
namespace {

// Sums up space, and gives up on the first file that cannot be read.
class SpaceReader {
 public:
  SpaceReader(const CommandContext& context, const std::string& folder)
      : context_(context), folder_(folder) {}

  std::optional<uint64_t> allocated(const std::string& name) {
    const auto path = (std::filesystem::path(folder_) / name).string();
    const auto file = context_.files.open(path, OpenMode::read_only);
    const auto bytes = file ? (*file)->allocated_bytes() : std::unexpected(file.error());
    return bytes ? std::optional(*bytes) : std::nullopt;
  }

  std::optional<uint64_t> freed_by_merges(const CheckpointTree& tree) {
    uint64_t total = 0;
    for (const PendingMerge& merge : pending_merges(tree)) {
      const std::string key = merge.target + "/" + merge.sources.back();
      auto found = freed_.find(key);
      if (found == freed_.end()) {
        const auto estimate = estimate_pending(context_.files, folder_, merge, context_.random);
        if (!estimate) return std::nullopt;
        found = freed_.emplace(key, estimate->bytes_freed).first;
      }
      total += found->second;
    }
    return total;
  }

  std::optional<uint64_t> freed_by_deleting(const CheckpointTree& tree, const Guid& id) {
    const auto plan = plan_delete(tree, id);
    const auto before = freed_by_merges(tree);
    const auto after = plan ? freed_by_merges(plan->after) : std::nullopt;
    if (!before || !after) return std::nullopt;
    uint64_t removed = 0;
    for (const std::string& name : plan->remove) {
      const auto bytes = allocated(name);
      if (!bytes) return std::nullopt;
      removed += *bytes;
    }
    const uint64_t total = removed + *after;
    return total - std::min(total, *before);
  }

 private:
  const CommandContext& context_;
  std::string folder_;
  std::map<std::string, uint64_t> freed_;
};

std::optional<uint64_t> own_bytes(SpaceReader& reader, const CheckpointTree& tree,
                                  const RestorePoint& point) {
  uint64_t total = 0;
  for (const DiskFiles& disk : tree.disks) {
    const auto bytes = reader.allocated(chain_of(disk, point).front());
    if (!bytes) return std::nullopt;
    total += *bytes;
  }
  return total;
}

std::string size_or_unknown(const std::optional<uint64_t>& bytes) {
  return bytes ? format_size(*bytes) : "?";
}

nlohmann::ordered_json or_null(const std::optional<uint64_t>& bytes) {
  return bytes ? nlohmann::ordered_json(*bytes) : nlohmann::ordered_json(nullptr);
}

nlohmann::ordered_json or_null(const std::optional<Guid>& id) {
  return id ? nlohmann::ordered_json(id->to_lower()) : nlohmann::ordered_json(nullptr);
}

std::string age_text(int64_t seconds) {
  if (seconds < 60) return fmt::format("{} s", std::max<int64_t>(seconds, 0));
  if (seconds < 3600) return fmt::format("{} min", seconds / 60);
  if (seconds < 2 * 86400) return fmt::format("{} h", seconds / 3600);
  return fmt::format("{} d", seconds / 86400);
}

// The tree as rows: branches in the first column, checkpoints in the order they were taken, Now after them.
class TreeRows {
 public:
  TreeRows(const MachineView& view, int64_t now) : view_(view), now_(now) {}

  std::vector<TextRow> rows() {
    add_below(std::nullopt, "", true);
    return std::move(rows_);
  }

 private:
  void add_below(const std::optional<Guid>& parent, const std::string& indent, bool is_root) {
    const CheckpointTree& tree = view_.manifest.tree;
    std::vector<RestorePoint> points;
    for (const Guid& id : children_of(tree, parent))
      points.push_back(id);
    if (tree.now_parent == parent) points.push_back(restore_point_now);
    for (size_t i = 0; i < points.size(); ++i) {
      const bool is_last = i + 1 == points.size();
      const std::string branch = is_root ? "" : indent + (is_last ? "└─ " : "├─ ");
      add_row(branch, points[i]);
      if (points[i]) add_below(points[i], is_root ? "" : indent + (is_last ? "   " : "│  "), false);
    }
  }

  void add_row(const std::string& branch, const RestorePoint& point) {
    const CheckpointTree& tree = view_.manifest.tree;
    if (!point) {
      rows_.push_back({branch + "Now", "", "", size_or_unknown(view_.space.back().own_bytes), "", ""});
      return;
    }
    const auto found = std::ranges::find(tree.checkpoints, *point, &Checkpoint::id);
    const CheckpointSpace& space = view_.space[static_cast<size_t>(found - tree.checkpoints.begin())];
    std::string kind(word_of(found->kind));
    kind += found->taken_while == MachineState::off ? "" : fmt::format(", {}", word_of(found->taken_while));
    rows_.push_back({branch + found->name, short_id(found->id),
                     found->taken_unix_seconds == 0 ? "?" : age_text(now_ - found->taken_unix_seconds),
                     size_or_unknown(space.own_bytes), size_or_unknown(space.freed_bytes), std::move(kind)});
  }

  const MachineView& view_;
  int64_t now_;
  std::vector<TextRow> rows_;
};

}  // namespace

Result<MachineView> look_at_machine(const CommandContext& context, const std::string& folder) {
  MachineView view{.folder = folder, .manifest = TRY(read_manifest(context.files, folder)), .space = {}};
  SpaceReader reader(context, folder);
  const CheckpointTree& tree = view.manifest.tree;
  for (const Checkpoint& checkpoint : tree.checkpoints) {
    view.space.push_back({.own_bytes = own_bytes(reader, tree, checkpoint.id),
                          .freed_bytes = reader.freed_by_deleting(tree, checkpoint.id)});
  }
  view.space.push_back({.own_bytes = own_bytes(reader, tree, restore_point_now), .freed_bytes = {}});
  return view;
}

nlohmann::ordered_json as_json(const MachineView& view, int64_t unix_seconds_now) {
  const MachineManifest& manifest = view.manifest;
  nlohmann::ordered_json document;
  document["name"] = manifest.name;
  document["id"] = manifest.id.to_lower();
  document["folder"] = view.folder;
  document["host"] = word_of(manifest.host);
  document["state"] = word_of(manifest.state);
  document["checkpoints_max"] = manifest.checkpoints_max;
  document["now_parent"] = or_null(manifest.tree.now_parent);
  document["checkpoints"] = nlohmann::ordered_json::array();
  for (size_t i = 0; i < manifest.tree.checkpoints.size(); ++i) {
    const Checkpoint& checkpoint = manifest.tree.checkpoints[i];
    const bool has_time = checkpoint.taken_unix_seconds != 0;
    document["checkpoints"].push_back(
        {{"id", checkpoint.id.to_lower()},
         {"parent", or_null(checkpoint.parent)},
         {"name", checkpoint.name},
         {"kind", word_of(checkpoint.kind)},
         {"taken_while", word_of(checkpoint.taken_while)},
         {"taken_unix_seconds",
          has_time ? nlohmann::ordered_json(checkpoint.taken_unix_seconds) : nlohmann::ordered_json(nullptr)},
         {"age_seconds", has_time ? nlohmann::ordered_json(unix_seconds_now - checkpoint.taken_unix_seconds)
                                  : nlohmann::ordered_json(nullptr)},
         {"own_bytes", or_null(view.space[i].own_bytes)},
         {"freed_bytes", or_null(view.space[i].freed_bytes)}});
  }
  document["now_own_bytes"] = or_null(view.space.back().own_bytes);
  document["disks"] = nlohmann::ordered_json::array();
  for (const DiskFiles& disk : manifest.tree.disks) {
    nlohmann::ordered_json files = nlohmann::ordered_json::array();
    for (const auto& [path, parent] : disk.parent_of) {
      nlohmann::ordered_json file = {{"name", path}, {"parent", nullptr}, {"used_by", nullptr}};
      if (!parent.empty()) file["parent"] = parent;
      if (path == disk.now) file["used_by"] = "Now";
      for (const auto& [id, frozen] : disk.frozen) {
        if (frozen == path) file["used_by"] = id.to_lower();
      }
      files.push_back(std::move(file));
    }
    document["disks"].push_back({{"now", disk.now}, {"files", std::move(files)}});
  }
  document["pending_merges"] = nlohmann::ordered_json::array();
  for (const PendingMerge& merge : pending_merges(manifest.tree))
    document["pending_merges"].push_back(as_json(merge, std::nullopt));
  return document;
}

void print_tree(const CommandContext& context, const MachineView& view, int64_t unix_seconds_now) {
  const MachineManifest& manifest = view.manifest;
  context.out << fmt::format("{}: {}, {} of {} checkpoints, host {}\n", printable(manifest.name),
                             word_of(manifest.state), manifest.tree.checkpoints.size(),
                             manifest.checkpoints_max, word_of(manifest.host));
  for (const DiskFiles& disk : manifest.tree.disks) {
    context.out << fmt::format("disk: {}, {} file{}\n",
                               printable((std::filesystem::path(view.folder) / disk.now).string()),
                               disk.parent_of.size(), disk.parent_of.size() == 1 ? "" : "s");
  }
  context.out << "\n";
  print_table(context.out,
              {{"checkpoint"}, {"id"}, {"age", true}, {"own size", true}, {"frees", true}, {"kind"}},
              TreeRows(view, unix_seconds_now).rows());
  const size_t pending = pending_merges(manifest.tree).size();
  if (pending > 0) {
    context.out << fmt::format("\n{} merge{} pending: 'vhdlab vm merge {}'\n", pending,
                               pending == 1 ? "" : "s", printable(view.folder));
  }
}

std::string short_id(const Guid& id) {
  return id.to_lower().substr(0, 8);
}

std::string describe(const CheckpointTree& tree, const RestorePoint& point) {
  if (!point) return "Now";
  return fmt::format("'{}' ({})", printable(find_checkpoint(tree, *point)->name), short_id(*point));
}

nlohmann::ordered_json as_json(const CheckpointTree& tree, const RestorePoint& point) {
  if (!point) return {{"id", nullptr}, {"name", "Now"}};
  return {{"id", point->to_lower()}, {"name", find_checkpoint(tree, *point)->name}};
}

nlohmann::ordered_json as_json(const PendingMerge& merge,
                               const std::optional<PendingMergeEstimate>& estimate) {
  nlohmann::ordered_json document = {{"disk", merge.disk},
                                     {"target", merge.target},
                                     {"sources", merge.sources},
                                     {"children", merge.children}};
  if (estimate) {
    document["bytes_to_move"] = estimate->bytes_to_move;
    document["bytes_freed"] = estimate->bytes_freed;
  }
  return document;
}

std::string pending_line(const Machine& machine, const std::string& folder) {
  size_t files = 0;
  for (const PendingMerge& merge : pending_merges(machine.tree()))
    files += merge.sources.size();
  if (files == 0) return "";
  return fmt::format("{} file{} wait{} to be merged: 'vhdlab vm merge {}'\n", files, files == 1 ? "" : "s",
                     files == 1 ? "s" : "", printable(folder));
}

int64_t seconds_now(const CommandContext& context) {
  return context.unix_seconds ? context.unix_seconds() : 0;
}

}  // namespace vhdlab::scenarios
