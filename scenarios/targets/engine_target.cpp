// Real chains in a work folder; see engine_target.h.
#include "scenarios/targets/engine_target.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "engine/base/random.h"
#include "engine/chain/chain_open.h"
#include "engine/io/counted_file_system.h"
#include "engine/io/paths.h"
#include "engine/io/uring_queue.h"
#include "engine/merge/live_merge.h"
#include "engine/merge/merge_record.h"
#include "engine/merge/merge_run.h"
#include "scenarios/targets/engine_live_disk.h"
#include "scenarios/targets/engine_machine.h"
#include "scenarios/targets/overload.h"
#include "scenarios/targets/perform.h"
#include "scenarios/targets/record_parts.h"
#include "scenarios/workload/content_ledger.h"

namespace vhdlab::scenarios {
namespace {

using Clock = std::chrono::steady_clock;

// A sample that reads a 2 GiB disk's files in well under a second and meets every block of a small one.
constexpr size_t verified_ranges = 512;
constexpr uint64_t verified_range_bytes = 64 * kib;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// What went through each file of a chain between two moments.
class TrafficMeter {
 public:
  TrafficMeter(const CountedFileSystem& files, std::vector<std::string> paths)
      : files_(files), paths_(std::move(paths)) {
    for (const std::string& path : paths_)
      before_.push_back(files_.counters(path));
  }

  [[nodiscard]] size_t file_count() const { return paths_.size(); }

  [[nodiscard]] std::vector<reports::FileTraffic> since_start() const {
    std::vector<reports::FileTraffic> traffic;
    for (size_t i = 0; i < paths_.size(); ++i) {
      traffic.push_back(traffic_of(paths_[i], files_.counters(paths_[i]) - before_[i]));
    }
    return traffic;
  }

 private:
  const CountedFileSystem& files_;
  std::vector<std::string> paths_;
  std::vector<FileCounters> before_;
};

uint64_t metadata_pages_loaded(const Chain& chain) {
  uint64_t pages = 0;
  for (const auto& layer : chain.layers())
    pages += layer->metadata_pages_loaded();
  return pages;
}

PerformOutcome outcome_of(ChainOutcome performed, uint64_t metadata_reads) {
  PerformOutcome outcome = std::move(performed.outcome);
  outcome.metadata_reads = metadata_reads;
  if (performed.table_lookups > 0) {
    outcome.metadata_hit_share =
        1.0 - static_cast<double>(performed.table_reads) / static_cast<double>(performed.table_lookups);
  }
  return outcome;
}

// The same workload until it is told to end.
PerformSettings without_end(PerformSettings settings) {
  settings.duration.reset();
  settings.operations_max = endless;
  return settings;
}

LiveMergeOptions live_merge_options(const LiveMergeRequest& request, uint32_t leaf_block_size_bytes,
                                    const StepProgress& progress, StopRequested stop) {
  return {.merge = {.force = true,
                    .rate_limit_bytes_per_s = request.rate_limit_bytes_per_s,
                    .stop = std::move(stop)},
          .limits = request.limits,
          .leaf_block_size_bytes = leaf_block_size_bytes,
          .progress = [&progress](const LiveProgress& at) {
            if (progress) progress(at.bytes_merged, at.bytes_to_merge);
          }};
}

class EngineTarget final : public Target {
 public:
  EngineTarget(FileSystem& files, std::string work_folder)
      : files_(files), work_folder_(std::move(work_folder)) {}
  EngineTarget(const EngineTarget&) = delete;
  EngineTarget& operator=(const EngineTarget&) = delete;
  ~EngineTarget() override { (void)discard(); }

  std::string_view name() const override { return "engine"; }

