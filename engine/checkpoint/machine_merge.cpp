// Carrying out the merges a machine's tree is waiting for: engine/merge moves the bytes along one chain, here
// everything else that stands on the merged files is given its new parent, and the manifest commits.
//
//   K1      K2                K1      K2
//    └── C ──┘     merge       └── D ──┘
//        D        ──────►
//
// K1 is re-pointed by engine/merge, K2 here; in between K2 reads through C, which accepts both identities of
// D.
#include <algorithm>
#include <filesystem>
#include <set>

#include <fmt/format.h>

#include "engine/chain/chain_open.h"
#include "engine/checkpoint/checkpoint_operations.h"
#include "engine/merge/merge_record.h"
#include "engine/merge/merge_run.h"

namespace vhdlab {
namespace {

std::string joined(const std::string& folder, const std::string& name) {
  return (std::filesystem::path(folder) / name).string();
}

// The chain a merge goes along: up to one of the disks that stand on its top, or to the top itself.
struct MergePath {
  std::string leaf;
  MergeRange range;
};

MergePath path_of_merge(const DiskFiles& disk, const PendingMerge& merge) {
  LayerIndex below_target = 0;
  for (std::string at = disk.parent_of.at(merge.target); !at.empty(); at = disk.parent_of.at(at))
    ++below_target;
  const auto sources = static_cast<LayerIndex>(merge.sources.size());
  return {.leaf = merge.children.empty() ? merge.sources.back() : merge.children.front(),
          .range = {.target = below_target, .top = below_target + sources}};
}

uint64_t bytes_held(const ReadPlan& plan) {
  uint64_t bytes = 0;
  for (const ReadSegment& segment : plan.segments)
    bytes += segment.is_zero ? 0 : segment.length;
  return bytes;
}

}  // namespace

// A disk that stands on a file to be merged and is none of the machine's would be lost with it.
Result<void> Machine::refuse_foreign_disks(const PendingMerge& merge) {
  std::set<FileIdentity> merged = {TRY(files_->identity(path_of(merge.target)))};
  for (const std::string& source : merge.sources)
    merged.insert(TRY(files_->identity(path_of(source))));
  const auto& own = manifest_.tree.disks[merge.disk].parent_of;
  for (const std::string& name : TRY(files_->list(folder_))) {
    if (own.contains(name) || name.starts_with("machine.vhdlab")) continue;
    const std::string path = path_of(name);
    const auto disk = open_vhdx(*files_, path, OpenMode::read_only, CacheMode::buffered, *random_);
    if (!disk || !(*disk)->image().metadata().parent) continue;
    const auto parent = find_parent(*files_, path, *(*disk)->image().metadata().parent);
    const auto identity = parent ? files_->identity(*parent) : std::unexpected(parent.error());
    if (!identity || !merged.contains(*identity)) continue;
    return failure(ErrorKind::in_use, "machine-foreign-disk",
                   fmt::format("{}: it stands on {}, which is to be merged, and is no disk of this machine",
                               path, *parent),
                   "convert it into a disk of its own with 'vhdlab disk convert', or remove it");
  }
  return {};
}

// Whether an earlier run had moved everything: then some of the children stand on the target already.
Result<bool> Machine::is_moved(const PendingMerge& merge) {
  for (const std::string& child : merge.children) {
    if (TRY(stands_on(child, merge.target))) return true;
  }
  return false;
}

Result<bool> Machine::stands_on(const std::string& child, const std::string& parent) {
  const std::string path = path_of(child);
  const auto disk = TRY(open_vhdx(*files_, path, OpenMode::read_only, CacheMode::buffered, *random_));
  if (!disk->image().metadata().parent) return false;
  const std::string found = TRY(find_parent(*files_, path, *disk->image().metadata().parent));
  return TRY(files_->identity(found)) == TRY(files_->identity(path_of(parent)));
}

Result<uint64_t> Machine::allocated_bytes(const std::vector<std::string>& names) {
  uint64_t bytes = 0;
  for (const std::string& name : names)
    bytes += TRY(TRY(files_->open(path_of(name), OpenMode::read_only))->allocated_bytes());
  return bytes;
}

// Those that the merge itself has not.
Result<void> Machine::put_children_on_target(const PendingMerge& merge) {
  Guid identity;
  {
    const auto target =
        TRY(open_vhdx(*files_, path_of(merge.target), OpenMode::read_only, CacheMode::buffered, *random_));
    identity = target->image().header().data_write_guid;
  }
  for (const std::string& name : merge.children) {
    if (TRY(stands_on(name, merge.target))) continue;
    const auto child = TRY(open_vhdx(*files_, path_of(name), OpenMode::read_write, CacheMode::buffered,
                                     *random_, vhdx::WriteIntent::same_content));
    TRY(child->image().set_parent(vhdx::make_parent_locator(identity, folder_, path_of(merge.target))));
    TRY(child->close());
  }
  return {};
}

Result<void> Machine::carry_out(const PendingMerge& merge, MachineMergeOutcome& outcome,
                                int64_t& space_balance_bytes, const ProgressCallback& progress,
                                const StopRequested& stop) {
  TRY(refuse_foreign_disks(merge));
  const uint64_t target_before = TRY(allocated_bytes({merge.target}));
  const MergePath path = path_of_merge(manifest_.tree.disks[merge.disk], merge);
  const bool takes_now = merge.sources.back() == manifest_.tree.disks[merge.disk].now;
  if (takes_now) TRY(settle_now());
  TRY(finish_interrupted_merge(*files_, path_of(path.leaf), *random_));
  if (!TRY(is_moved(merge))) {
    // Other children are those of the top, which are re-pointed below.
    const MergeOptions options{.force = true, .keep_sources = true, .progress = progress, .stop = stop};
    const MergeOutcome moved = TRY(vhdlab::merge(*files_, path_of(path.leaf), path.range, options, *random_));
    outcome.bytes_copied += moved.bytes_copied;
    outcome.bytes_zeroed += moved.bytes_zeroed;
  }
  space_balance_bytes += static_cast<int64_t>(TRY(allocated_bytes({merge.target})) - target_before);
  if (space_balance_bytes > static_cast<int64_t>(outcome.free_space_peak_bytes))
    outcome.free_space_peak_bytes = static_cast<uint64_t>(space_balance_bytes);
  space_balance_bytes -= static_cast<int64_t>(TRY(allocated_bytes(merge.sources)));
  TRY(put_children_on_target(merge));
  // Earlier runs may have gone along another child: no record of theirs is worth anything from here on.
  for (const std::string& child : merge.children)
    TRY(remove_merge_record(*files_, path_of(child)));
  manifest_.tree = after_merge(manifest_.tree, merge);
  manifest_.removing.assign(merge.sources.rbegin(), merge.sources.rend());
  TRY(write());
  TRY(clear_leftovers());
  ++outcome.merges;
  for (const std::string& source : merge.sources)
    outcome.removed_paths.push_back(path_of(source));
  return {};
}

Result<MachineMergeOutcome> Machine::merge_pending(const ProgressCallback& progress,
                                                   const StopRequested& stop) {
  MachineMergeOutcome outcome;
  const auto merges = pending_merges(manifest_.tree);
  if (merges.empty()) return outcome;
  TRY_IN(folder_, check_may_merge(manifest_.host, manifest_.state));
  struct Priced {
    PendingMerge merge;
    uint64_t bytes_to_move;
  };
  int64_t space_balance_bytes = 0;  // over what the disks took before the first merge
  // First what an earlier run had moved: until the tree knows of it, the tree counts layers that are gone.
  std::vector<PendingMerge> to_move;
  for (const PendingMerge& merge : merges) {
    if (TRY(is_moved(merge))) {
      TRY(carry_out(merge, outcome, space_balance_bytes, {}, stop));
    } else {
      to_move.push_back(merge);
    }
  }
  std::vector<Priced> order;
  uint64_t total = 0;
  for (const PendingMerge& merge : to_move) {
    const uint64_t bytes = TRY(estimate_pending(*files_, folder_, merge, *random_)).bytes_to_move;
    order.push_back({merge, bytes});
    total += bytes;
  }
  std::ranges::stable_sort(order, {}, &Priced::bytes_to_move);
  uint64_t before = 0;
  for (const Priced& next : order) {
    const ProgressCallback within = [&](uint64_t done, uint64_t) {
      if (progress) progress(std::min(before + done, total), total);
    };
    TRY(carry_out(next.merge, outcome, space_balance_bytes, within, stop));
    before += next.bytes_to_move;
  }
  return outcome;
}

Result<PendingMergeEstimate> estimate_pending(FileSystem& files, const std::string& folder,
                                              const PendingMerge& merge, RandomSource& random) {
  // Along the top itself: what stands on it may stand on the target already. Counted from above, since a
  // merge further down may have been cut before the tree knew of it.
  const Chain chain = TRY(open_chain(files, joined(folder, merge.sources.back()), {}, random));
  const auto sources = static_cast<LayerIndex>(merge.sources.size());
  const MergeRange range{.target = chain.depth() - std::min(sources, chain.depth()), .top = chain.depth()};
  const MergeEstimate whole = TRY(estimate_merge(chain, range));
  PendingMergeEstimate estimate{.bytes_to_move = whole.bytes_to_move()};

  // What the target holds where the sources hold something is space it need not take.
  const auto target = chain.layers().subspan(range.target, 1);
  const uint64_t disk_size =
      std::min(chain.layers()[range.top]->disk_size_bytes(), chain.layers()[range.target]->disk_size_bytes());
  uint64_t held_already = 0;
  ReadPlan scratch;
  ReadPlan held;
  std::vector<MergeStep> steps;
  for (uint64_t window = 0; window < disk_size; window += merge_window_bytes) {
    const ByteRange part{window, std::min(merge_window_bytes, disk_size - window)};
    TRY(plan_merge_window(chain.layers(), range, part, scratch, steps));
    for (const MergeStep& step : steps) {
      if (step.is_zero) continue;
      TRY(resolve_walk(target, step.virtual_range, held));
      held_already += bytes_held(held);
    }
  }
  uint64_t sources_take = 0;
  for (const std::string& source : merge.sources)
    sources_take += TRY(TRY(files.open(joined(folder, source), OpenMode::read_only))->allocated_bytes());
  const uint64_t target_takes_on = whole.bytes_to_copy - std::min(whole.bytes_to_copy, held_already);
  estimate.bytes_freed = sources_take - std::min(sources_take, target_takes_on);
  return estimate;
}

Result<std::optional<PendingMergeProgress>> progress_of_pending(FileSystem& files, const std::string& folder,
                                                                const CheckpointTree& tree,
                                                                const PendingMerge& merge) {
  const MergePath path = path_of_merge(tree.disks[merge.disk], merge);
  const auto record = TRY(read_merge_record(files, joined(folder, path.leaf)));
  const bool is_this = record && record->range.target == path.range.target &&
                       record->range.top == path.range.top && record->target.path == merge.target;
  if (!is_this) return std::nullopt;
  if (!record->progress) return PendingMergeProgress{.is_moved = true};
  return PendingMergeProgress{.bytes_moved = record->progress->bytes_moved,
                              .bytes_to_move = record->progress->bytes_to_move,
                              .bytes_per_s = record->progress->bytes_per_s};
}

}  // namespace vhdlab
