// Executing merges; the order that keeps them safe is in merge_run.h.
#include "engine/merge/merge_run.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/chain/chain_open.h"
#include "engine/merge/merge_record.h"

namespace vhdlab {
namespace {

constexpr uint64_t move_piece_bytes = 4 * mib;

std::string absolute_folder_of(const std::string& path) {
  return std::filesystem::absolute(path).lexically_normal().parent_path().string();
}

// Everything a merge holds open. The chain is read-only; the files that change are open a second time, for
// writing.
struct Merge {
  FileSystem& files;
  RandomSource& random;
  const MergeOptions& options;
  MergeRange range;
  Chain chain;
  uint64_t bytes_to_move = 0;
  Guid next_identity{};                 // of the target
  std::unique_ptr<VhdxLayer> target{};  // for writing
  std::unique_ptr<VhdxLayer> child{};   // the disk above the top, to re-point; none where the top is the leaf
  MergeOutcome outcome{};

  [[nodiscard]] const std::string& path_of(LayerIndex layer) const { return chain.layers()[layer]->path(); }
};

// Disks that stand on the target or on a source and are not part of this chain: the merge would pull the
// ground from under them.
Result<std::vector<std::string>> find_other_children(Merge& merge) {
  std::set<FileIdentity> own;
  std::set<std::string> folders;
  for (const auto& layer : merge.chain.layers()) {
    own.insert(TRY(merge.files.identity(layer->path())));
    folders.insert(absolute_folder_of(layer->path()));
  }
  std::vector<std::string> others;
  for (const std::string& folder : folders) {
    for (LayerIndex layer = merge.range.target; layer <= merge.range.top; ++layer) {
      for (const std::string& path :
           TRY(find_children(merge.files, folder, merge.path_of(layer), merge.random))) {
        if (!own.contains(TRY(merge.files.identity(path)))) others.push_back(path);
      }
    }
  }
  return others;
}

Result<void> refuse_other_children(Merge& merge) {
  if (merge.options.force) return {};
  const auto others = TRY(find_other_children(merge));
  if (others.empty()) return {};
  return failure(ErrorKind::in_use, "merge-has-other-children",
                 fmt::format("{}: other disks stand on the layers to merge and would be lost: {}",
                             merge.path_of(merge.range.target), fmt::join(others, ", ")),
                 "merge or convert those first; --force merges all the same");
}

Result<std::unique_ptr<VhdxLayer>> open_to_change(Merge& merge, LayerIndex layer) {
  return open_vhdx(merge.files, merge.path_of(layer), OpenMode::read_write, merge.options.cache, merge.random,
                   vhdx::WriteIntent::same_content);
}

void tell_progress(const Merge& merge) {
  if (!merge.options.progress) return;
  merge.options.progress(merge.outcome.bytes_copied + merge.outcome.bytes_zeroed, merge.bytes_to_move);
}

// Between two pieces: a step may be as long as the window, and whoever waits wants to know or to stop.
Result<void> stop_or_go_on(const Merge& merge) {
  if (merge.options.stop && merge.options.stop()) {
    return failure(
        ErrorKind::interrupted, "merge-interrupted",
        fmt::format("{}: merge stopped on request; the disk reads as before", merge.chain.leaf().path()),
        "run the same merge again to finish it");
  }
  tell_progress(merge);
  return {};
}

Result<void> zero_range(Merge& merge, ByteRange range, WritePlan& plan) {
  TRY(stop_or_go_on(merge));
  if (merge.target->flush_is_due()) TRY(merge.target->flush());
  TRY(merge.target->plan_zero(range, plan));
  TRY(carry_out(*merge.target, plan, range.offset, {}));
  merge.outcome.bytes_zeroed += range.length;
  return {};
}

Result<void> copy_step(Merge& merge, const MergeStep& step, AlignedBuffer& buffer, WritePlan& plan) {
  File& source = merge.chain.layers()[step.source]->file();
  for (uint64_t done = 0; done < step.virtual_range.length;) {
    TRY(stop_or_go_on(merge));
    const uint64_t length = std::min(move_piece_bytes, step.virtual_range.length - done);
    const MutableBytes piece = buffer.bytes().first(length);
    TRY(source.read(step.file_offset + done, piece));
    if (merge.target->flush_is_due()) TRY(merge.target->flush());
    TRY(merge.target->plan_write({step.virtual_range.offset + done, length}, plan));
    TRY(carry_out(*merge.target, plan, step.virtual_range.offset + done, piece));
    done += length;
    merge.outcome.bytes_copied += length;
  }
  return {};
}

// How far the disks below the target reach: what they hold past the target's old end must not come to light
// when it grows.
uint64_t hidden_end(const Merge& merge) {
  uint64_t end = 0;
  for (LayerIndex layer = 0; layer < merge.range.target; ++layer)
    end = std::max(end, merge.chain.layers()[layer]->disk_size_bytes());
  return end;
}

Result<void> move_bytes(Merge& merge) {
  const uint64_t disk_size = merge.chain.layers()[merge.range.top]->disk_size_bytes();
  TRY(merge.target->image().set_disk_size(disk_size, hidden_end(merge)));

  ReadPlan scratch;
  WritePlan write_plan;
  std::vector<MergeStep> steps;
  AlignedBuffer buffer(move_piece_bytes);
  for (uint64_t window = 0; window < disk_size; window += merge_window_bytes) {
    const ByteRange range{window, std::min(merge_window_bytes, disk_size - window)};
    TRY(plan_merge_window(merge.chain, merge.range, range, scratch, steps));
    for (const MergeStep& step : steps) {
      TRY(step.is_zero ? zero_range(merge, step.virtual_range, write_plan)
                       : copy_step(merge, step, buffer, write_plan));
    }
  }
  tell_progress(merge);
  return merge.target->flush();
}

// Gives the target its new identity. The lowest source accepts both, so that it fits at every moment.
Result<void> rename_target(Merge& merge) {
  merge.next_identity = Guid::make_random(merge.random);
  const auto lowest_source = TRY(open_to_change(merge, merge.range.target + 1));
  vhdx::ParentLocator announced = *lowest_source->image().metadata().parent;
  // Not what the source was made from: an earlier run of this merge may have renamed the target already.
  announced.linkage = merge.target->image().header().data_write_guid;
  announced.linkage2 = merge.next_identity;
  TRY(lowest_source->image().set_parent(announced));
  TRY(lowest_source->close());
  return merge.target->image().set_data_write_guid(merge.next_identity);
}

Result<void> leave_record(Merge& merge) {
  const std::string& leaf_path = merge.chain.leaf().path();
  const std::filesystem::path folder = absolute_folder_of(leaf_path);
  auto from_folder = [&](const std::string& path) {
    return std::filesystem::absolute(path).lexically_normal().lexically_relative(folder).string();
  };
  MergeRecord record{.range = merge.range,
                     .keep_sources = merge.options.keep_sources,
                     .target = {from_folder(merge.target->path()), merge.next_identity},
                     .sources = {},
                     .child_path = {}};
  for (LayerIndex layer = merge.range.target + 1; layer <= merge.range.top; ++layer) {
    auto& source = dynamic_cast<VhdxLayer&>(*merge.chain.layers()[layer]);
    record.sources.push_back({from_folder(source.path()), source.image().header().data_write_guid});
  }
  if (merge.child != nullptr) record.child_path = from_folder(merge.child->path());
  return write_merge_record(merge.files, leaf_path, record);
}

Result<void> repoint_child(Merge& merge) {
  if (merge.child == nullptr) return {};
  TRY(merge.child->image().set_parent(vhdx::make_parent_locator(
      merge.next_identity, absolute_folder_of(merge.child->path()),
      std::filesystem::absolute(merge.target->path()).lexically_normal().string())));
  TRY(merge.child->close());
  merge.outcome.child_path = merge.child->path();
  return {};
}

// Newest first: as long as a source is there, so are those it stands on.
Result<void> remove_sources(FileSystem& files, const std::vector<std::string>& sources,
                            MergeOutcome& outcome) {
  for (auto source = sources.rbegin(); source != sources.rend(); ++source) {
    if (!files.exists(*source)) continue;
    TRY(files.remove(*source));
    TRY(files.sync_folder(absolute_folder_of(*source)));
    outcome.removed_paths.push_back(*source);
  }
  return {};
}

// ---- After an interruption ----

std::string in_folder(const std::string& leaf_path, const std::string& relative) {
  return (std::filesystem::path(absolute_folder_of(leaf_path)) / relative).lexically_normal().string();
}

// Whether the merge had come so far that nothing stands on its sources any more: the leaf, being one of them,
// is gone, or the disk above them stands on the target.
Result<bool> is_put_together(FileSystem& files, const std::string& leaf_path, const MergeRecord& record,
                             RandomSource& random) {
  if (!record.child_path) return !files.exists(leaf_path);
  const std::string child_path = in_folder(leaf_path, *record.child_path);
  if (!files.exists(child_path)) return false;
  const auto child = TRY(open_vhdx(files, child_path, OpenMode::read_only, CacheMode::buffered, random));
  const auto& parent = child->image().metadata().parent;
  return parent && parent->linkage == record.target.identity;
}

// Every leftover is as the merge left it; a file that somebody wrote to since may hold what nothing else
// does.
Result<void> check_leftovers(FileSystem& files, const std::string& leaf_path, const MergeRecord& record,
                             RandomSource& random) {
  const std::string target = in_folder(leaf_path, record.target.path);
  if (!files.exists(target)) {
    return failure(
        ErrorKind::not_found, "merge-target-missing",
        fmt::format("{}: an interrupted merge moved everything into {}, which is missing", leaf_path, target),
        "bring that file back; nothing was removed");
  }
  for (const MergeRecord::Disk& source : record.sources) {
    const std::string path = in_folder(leaf_path, source.path);
    if (!files.exists(path)) continue;
    const auto disk = TRY(open_vhdx(files, path, OpenMode::read_only, CacheMode::buffered, random));
    const Guid& found = disk->image().header().data_write_guid;
    if (found == source.identity) continue;
    return failure(
        ErrorKind::mismatch, "merge-source-changed",
        fmt::format("{}: an interrupted merge into {} was to remove it, and it was written to since: found "
                    "identity {}, expected {}",
                    path, target, found.to_lower(), source.identity.to_lower()),
        fmt::format("save what you need of it, then delete it and {}", merge_record_path(leaf_path)));
  }
  return {};
}

}  // namespace

Result<std::optional<InterruptedMerge>> finish_interrupted_merge(FileSystem& files,
                                                                 const std::string& leaf_path,
                                                                 RandomSource& random) {
  const auto record = TRY(read_merge_record(files, leaf_path));
  if (!record || !TRY(is_put_together(files, leaf_path, *record, random))) return std::nullopt;
  InterruptedMerge merge{.range = record->range, .outcome = {}};
  std::vector<std::string> sources;
  for (const MergeRecord::Disk& source : record->sources)
    sources.push_back(in_folder(leaf_path, source.path));
  if (!record->keep_sources) {
    TRY(check_leftovers(files, leaf_path, *record, random));
    TRY(remove_sources(files, sources, merge.outcome));
  }
  TRY(remove_merge_record(files, leaf_path));
  merge.outcome.was_interrupted = true;
  merge.outcome.layers_merged = record->range.source_count();
  merge.outcome.target_path = in_folder(leaf_path, record->target.path);
  if (record->child_path) merge.outcome.child_path = in_folder(leaf_path, *record->child_path);
  return merge;
}

Result<MergeOutcome> merge(FileSystem& files, const std::string& leaf_path, MergeRange range,
                           const MergeOptions& options, RandomSource& random) {
  const auto interrupted = TRY(finish_interrupted_merge(files, leaf_path, random));
  if (interrupted && interrupted->range.target == range.target && interrupted->range.top == range.top)
    return interrupted->outcome;
  if (!files.exists(leaf_path)) {
    return failure(ErrorKind::not_found, "merge-leaf-gone", leaf_path + ": there is no such file",
                   "a merge of the leaf ends with the disk in its parent's file: open that instead");
  }
  const ChainOpenOptions read_only{.cache = options.cache, .ignore_id_mismatch = options.ignore_id_mismatch};
  Merge merge{files, random, options, range, TRY(open_chain(files, leaf_path, read_only, random))};
  const MergeEstimate estimate = TRY(estimate_merge(merge.chain, range));
  merge.bytes_to_move = estimate.bytes_to_copy + estimate.bytes_to_zero;
  TRY(refuse_other_children(merge));
  merge.target = TRY(open_to_change(merge, range.target));
  if (range.top < merge.chain.depth()) merge.child = TRY(open_to_change(merge, range.top + 1));

  TRY(rename_target(merge));
  auto moved = move_bytes(merge);
  // An unclean close is mended at the next open; where the move failed, that is the failure to tell.
  const auto closed = merge.target->close();
  TRY(moved);
  TRY(closed);
  TRY(leave_record(merge));
  TRY(repoint_child(merge));
  merge.outcome.layers_merged = range.source_count();
  merge.outcome.target_path = merge.target->path();
  if (!options.keep_sources) {
    std::vector<std::string> sources;
    for (LayerIndex layer = range.target + 1; layer <= range.top; ++layer)
      sources.push_back(merge.path_of(layer));
    TRY(remove_sources(files, sources, merge.outcome));
  }
  TRY(remove_merge_record(files, merge.chain.leaf().path()));
  return std::move(merge.outcome);
}

}  // namespace vhdlab
