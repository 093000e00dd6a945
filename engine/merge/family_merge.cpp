// Step after step with the journal; see family_merge.h.
#include "engine/merge/family_merge.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "engine/base/units.h"
#include "engine/chain/chain_open.h"
#include "engine/merge/merge_run.h"

namespace vhdlab {
namespace {

std::unexpected<Error> changed(const std::string& path, std::string_view what) {
  return failure(
      ErrorKind::mismatch, "family-changed", fmt::format("{}: {} since the plan was made", path, what),
      "nothing more was merged: see with 'vhdlab disk family' how the files stand now; to give the "
      "rest of the plan up, remove its journal");
}

Result<std::unique_ptr<VhdxLayer>> look_into(FileSystem& files, const std::string& path,
                                             RandomSource& random) {
  if (!files.exists(path)) return changed(path, "it has gone");
  return open_vhdx(files, path, OpenMode::read_only, CacheMode::buffered, random);
}

Guid identity_of(VhdxLayer& disk) {
  return disk.image().header().data_write_guid;
}

Result<void> check_identity(FileSystem& files, const PlannedDisk& disk, RandomSource& random) {
  if (identity_of(*TRY(look_into(files, disk.path, random))) == disk.identity) return {};
  return changed(disk.path, "it was written to, or is another disk,");
}

// A target that a merge of ours has begun to change has an identity that its lowest source announces.
Result<void> check_target(FileSystem& files, const JournalStep& entry, RandomSource& random) {
  const Guid found = identity_of(*TRY(look_into(files, entry.step.target.path, random)));
  if (found == entry.step.target.identity) return {};
  if (entry.state == StepState::begun) {
    const auto lowest = TRY(look_into(files, entry.step.sources.front().path, random));
    if (lowest->image().metadata().parent && lowest->image().metadata().parent->accepts(found)) return {};
  }
  return changed(entry.step.target.path, "it was written to, or is another disk,");
}

// Whether a merge that was begun has ended before the journal could say so: no source is left, and what is to
// stand on the target does.
Result<bool> has_ended(FileSystem& files, const PlannedStep& step, RandomSource& random) {
  for (const PlannedDisk& source : step.sources) {
    if (files.exists(source.path)) return false;
  }
  const Guid target = identity_of(*TRY(look_into(files, step.target.path, random)));
  if (!step.child) return true;
  const auto child = TRY(look_into(files, step.child->path, random));
  if (child->image().metadata().parent && child->image().metadata().parent->accepts(target)) return true;
  return changed(step.child->path, "it stands on another disk");
}

// Where target and sources stand in the chain, which must be as planned, none missing and none between.
Result<MergeRange> find_range(FileSystem& files, const PlannedStep& step, RandomSource& random) {
  const Chain chain = TRY(open_chain(files, step.chain_path, {}, random));
  const FileIdentity target = TRY(files.identity(step.target.path));
  for (LayerIndex layer = 0; layer + step.sources.size() <= chain.depth(); ++layer) {
    if (TRY(files.identity(chain.layers()[layer]->path())) != target) continue;
    for (size_t i = 0; i < step.sources.size(); ++i) {
      const FileIdentity expected = TRY(files.identity(step.sources[i].path));
      if (TRY(files.identity(chain.layers()[layer + 1 + i]->path())) != expected)
        return changed(step.sources[i].path, "it stands elsewhere in its chain");
    }
    return MergeRange{.target = layer, .top = layer + static_cast<LayerIndex>(step.sources.size())};
  }
  return changed(step.target.path, fmt::format("it has left the chain of {}", step.chain_path));
}

class FamilyMerge {
 public:
  FamilyMerge(FileSystem& files, const std::string& folder, FamilyJournal journal,
              const FamilyMergeOptions& options, RandomSource& random)
      : files_(files), folder_(folder), journal_(std::move(journal)), options_(options), random_(random) {
    for (const auto& [state, step] : journal_.steps) {
      bytes_in_all_ += step.bytes_to_copy + step.bytes_to_zero;
      if (state == StepState::done) bytes_done_ += step.bytes_to_copy + step.bytes_to_zero;
    }
  }

  Result<FamilyMergeOutcome> run() {
    for (JournalStep& entry : journal_.steps) {
      if (entry.state == StepState::done) continue;
      if (!TRY(is_done_already(entry))) {
        TRY(check(entry));
        entry.state = StepState::begun;
        TRY(write_family_journal(files_, folder_, journal_));
        TRY(carry_out(entry));
      }
      entry.state = StepState::done;
      TRY(note_identity(entry.step.target.path));
      TRY(write_family_journal(files_, folder_, journal_));
      bytes_done_ += entry.step.bytes_to_copy + entry.step.bytes_to_zero;
      ++outcome_.merges_done;
    }
    return outcome_;
  }

 private:
  Result<bool> is_done_already(const JournalStep& entry) {
    if (entry.state != StepState::begun) return false;
    if (TRY(finish_interrupted_merge(files_, entry.step.chain_path, random_))) return true;
    return has_ended(files_, entry.step, random_);
  }

  Result<void> check(const JournalStep& entry) {
    for (const PlannedDisk& source : entry.step.sources)
      TRY(check_identity(files_, source, random_));
    TRY(check_target(files_, entry, random_));
    if (entry.step.child) TRY(check_identity(files_, *entry.step.child, random_));
    if (!options_.free_space_bytes) return {};
    const auto folder = std::filesystem::path(entry.step.target.path).parent_path().string();
    const uint64_t free = TRY(options_.free_space_bytes(folder));
    if (entry.step.growth_bytes <= free) return {};
    return failure(
        ErrorKind::no_space, "family-no-space",
        fmt::format("{}: the next merge needs up to {} on its device, {} are free", entry.step.target.path,
                    format_size(entry.step.growth_bytes), format_size(free)),
        "free some space, then run the same command again");
  }

  Result<void> carry_out(const JournalStep& entry) {
    const MergeRange range = TRY(find_range(files_, entry.step, random_));
    MergeOptions options;
    options.stop = options_.stop;
    options.progress = [&](uint64_t done, uint64_t) {
      if (options_.progress)
        options_.progress(bytes_done_ + done, std::max(bytes_in_all_, bytes_done_ + done));
    };
    const MergeOutcome merged = TRY(merge(files_, entry.step.chain_path, range, options, random_));
    outcome_.bytes_copied += merged.bytes_copied;
    return {};
  }

  // Later steps meet the disk with the identity it has now.
  Result<void> note_identity(const std::string& path) {
    const Guid now = identity_of(*TRY(look_into(files_, path, random_)));
    for (JournalStep& entry : journal_.steps) {
      if (entry.state == StepState::done) continue;
      if (entry.step.target.path == path) entry.step.target.identity = now;
      for (PlannedDisk& source : entry.step.sources) {
        if (source.path == path) source.identity = now;
      }
      if (entry.step.child && entry.step.child->path == path) entry.step.child->identity = now;
    }
    return {};
  }

  FileSystem& files_;
  const std::string& folder_;
  FamilyJournal journal_;
  const FamilyMergeOptions& options_;
  RandomSource& random_;
  uint64_t bytes_in_all_ = 0;
  uint64_t bytes_done_ = 0;
  FamilyMergeOutcome outcome_;
};

}  // namespace

Result<FamilyMergeOutcome> merge_family(FileSystem& files, const std::string& folder, FamilyJournal journal,
                                        const FamilyMergeOptions& options, RandomSource& random) {
  TRY(write_family_journal(files, folder, journal));
  return FamilyMerge(files, folder, std::move(journal), options, random).run();
}

}  // namespace vhdlab