  Result<void> create_base(const DiskSettings& disk, uint64_t seed) override {
    TRY(discard());
    seed_ = seed;
    random_ = SeededRandom(seed);
    ledger_ = std::make_unique<ContentLedger>(disk.size_bytes);
    disk_ = disk;
    const vhdx::DiskMetadata metadata{.disk_size_bytes = disk.size_bytes,
                                      .block_size_bytes = disk.block_size_bytes,
                                      .logical_sector_size_bytes = disk.logical_sector_size_bytes,
                                      .physical_sector_size_bytes = disk.physical_sector_size_bytes,
                                      .leave_blocks_allocated = disk.type == DiskType::fixed,
                                      .virtual_disk_id = Guid::make_random(random_)};
    const std::string path = path_in_work_folder("base.vhdx");
    paths_.push_back(path);
    return create_disk(files_, path, metadata, random_);
  }

  Result<void> create_machine(const DiskSettings& disk, uint64_t seed) override {
    TRY(create_base(disk, seed));
    machine_ = TRY(EngineMachine::make(
        files_, work_folder_, std::filesystem::path(paths_.front()).filename().string(), disk, random_));
    return {};
  }

  Result<CheckpointMeasurement> act_on_checkpoint(CheckpointAction action,
                                                  const std::string& checkpoint) override {
    if (machine_ == nullptr) return Target::act_on_checkpoint(action, checkpoint);
    auto measured = TRY(machine_->act_on_checkpoint(action, checkpoint, ledger_));
    paths_ = machine_->chain_paths();
    return measured;
  }

  Result<PendingMergeMeasurement> merge_pending(const StepProgress& progress,
                                                const StopRequested& stop) override {
    if (machine_ == nullptr) return Target::merge_pending(progress, stop);
    auto measured = machine_->merge_pending(progress, stop);
    paths_ = machine_->chain_paths();  // some merges may be done where a later one failed
    return measured;
  }

  Result<DamageMeasurement> damage_each_file(DamageKind kind, uint64_t seed, const StepProgress& progress,
                                             const StopRequested& stop) override {
    if (machine_ == nullptr) return Target::damage_each_file(kind, seed, progress, stop);
    return machine_->damage_each_file(kind, seed_, seed, *ledger_, progress, stop);
  }

  Result<void> take_checkpoint() override {
    if (machine_ != nullptr) return refuse_beside_machine();
    ++checkpoints_;
    const std::string path = path_in_work_folder(fmt::format("checkpoint-{:04}.avhdx", checkpoints_));
    TRY(create_child(files_, paths_.back(), path, {.block_size_bytes = disk_.block_size_bytes}, random_));
    paths_.push_back(path);
    return {};
  }

  Result<void> write(const OperationStream& stream, uint32_t queue_depth, const StepProgress& progress,
                     const StopRequested& stop) override {
    Chain chain = TRY(open(OpenMode::read_write, CacheMode::buffered));
    TRY(perform_on_chain(chain, stream, next_content(), {.queue_depth = queue_depth}, progress, stop));
    return chain.close();
  }

  Result<PerformOutcome> perform(const OperationStream& stream, const PerformSettings& settings,
                                 const StepProgress& progress, const StopRequested& stop) override {
    // Where nothing is written no table can change, and finding data needs no lock.
    const OpenMode mode = settings.only_reads ? OpenMode::read_only : OpenMode::read_write;
    PerformSettings allowed = settings;
    allowed.io = usable(settings.io);
    Chain chain = TRY(open(mode, cache_for(settings), settings.lookup));
    const TrafficMeter traffic(files_, paths_);
    const uint64_t pages_before = metadata_pages_loaded(chain);
    ChainOutcome performed = TRY(perform_on_chain(chain, stream, next_content(), allowed, progress, stop));
    PerformOutcome outcome = outcome_of(std::move(performed), metadata_pages_loaded(chain) - pages_before);
    outcome.files = traffic.since_start();
    if (auto note = overload_note(outcome, settings)) notes_.push_back(*std::move(note));
    TRY(chain.close());
    return outcome;
  }

  Result<MergeMeasurement> merge(uint32_t first_layer, uint32_t last_layer, MergeOrder order,
                                 const StepProgress& progress, const StopRequested& stop) override;

  Result<LiveMergeMeasurement> live_merge(const LiveMergeRequest& request, const OperationStream& stream,
                                          const PerformSettings& settings, const StepProgress& progress,
                                          const StopRequested& stop) override;

