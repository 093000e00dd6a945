// What is done about a merge that was interrupted; see finish_interrupted_merge in merge_run.h.
#include <filesystem>

#include <fmt/format.h>

#include "engine/chain/chain_open.h"
#include "engine/io/file_faults.h"
#include "engine/io/paths.h"
#include "engine/merge/merge_record.h"
#include "engine/merge/merge_run.h"
#include "engine/merge/merge_work.h"

namespace vhdlab {
namespace {

std::string in_folder(const std::string& leaf_path, const std::string& relative) {
  return (std::filesystem::path(absolute_folder_of(leaf_path)) / relative).lexically_normal().string();
}

// Whether the merge had come so far that nothing stands on its sources any more: the leaf, being one of them,
// is gone, or the disk above them stands on the target.
Result<bool> is_put_together(FileSystem& files, const std::string& leaf_path, const MergeRecord& record,
                             RandomSource& random) {
  if (record.progress) return false;
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
    if (TRY(files.is_being_written(path))) return file_in_use(path);
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

// While bytes move every file is still needed; without its leaf a chain cannot even say so.
Result<void> check_nothing_is_missing(FileSystem& files, const std::string& leaf_path,
                                      const MergeRecord& record) {
  auto check = [&](const MergeRecord::Disk& disk, std::string_view fault) -> Result<void> {
    const std::string path = in_folder(leaf_path, disk.path);
    if (files.exists(path)) return {};
    return failure(
        ErrorKind::not_found, fault,
        fmt::format("{}: an interrupted merge has moved a part of it, and {} is missing", leaf_path, path),
        "bring that file back; nothing was changed");
  };
  TRY(check(record.target, "merge-target-missing"));
  for (const MergeRecord::Disk& source : record.sources)
    TRY(check(source, "merge-source-missing"));
  return {};
}

}  // namespace

Result<std::optional<InterruptedMerge>> finish_interrupted_merge(FileSystem& files,
                                                                 const std::string& leaf_path,
                                                                 RandomSource& random) {
  const auto record = TRY(read_merge_record(files, leaf_path));
  if (record && record->progress) TRY(check_nothing_is_missing(files, leaf_path, *record));
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

}  // namespace vhdlab
