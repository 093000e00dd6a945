// Executing merges; the order that keeps them safe is in merge_run.h.
#include "engine/merge/merge_run.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/chain/chain_open.h"

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
  std::unique_ptr<VhdxLayer> target;  // for writing
  std::unique_ptr<VhdxLayer>
      child;  // the disk above the top, for re-pointing; none where the top is the leaf
  MergeOutcome outcome;

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

Result<void> zero_range(Merge& merge, ByteRange range, WritePlan& plan) {
  if (merge.target->flush_is_due()) TRY(merge.target->flush());
  TRY(merge.target->plan_zero(range, plan));
  TRY(carry_out(*merge.target, plan, range.offset, {}));
  merge.outcome.bytes_zeroed += range.length;
  return {};
}

Result<void> copy_step(Merge& merge, const MergeStep& step, AlignedBuffer& buffer, WritePlan& plan) {
  File& source = merge.chain.layers()[step.source]->file();
  for (uint64_t done = 0; done < step.virtual_range.length;) {
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

Result<void> move_bytes(Merge& merge) {
  const uint64_t disk_size = merge.chain.layers()[merge.range.top]->disk_size_bytes();
  TRY(merge.target->image().set_disk_size(disk_size));

  ReadPlan scratch;
  WritePlan write_plan;
  std::vector<MergeStep> steps;
  AlignedBuffer buffer(move_piece_bytes);
  for (uint64_t window = 0; window < disk_size; window += merge_window_bytes) {
    const ByteRange range{window, std::min(merge_window_bytes, disk_size - window)};
    TRY(plan_merge_window(merge.chain, merge.range, range, scratch, steps));
    for (const MergeStep& step : steps) {
      if (merge.options.stop && merge.options.stop()) {
        return failure(
            ErrorKind::interrupted, "merge-interrupted",
            fmt::format("{}: merge stopped on request; the disk reads as before", merge.chain.leaf().path()),
            "run the same merge again to finish it");
      }
      TRY(step.is_zero ? zero_range(merge, step.virtual_range, write_plan)
                       : copy_step(merge, step, buffer, write_plan));
      if (merge.options.progress) {
        merge.options.progress(merge.outcome.bytes_copied + merge.outcome.bytes_zeroed, merge.bytes_to_move);
      }
    }
  }
  return merge.target->flush();
}

// Gives the target its new identity and every disk of the chain a parent that fits, at every moment in
// between.
Result<void> put_chain_together(Merge& merge) {
  const Guid next_identity = Guid::make_random(merge.random);
  const auto lowest_source = TRY(open_to_change(merge, merge.range.target + 1));
  vhdx::ParentLocator announced = *lowest_source->image().metadata().parent;
  announced.linkage2 = next_identity;
  TRY(lowest_source->image().set_parent(announced));
  TRY(lowest_source->close());

  TRY(merge.target->image().set_data_write_guid(next_identity));
  TRY(merge.target->close());

  if (merge.child != nullptr) {
    TRY(merge.child->image().set_parent(vhdx::make_parent_locator(
        next_identity, absolute_folder_of(merge.child->path()),
        std::filesystem::absolute(merge.target->path()).lexically_normal().string())));
    TRY(merge.child->close());
    merge.outcome.child_path = merge.child->path();
  }
  return {};
}

Result<void> remove_sources(Merge& merge) {
  if (merge.options.keep_sources) return {};
  for (LayerIndex layer = merge.range.top; layer > merge.range.target; --layer) {
    TRY(merge.files.remove(merge.path_of(layer)));
    merge.outcome.removed_paths.push_back(merge.path_of(layer));
    TRY(merge.files.sync_folder(absolute_folder_of(merge.path_of(layer))));
  }
  return {};
}

}  // namespace

Result<MergeOutcome> merge(FileSystem& files, const std::string& leaf_path, MergeRange range,
                           const MergeOptions& options, RandomSource& random) {
  const ChainOpenOptions read_only{.cache = options.cache, .ignore_id_mismatch = options.ignore_id_mismatch};
  Merge merge{files, random, options, range, TRY(open_chain(files, leaf_path, read_only, random)),
              0,     {},     {},      {}};
  const MergeEstimate estimate = TRY(estimate_merge(merge.chain, range));
  merge.bytes_to_move = estimate.bytes_to_copy + estimate.bytes_to_zero;
  TRY(refuse_other_children(merge));
  merge.target = TRY(open_to_change(merge, range.target));
  if (range.top < merge.chain.depth()) merge.child = TRY(open_to_change(merge, range.top + 1));

  auto moved = move_bytes(merge);
  if (!moved) {
    (void)merge.target
        ->close();  // the failure of the move is the one to tell; an unclean close is mended at the next open
    return std::unexpected(moved.error());
  }
  TRY(put_chain_together(merge));
  merge.outcome.layers_merged = range.source_count();
  merge.outcome.target_path = merge.target->path();
  TRY(remove_sources(merge));
  return std::move(merge.outcome);
}

}  // namespace vhdlab