  Result<std::vector<reports::LayerState>> layers() override {
    std::vector<reports::LayerState> states;
    for (const std::string& path : paths_) {
      const auto layer = TRY(open_vhdx(files_, path, OpenMode::read_only, CacheMode::buffered, random_));
      states.push_back({.name = states.empty() ? "base" : fmt::format("checkpoint {}", states.size()),
                        .file = std::filesystem::path(path).filename().string(),
                        .size_bytes = TRY(layer->file().size_bytes()),
                        .allocated_bytes = TRY(layer->file().allocated_bytes()),
                        .block_states = block_states_of(TRY(layer->image().census()))});
    }
    return states;
  }

  Result<reports::Verification> verify(uint64_t seed) override {
    const Chain chain = TRY(open(OpenMode::read_only, CacheMode::buffered));
    reports::Verification verification;
    if (machine_ != nullptr) verification = TRY(machine_->verify_checkpoints(seed_, seed));
    ReadPlan plan;
    AlignedBuffer buffer(verified_range_bytes);
    for (const ByteRange& range : ledger_->sample(seed, verified_ranges, verified_range_bytes)) {
      const MutableBytes found = buffer.bytes().first(range.length);
      TRY(chain.read(range.offset, found, plan));
      verification.sectors_checked += range.length / content_sector_bytes;
      if (const auto fault = ledger_->check(seed_, range, found)) {
        ++verification.sectors_wrong;
        if (verification.first_wrong.empty()) verification.first_wrong = fault->explanation;
      }
    }
    return verification;
  }

  Result<void> discard() override {
    if (machine_ != nullptr) TRY(machine_->remove());
    machine_.reset();
    paths_.insert(paths_.end(), leftovers_.begin(), leftovers_.end());
    leftovers_.clear();
    for (const std::string& path : paths_) {
      if (files_.exists(path)) TRY(files_.remove(path));
    }
    paths_.clear();
    ledger_.reset();
    generation_ = 0;
    checkpoints_ = 0;
    return {};
  }

  std::vector<reports::Note> notes() const override { return notes_; }

 private:
  [[nodiscard]] std::string path_in_work_folder(const std::string& name) const {
    return (std::filesystem::path(work_folder_) / name).string();
  }

  // Every step that writes is a generation of its own.
  [[nodiscard]] WrittenContent next_content() { return {seed_, ++generation_, *ledger_}; }

  static CacheMode cache_for(const PerformSettings& settings) {
    if (settings.direct) return CacheMode::direct;
    return settings.io == IoKind::mapped ? CacheMode::mapped : CacheMode::buffered;
  }

  // Opens the chain as the step wants it; where the file system refuses direct I/O or mapping, buffered and
  // with a note.
  Result<Chain> open(OpenMode mode, CacheMode cache, const LookupSettings& lookup = {}) {
    return open(paths_.back(), mode, cache, lookup, random_);
  }

  Result<Chain> open(const std::string& leaf, OpenMode mode, CacheMode cache, const LookupSettings& lookup,
                     RandomSource& random) {
    if (refused_.contains(cache)) cache = CacheMode::buffered;
    const ChainOpenOptions options{.mode = mode,
                                   .cache = cache,
                                   .resolve = lookup.resolve,
                                   .metadata_cache_bytes = lookup.metadata_cache_bytes};
    auto chain = open_chain(files_, leaf, options, random);
    if (chain) return chain;
    const std::string& fault = chain.error().fault;
    if (fault == "file-direct-unsupported") {
      note("direct-refused",
           "the work folder's file system refuses direct I/O, so everything went through the page "
           "cache",
           chain.error());
    } else if (fault == "file-map-unsupported") {
      note("mapping-refused",
           "the chain's files cannot be mapped, so they were read through the page cache by "
           "'psync'",
           chain.error());
    } else {
      return chain;
    }
    refused_.insert(cache);
    return open(leaf, mode, CacheMode::buffered, lookup, random);
  }

