// The steps of a merge; see merge_work.h.
#include "engine/merge/merge_work.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/io/paths.h"

namespace vhdlab {
namespace {

vhdx::Image& image_of(const MergeWork& work, LayerIndex layer) {
  return dynamic_cast<VhdxLayer&>(*work.layers[layer]).image();
}

// How far the disks below the target reach: what they hold past the target's old end must not come to light
// when it grows.
uint64_t hidden_end(const MergeWork& work) {
  uint64_t end = 0;
  for (LayerIndex layer = 0; layer < work.range.target; ++layer)
    end = std::max(end, work.layers[layer]->disk_size_bytes());
  return end;
}

MergeRecord record_of(const MergeWork& work) {
  const std::filesystem::path folder = absolute_folder_of(work.leaf);
  auto from_folder = [&](const std::string& path) {
    return std::filesystem::path(absolute_path(path)).lexically_relative(folder).string();
  };
  MergeRecord record{.range = work.range,
                     .keep_sources = work.options.keep_sources,
                     .target = {from_folder(work.path_of(work.range.target)), work.next_identity},
                     .sources = {},
                     .child_path = {},
                     .progress = {}};
  for (LayerIndex layer = work.range.target + 1; layer <= work.range.top; ++layer) {
    record.sources.push_back(
        {from_folder(work.path_of(layer)), image_of(work, layer).header().data_write_guid});
  }
  if (!work.child.empty()) record.child_path = from_folder(work.child);
  return record;
}

// Whether the record tells of this very merge and no file of it has changed since.
bool still_holds(const MergeWork& work, const MergeRecord& record) {
  MergeRecord now = record_of(work);
  const auto equal = [](const MergeRecord::Disk& left, const MergeRecord::Disk& right) {
    return left.path == right.path && left.identity == right.identity;
  };
  const vhdx::Header& target = image_of(work, work.range.target).header();
  now.target.identity = target.data_write_guid;
  return record.progress && record.range.target == work.range.target && record.range.top == work.range.top &&
         equal(record.target, now.target) && std::ranges::equal(record.sources, now.sources, equal) &&
         (!record.progress->session || *record.progress->session == target.file_write_guid);
}

}  // namespace

std::vector<std::string> MergeWork::source_paths() const {
  std::vector<std::string> paths;
  for (LayerIndex layer = range.target + 1; layer <= range.top; ++layer)
    paths.push_back(path_of(layer));
  return paths;
}

Result<std::unique_ptr<VhdxLayer>> open_to_change(const MergeWork& work, LayerIndex layer) {
  return open_vhdx(work.files, work.path_of(layer), OpenMode::read_write, work.options.cache, work.random,
                   vhdx::WriteIntent::same_content);
}

Result<void> refuse_other_children(const MergeWork& work) {
  if (work.options.force) return {};
  auto others = TRY(find_other_children(work.files, work.layers, work.range, work.random));
  if (!work.child.empty()) {
    const FileIdentity own = TRY(work.files.identity(work.child));
    std::erase_if(others, [&](const std::string& path) {
      const auto identity = work.files.identity(path);
      return identity && *identity == own;
    });
  }
  if (others.empty()) return {};
  return failure(
      ErrorKind::in_use, "merge-has-other-children",
      fmt::format("{}: other disks stand on the layers to merge: {}", work.leaf, fmt::join(others, ", ")),
      "merge or move those first, or force the merge and lose them");
}

Result<void> find_where_to_begin(MergeWork& work, const Chain& chain) {
  const auto record = TRY(read_merge_record(work.files, work.leaf));
  if (record && still_holds(work, *record)) {
    work.next_identity = record->target.identity;
    work.first_byte = record->progress->virtual_end;
    work.bytes_moved_before = record->progress->bytes_moved;
    // Opening the target begins a new session of it, and a cut may come before that is recorded.
    TRY(leave_record(work, MergeRecord::Progress{work.first_byte, work.bytes_moved_before, {}, {}, {}}));
  }
  MergeEstimate rest = TRY(estimate_merge(chain, work.range, work.first_byte));
  work.bytes_to_move = work.bytes_moved_before + rest.bytes_to_move();
  work.outcome.bytes_moved_before = work.bytes_moved_before;
  work.planned = std::move(rest.first);
  return {};
}

Result<void> rename_target(MergeWork& work, VhdxLayer& target) {
  if (work.next_identity.is_zero()) {
    work.next_identity = Guid::make_random(work.random);
    const LayerIndex lowest = work.range.target + 1;
    const bool is_held = lowest == work.range.top && work.held_leaf != nullptr;
    const auto opened = is_held ? nullptr : TRY(open_to_change(work, lowest));
    VhdxLayer& lowest_source = is_held ? *work.held_leaf : *opened;
    vhdx::ParentLocator announced = *lowest_source.image().metadata().parent;
    // Not what the source was made from: an earlier run of this merge may have renamed the target already.
    announced.linkage = target.image().header().data_write_guid;
    announced.linkage2 = work.next_identity;
    TRY(lowest_source.image().set_parent(announced));
    TRY(lowest_source.close());
  }
  return target.image().set_data_write_guid(work.next_identity);
}

Result<void> move_bytes(MergeWork& work, VhdxLayer& target, bool is_live) {
  const uint64_t disk_size = work.layers[work.range.top]->disk_size_bytes();
  TRY(target.image().set_disk_size(disk_size, hidden_end(work)));
  const Guid session = target.image().header().file_write_guid;
  const Nanoseconds begin = work.options.clock->now();
  auto record = [&](uint64_t virtual_end, uint64_t bytes_moved) {
    MergeRecord::Progress progress{virtual_end, bytes_moved, session, work.bytes_to_move, {}};
    const double seconds = std::chrono::duration<double>(work.options.clock->now() - begin).count();
    const uint64_t moved_now = bytes_moved - work.bytes_moved_before;
    if (moved_now > 0 && seconds > 0)
      progress.bytes_per_s = static_cast<uint64_t>(static_cast<double>(moved_now) / seconds);
    return leave_record(work, progress);
  };
  auto tell = [&](const MoveTotals& totals) {
    work.outcome.bytes_copied = totals.bytes_copied;
    work.outcome.bytes_shared = totals.bytes_shared;
    work.outcome.bytes_zeroed = totals.bytes_zeroed;
    if (work.options.progress)
      work.options.progress(work.bytes_moved_before + totals.bytes_moved(), work.bytes_to_move);
  };
  const MoveWatch watch{
      .stop_or_go_on = [&]() -> Result<void> {
        if (!work.options.stop || !work.options.stop()) return {};
        return failure(ErrorKind::interrupted, "merge-interrupted",
                       fmt::format("{}: merge stopped on request; the disk reads as {}", work.leaf,
                                   is_live ? "it is written" : "before"),
                       "run the same merge again to go on with it");
      },
      .moved = tell,
      .durable = [&](uint64_t virtual_end, const MoveTotals& totals) -> Result<void> {
        return record(virtual_end, work.bytes_moved_before + totals.bytes_moved());
      },
  };
  TRY(record(work.first_byte, work.bytes_moved_before));
  tell({});
  const MoveSettings settings{.requests_in_flight = work.options.requests_in_flight,
                              .rate_limit_bytes_per_s = work.options.rate_limit_bytes_per_s,
                              .bytes_between_flushes = work.options.bytes_between_records};
  TRY(move_union(work.layers, work.range, std::move(work.planned), target, settings, watch,
                 *work.options.clock));
  return {};
}

Result<void> fill_target(MergeWork& work, const Chain& chain, bool is_live) {
  TRY(refuse_other_children(work));
  TRY(find_where_to_begin(work, chain));
  const auto target = TRY(open_to_change(work, work.range.target));
  TRY(rename_target(work, *target));
  auto moved = move_bytes(work, *target, is_live);
  // An unclean close is mended at the next open; where the move failed, that is the failure to tell.
  const auto closed = target->close();
  TRY(moved);
  TRY(closed);
  TRY(leave_record(work, std::nullopt));
  work.outcome.layers_merged = work.range.source_count();
  work.outcome.target_path = target->path();
  return {};
}

Result<void> repoint_child(MergeWork& work, VhdxLayer& child) {
  TRY(child.image().set_parent(locator_of_target(work, child.path())));
  TRY(child.close());
  work.outcome.child_path = child.path();
  return {};
}

Result<void> leave_record(const MergeWork& work, std::optional<MergeRecord::Progress> progress) {
  MergeRecord record = record_of(work);
  record.progress = progress;
  return write_merge_record(work.files, work.leaf, record);
}

vhdx::ParentLocator locator_of_target(const MergeWork& work, const std::string& child_path) {
  return vhdx::make_parent_locator(work.next_identity, absolute_folder_of(child_path),
                                   absolute_path(work.path_of(work.range.target)));
}

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

}  // namespace vhdlab
