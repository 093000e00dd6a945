// Measuring engine/checkpoint; see engine_machine.h.
#include "scenarios/targets/engine_machine.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <limits>

#include "engine/chain/chain_open.h"
#include "scenarios/targets/damage_survey.h"
#include "scenarios/targets/record_parts.h"

namespace vhdlab::scenarios {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t ranges_of_a_checkpoint = 64;  // there may be many, and each is opened
constexpr uint64_t range_bytes = 64 * kib;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// What went through all files since `before`.
std::vector<reports::FileTraffic> traffic_since(const std::map<std::string, FileCounters>& before,
                                                const std::map<std::string, FileCounters>& now) {
  std::vector<reports::FileTraffic> traffic;
  for (const auto& [path, counters] : now) {
    const auto earlier = before.find(path);
    const FileCounters grown = earlier == before.end() ? counters : counters - earlier->second;
    if (grown.reads + grown.writes + grown.flushes == 0) continue;
    traffic.push_back(traffic_of(path, grown));
  }
  return traffic;
}

uint64_t files_in_first_only(const DiskFiles& first, const DiskFiles& second) {
  return static_cast<uint64_t>(std::ranges::count_if(
      first.parent_of, [&](const auto& entry) { return !second.parent_of.contains(entry.first); }));
}

}  // namespace

Result<std::unique_ptr<EngineMachine>> EngineMachine::make(CountedFileSystem& files,
                                                           const std::string& folder,
                                                           const std::string& base_name,
                                                           const DiskSettings& disk, RandomSource& random) {
  MachineManifest manifest{.name = "lab", .id = Guid::make_random(random)};
  manifest.checkpoints_max = std::numeric_limits<uint32_t>::max();  // how many are too many is to be measured
  manifest.base_names = {base_name_of(base_name)};
  manifest.tree.disks = {{.parent_of = {{base_name, ""}}, .frozen = {}, .now = base_name}};
  Machine machine = TRY(Machine::put_in_order(files, folder, std::move(manifest), random));
  machine.set_block_size_of_new_files(disk.block_size_bytes);
  return std::unique_ptr<EngineMachine>(new EngineMachine(files, std::move(machine), random));
}

std::string EngineMachine::path_of(const std::string& name) const {
  return (std::filesystem::path(machine_.folder()) / name).string();
}

std::string EngineMachine::path_of(const RestorePoint& point) const {
  return path_of(chain_of(machine_.tree().disks[0], point).front());
}

std::vector<std::string> EngineMachine::chain_paths() const {
  std::vector<std::string> paths;
  for (const std::string& name : chain_of(machine_.tree().disks[0], restore_point_now))
    paths.push_back(path_of(name));
  std::ranges::reverse(paths);
  return paths;
}

// ---- Operations ----

Result<uint64_t> EngineMachine::allocated_bytes() const {
  uint64_t total = 0;
  for (const auto& [name, parent] : machine_.tree().disks[0].parent_of)
    total += TRY(TRY(files_.open(path_of(name), OpenMode::read_only))->allocated_bytes());
  return total;
}

Result<uint64_t> EngineMachine::pending_bytes() const {
  uint64_t total = 0;
  for (const PendingMerge& merge : pending_merges(machine_.tree())) {
    total += TRY(estimate_pending(files_, machine_.folder(), merge, random_)).bytes_to_move;
  }
  return total;
}

Result<void> EngineMachine::take_stock(reports::CheckpointTotals& totals, const DiskFiles& before) const {
  const CheckpointTree& tree = machine_.tree();
  totals.checkpoints = tree.checkpoints.size();
  totals.files_created = files_in_first_only(tree.disks[0], before);
  totals.files_removed = files_in_first_only(before, tree.disks[0]);
  totals.space_after_bytes = TRY(allocated_bytes());
  for (const PendingMerge& merge : pending_merges(tree))
    totals.pending_files += merge.sources.size();
  totals.pending_bytes = TRY(pending_bytes());
  return {};
}