  // Whether the kernel gives this process an io_uring; the first time it does not, with a note.
  bool has_io_uring() {
    if (!has_io_uring_) {
      const auto probe = UringQueue::make(1);
      has_io_uring_ = probe.has_value();
      if (!probe)
        note("io-uring-refused",
             "the system offers no io_uring, so threads read and wrote in its place ('psync')",
             probe.error());
    }
    return *has_io_uring_;
  }

  // The queue that is asked for, or the one that is always there.
  IoKind usable(IoKind io) { return io == IoKind::io_uring && !has_io_uring() ? IoKind::psync : io; }

  void note(std::string name, std::string_view what, const Error& why) {
    notes_.push_back(
        {reports::Note::Severity::warning, std::move(name), fmt::format("{}: {}", what, why.text())});
  }

  Result<uint64_t> union_bytes(const MergeRange& range);
  void note_leftovers(const std::vector<std::string>& leaves);
  Result<void> merge_once(uint32_t first_layer, uint32_t last_layer, uint64_t space_before,
                          MergeMeasurement& measured, const StepProgress& progress,
                          const StopRequested& stop);
  Result<uint64_t> allocated_bytes();

  CountedFileSystem files_;
  std::string work_folder_;
  DiskSettings disk_;
  uint64_t seed_ = 0;
  SeededRandom random_{0};
  std::vector<std::string> paths_;      // of the chain, base first
  std::vector<std::string> leftovers_;  // of merges that were stopped, records among them
  std::unique_ptr<ContentLedger> ledger_;
  std::unique_ptr<EngineMachine> machine_;  // only where create_machine() made the disk
  uint32_t generation_ = 0;
  uint32_t checkpoints_ = 0;
  std::set<CacheMode> refused_;  // by the file system
  std::optional<bool> has_io_uring_;
  std::vector<reports::Note> notes_;
};

// ---- Merging ----

Result<uint64_t> EngineTarget::allocated_bytes() {
  uint64_t total = 0;
  for (const std::string& path : paths_) {
    total += TRY(TRY(files_.open(path, OpenMode::read_only))->allocated_bytes());
  }
  return total;
}

// One merge of the engine's. The sources are kept until the space at the peak has been read off, and then
// removed.
Result<void> EngineTarget::merge_once(uint32_t first_layer, uint32_t last_layer, uint64_t space_before,
                                      MergeMeasurement& measured, const StepProgress& progress,
                                      const StopRequested& stop) {
  const MergeOptions options{.force = true, .keep_sources = true, .progress = progress, .stop = stop};
  const auto begin = Clock::now();
  const MergeOutcome outcome = TRY(
      vhdlab::merge(files_, paths_.back(), {.target = first_layer - 1, .top = last_layer}, options, random_));
  measured.duration_s += seconds_since(begin);

  const uint64_t space_after = TRY(allocated_bytes());
  measured.totals.free_space_peak_bytes = std::max(
      measured.totals.free_space_peak_bytes, space_after > space_before ? space_after - space_before : 0);
  measured.totals.bytes_moved += outcome.bytes_copied;
  measured.totals.bytes_zeroed += outcome.bytes_zeroed;

  const auto removal_begin = Clock::now();
  const auto first = paths_.begin() + first_layer;
  const auto last = paths_.begin() + last_layer + 1;
  for (auto path = first; path != last; ++path)
    TRY(files_.remove(*path));
  TRY(files_.sync_folder(work_folder_));
  measured.duration_s += seconds_since(removal_begin);
  paths_.erase(first, last);
  return {};
}

// What the sources hold together, each byte once.
Result<uint64_t> EngineTarget::union_bytes(const MergeRange& range) {
  const Chain chain = TRY(open(OpenMode::read_only, CacheMode::buffered));
  return TRY(estimate_merge(chain, range)).bytes_to_move();
}

Result<MergeMeasurement> EngineTarget::merge(uint32_t first_layer, uint32_t last_layer, MergeOrder order,
                                             const StepProgress& progress, const StopRequested& stop) {
  if (machine_ != nullptr) return refuse_beside_machine();
  MergeMeasurement measured;
  measured.totals.union_bytes = TRY(union_bytes({.target = first_layer - 1, .top = last_layer}));
  measured.totals.layers_merged = last_layer - first_layer + 1;
  const uint64_t space_before = TRY(allocated_bytes());
  const TrafficMeter traffic(files_, paths_);
  switch (order) {
    case MergeOrder::one_pass:
      TRY(merge_once(first_layer, last_layer, space_before, measured, progress, stop));
      break;
    case MergeOrder::pairwise_oldest_first:  // the layers above move down by one each time
      for (uint32_t i = first_layer; i <= last_layer; ++i) {
        TRY(merge_once(first_layer, first_layer, space_before, measured, progress, stop));
      }
      break;
    case MergeOrder::pairwise_newest_first:
      for (uint32_t layer = last_layer; layer >= first_layer; --layer) {
        TRY(merge_once(layer, layer, space_before, measured, progress, stop));
      }
      break;
  }
  measured.files = traffic.since_start();
  add_traffic(measured);
  return measured;
}

// ---- Merging under a workload ----

// What a failure left behind of the leaves there were goes with the disk.
void EngineTarget::note_leftovers(const std::vector<std::string>& leaves) {
  for (const std::string& path : leaves) {
    if (std::ranges::find(paths_, path) == paths_.end() && files_.exists(path)) leftovers_.push_back(path);
    if (files_.exists(merge_record_path(path))) leftovers_.push_back(merge_record_path(path));
  }
}

Result<LiveMergeMeasurement> EngineTarget::live_merge(const LiveMergeRequest& request,
                                                      const OperationStream& stream,
                                                      const PerformSettings& settings,
                                                      const StepProgress& progress,
                                                      const StopRequested& stop) {
  LiveMergeMeasurement measured;
  const MergeRange range{.target = request.first_layer - 1, .top = request.last_layer};
  measured.merge.totals.union_bytes = TRY(union_bytes(range));
  measured.merge.totals.layers_merged = range.source_count();

  PerformSettings allowed = without_end(settings);
  allowed.io = usable(settings.io);
  SeededRandom random_of_workload(random_.next_u64());  // its chain begins sessions in the workers' threads
  const auto open_leaf = [&](const std::string& leaf) {
    return open(leaf, OpenMode::read_write, cache_for(settings), settings.lookup, random_of_workload);
  };
  std::vector<std::string> seen = paths_;
  const auto name_leaf = [&] {
    seen.push_back(path_in_work_folder(fmt::format("checkpoint-{:04}.avhdx", ++checkpoints_)));
    return seen.back();
  };
  EngineLiveDisk disk(TRY(open_leaf(paths_.back())), open_leaf, name_leaf);
  const TrafficMeter traffic(files_, paths_);

  std::atomic<bool> is_workload_over = false;
  Result<ChainOutcome> performed;
  const WrittenContent content = next_content();
  std::jthread workload([&] {
    performed = perform_through_gate(disk.gate(), stream, content, allowed, {});
    is_workload_over = true;
  });
  const auto merged =
      vhdlab::live_merge(files_, disk, range,
                         live_merge_options(request, disk_.block_size_bytes, progress,
                                            [&] { return is_workload_over || (stop && stop()); }),
                         random_);
  disk.gate().end();
  workload.join();
  paths_ = disk.paths();
  const auto closed = disk.close();
  note_leftovers(seen);
  if (!performed) return std::unexpected(std::move(performed).error());
  TRY(merged);
  TRY(closed);

  note_outcome(*merged, measured);
  measured.workload = outcome_of(*std::move(performed), disk.metadata_pages_loaded());
  measured.merge.files = traffic.since_start();
  for (size_t i = traffic.file_count(); i < seen.size(); ++i)
    measured.merge.files.push_back(traffic_of(seen[i], files_.counters(seen[i])));
  add_traffic(measured.merge);
  return measured;
}

}  // namespace

std::unique_ptr<Target> make_engine_target(FileSystem& files, const std::string& work_folder) {
  // Traffic is counted by path, and the engine names files by their absolute ones.
  return std::make_unique<EngineTarget>(files, absolute_path(work_folder));
}

}  // namespace vhdlab::scenarios