Result<CheckpointMeasurement> EngineMachine::act_on_checkpoint(CheckpointAction action,
                                                               const std::string& checkpoint,
                                                               std::unique_ptr<ContentLedger>& ledger) {
  CheckpointMeasurement measured;
  measured.totals.space_before_bytes = TRY(allocated_bytes());
  const DiskFiles before = machine_.tree().disks[0];
  Guid id;
  if (action != CheckpointAction::take) id = TRY(find_checkpoint_by_word(machine_.tree(), checkpoint));
  const auto counters = files_.all_counters();
  const auto begin = Clock::now();
  switch (action) {
    case CheckpointAction::take:
      id = TRY(machine_.take_checkpoint({.name = checkpoint}));
      break;
    case CheckpointAction::apply:
      TRY(machine_.apply(id));
      break;
    case CheckpointAction::remove:
      TRY(machine_.delete_checkpoint(id));
      break;
    case CheckpointAction::remove_subtree:
      TRY(machine_.delete_subtree(id));
      break;
  }
  measured.duration_s = seconds_since(begin);
  measured.files = traffic_since(counters, files_.all_counters());
  if (action == CheckpointAction::take) contents_.emplace(id, ContentSnapshot::of(*ledger));
  if (action == CheckpointAction::apply) ledger = contents_.at(id).ledger();
  std::erase_if(contents_,
                [&](const auto& entry) { return find_checkpoint(machine_.tree(), entry.first) == nullptr; });
  TRY(take_stock(measured.totals, before));
  return measured;
}

Result<PendingMergeMeasurement> EngineMachine::merge_pending(const StepProgress& progress,
                                                             const StopRequested& stop) {
  PendingMergeMeasurement measured;
  reports::MergeTotals& totals = measured.merge.totals;
  measured.checkpoints.space_before_bytes = TRY(allocated_bytes());
  totals.union_bytes = TRY(pending_bytes());
  const DiskFiles before = machine_.tree().disks[0];
  const auto counters = files_.all_counters();
  const auto begin = Clock::now();
  const MachineMergeOutcome outcome = TRY(machine_.merge_pending(progress, stop));
  measured.merge.duration_s = seconds_since(begin);
  measured.merge.files = traffic_since(counters, files_.all_counters());
  totals.layers_merged = outcome.removed_paths.size();
  totals.passes = outcome.merges;
  totals.bytes_moved = outcome.bytes_copied;
  totals.bytes_zeroed = outcome.bytes_zeroed;
  totals.free_space_peak_bytes = outcome.free_space_peak_bytes;
  add_traffic(measured.merge);
  TRY(take_stock(measured.checkpoints, before));
  return measured;
}

// ---- Looking ----

Result<void> EngineMachine::verify(FileSystem& files, const RestorePoint& point, const ContentLedger& content,
                                   uint64_t content_seed, uint64_t sample_seed, size_t ranges,
                                   reports::Verification& found) {
  const Chain chain = TRY(open_chain(files, path_of(point), {}, random_));
  ReadPlan plan;
  AlignedBuffer buffer(range_bytes);
  for (const ByteRange& range : content.sample(sample_seed, ranges, range_bytes)) {
    const MutableBytes bytes = buffer.bytes().first(range.length);
    TRY(chain.read(range.offset, bytes, plan));
    found.sectors_checked += range.length / content_sector_bytes;
    const auto fault = content.check(content_seed, range, bytes);
    if (!fault) continue;
    ++found.sectors_wrong;
    if (found.first_wrong.empty())
      found.first_wrong = name_of(machine_.tree(), point) + ": " + fault->explanation;
  }
  return {};
}

Result<reports::Verification> EngineMachine::verify_checkpoints(uint64_t content_seed, uint64_t sample_seed) {
  reports::Verification found;
  for (const auto& [id, content] : contents_) {
    TRY(verify(files_, id, *content.ledger(), content_seed, sample_seed, ranges_of_a_checkpoint, found));
  }
  return found;
}

Result<DamageMeasurement> EngineMachine::damage_each_file(DamageKind kind, uint64_t content_seed,
                                                          uint64_t sample_seed, const ContentLedger& now,
                                                          const StepProgress& progress,
                                                          const StopRequested& stop) {
  std::map<Guid, std::unique_ptr<ContentLedger>> ledgers;
  for (const auto& [id, content] : contents_)
    ledgers.emplace(id, content.ledger());
  const auto attempt = [&](FileSystem& files, const RestorePoint& point) -> std::optional<std::string> {
    reports::Verification found;
    const ContentLedger& content = point ? *ledgers.at(*point) : now;
    const auto read = verify(files, point, content, content_seed, sample_seed, ranges_of_a_checkpoint, found);
    if (!read) return read.error().text();
    return found.sectors_wrong == 0 ? std::nullopt : std::optional(found.first_wrong);
  };
  const auto foreseen = [&](const std::string& name) { return lost_with(machine_.tree(), 0, name); };
  const auto begin = Clock::now();
  DamageMeasurement measured;
  measured.totals = TRY(damage_each_file_of(files_, machine_.folder(), machine_.tree(), kind, attempt,
                                            foreseen, progress, stop));
  measured.duration_s = seconds_since(begin);
  return measured;
}

}  // namespace vhdlab::scenarios
