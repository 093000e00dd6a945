// Chains without data on a modelled device; see sim_target.h. A table of contents: the chain is in
// sim_chain.h, the machine below it in sim_host.h, merges in sim_merge.h and sim_live_side.h, checkpoints in
// sim_checkpoints.h.
#include "scenarios/targets/sim_target.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "scenarios/targets/overload.h"
#include "scenarios/targets/record_parts.h"
#include "scenarios/targets/sim_checkpoints.h"
#include "scenarios/targets/sim_live_side.h"
#include "scenarios/targets/sim_merge.h"

namespace vhdlab::scenarios {
namespace {

constexpr uint64_t verified_ranges = 512;
constexpr uint64_t setup_piece_bytes = 16 * mib;  // writes to the base that continue each other go as one

class SimTarget final : public Target, private OperationPricer {
 public:
  explicit SimTarget(SimTargetOptions options)
      : options_(std::move(options)), profile_(options_.device), host_(profile_) {}

  std::string_view name() const override { return "sim"; }

  Nanoseconds now() const override { return host_.now(); }

  Result<void> prepare(const SimSettings& settings) override {
    profile_ = options_.device;
    if (settings.device && !options_.device_is_chosen && options_.find_device)
      profile_ = TRY(options_.find_device(*settings.device));
    return {};
  }

  Result<void> create_base(const DiskSettings& disk, uint64_t seed) override {
    TRY(discard());
    host_.plug_in(profile_, seed);
    chain_.begin(disk);
    return {};
  }

  Result<void> create_machine(const DiskSettings& disk, uint64_t seed) override {
    TRY(create_base(disk, seed));
    checkpoints_ = TRY(SimCheckpoints::make(chain_, host_, disk, seed));
    return {};
  }

  Result<void> take_checkpoint() override {
    if (checkpoints_ != nullptr) return refuse_beside_machine();
    chain_.add_checkpoint();
    return {};
  }

  Result<void> write(const OperationStream& stream, uint32_t, const StepProgress& progress,
                     const StopRequested& stop) override;
  Result<PerformOutcome> perform(const OperationStream& stream, const PerformSettings& settings,
                                 const StepProgress& progress, const StopRequested& stop) override;
  Result<MergeMeasurement> merge(uint32_t first_layer, uint32_t last_layer, MergeOrder order,
                                 const StepProgress& progress, const StopRequested& stop) override;
  Result<LiveMergeMeasurement> live_merge(const LiveMergeRequest& request, const OperationStream& stream,
                                          const PerformSettings& settings, const StepProgress& progress,
                                          const StopRequested& stop) override;

  Result<CheckpointMeasurement> act_on_checkpoint(CheckpointAction action,
                                                  const std::string& checkpoint) override {
    return checkpoints_ != nullptr ? checkpoints_->act(action, checkpoint)
                                   : Target::act_on_checkpoint(action, checkpoint);
  }

  Result<PendingMergeMeasurement> merge_pending(const StepProgress& progress,
                                                const StopRequested& stop) override {
    return checkpoints_ != nullptr ? checkpoints_->merge_pending(progress, stop)
                                   : Target::merge_pending(progress, stop);
  }

  Result<DamageMeasurement> damage_each_file(DamageKind, uint64_t, const StepProgress&,
                                             const StopRequested&) override {
    return failure(ErrorKind::unsupported, "sim-damage",
                   "the simulator's files hold no bytes, so there is nothing to damage",
                   "run the scenario with --target engine");
  }

  Result<std::vector<reports::LayerState>> layers() override { return chain_.states(); }

  Result<reports::Verification> verify(uint64_t seed) override {
    reports::Verification found;
    TRY(chain_.verify(seed, verified_ranges, found));
    if (checkpoints_ != nullptr) TRY(checkpoints_->verify(seed, found));
    return found;
  }

  Result<void> discard() override {
    checkpoints_.reset();
    chain_.clear();
    host_.forget_setup();
    return {};
  }

  std::vector<reports::Note> notes() const override { return notes_; }

 private:
  Result<void> price(const Operation& operation, OperationCost& cost) override;
  Result<void> merge_once(uint32_t first_layer, uint32_t last_layer, MergeMeasurement& measured,
                          const StepProgress& progress, const StopRequested& stop);
  void clear_counts() { probes_ = lookups_ = table_reads_ = written_bytes_ = 0; }
  void add_counts(PerformOutcome& outcome) const;
  void note_bound(std::string_view what, const VirtualOutcome& performed);

  SimTargetOptions options_;
  sim::DeviceProfile profile_;  // of the disk that is there or is built next
  SimHost host_;
  SimChain chain_;
  std::unique_ptr<SimCheckpoints> checkpoints_;  // of a machine's disk
  std::vector<reports::Note> notes_;

  // While a stream is performed.
  Chain* open_chain_ = nullptr;
  SimLiveSide* live_ = nullptr;  // its chain, in place of the other
  ReadPlan read_plan_;
  WritePlan write_plan_;
  uint64_t probes_ = 0;
  uint64_t lookups_ = 0;
  uint64_t table_reads_ = 0;
  uint64_t written_bytes_ = 0;
};

// ---- Setup ----

// Nothing is measured here, so nothing takes time; but the device remembers. Writes to the base that continue
// each other go together: its blocks come out the same.
Result<void> SimTarget::write(const OperationStream& stream, uint32_t, const StepProgress& progress,
                              const StopRequested& stop) {
  chain_.begin_generation();
  TableMemory memory;
  Chain chain = chain_.open(OpenMode::read_write, memory);
  (void)chain_.scratch(std::max(stream.longest_operation_bytes(), setup_piece_bytes));
  chain_.recorder().collected = nullptr;
  chain_.recorder().also = [this](const sim::FileRequest& request) { return host_.remember(request); };
  WritePlan plan;
  ByteRange pending;
  const bool may_join = chain.depth() == 0;
  for (uint64_t i = 0; i < stream.length(); ++i) {
    if (i % 1024 == 0) {
      if (stop && stop()) return failure(ErrorKind::interrupted, "perform-interrupted", "stopped on request");
      if (progress) progress(i, stream.length());
    }
    const Operation operation = stream.at(i);
    if (operation.kind != OperationKind::write) continue;
    const ByteRange range = operation.range();
    if (may_join && range.offset == pending.end() && pending.length + range.length <= setup_piece_bytes) {
      pending.length += range.length;
      continue;
    }
    if (!pending.empty()) TRY(chain_.write(chain, pending, plan));
    pending = range;
  }
  if (!pending.empty()) TRY(chain_.write(chain, pending, plan));
  auto closed = chain.close();
  chain_.recorder().also = {};
  return closed;
}

// ---- Measuring ----

Result<void> SimTarget::price(const Operation& operation, OperationCost& cost) {
  Chain& chain = live_ != nullptr ? *live_->chain() : *open_chain_;
  chain_.recorder().collected = &cost.requests;
  uint64_t probes = 0;
  uint64_t table_pages = 0;
  switch (operation.kind) {
    case OperationKind::read:
      TRY(chain.read(operation.offset_bytes, chain_.scratch(operation.length_bytes), read_plan_));
      probes = read_plan_.layers_probed;
      lookups_ += read_plan_.tables.lookups;
      table_pages = read_plan_.tables.reads.size();
      probes_ += probes;
      break;
    case OperationKind::write:
      TRY(chain_.write(chain, operation.range(), write_plan_));
      probes = 1;
      written_bytes_ += operation.length_bytes;
      lookups_ += write_plan_.tables.lookups;
      table_pages = write_plan_.tables.reads.size();
      break;
    case OperationKind::flush:
      TRY(chain.flush());
      break;
    case OperationKind::trim:
      break;  // a hint, and this disk keeps the data
  }
  table_reads_ += table_pages;
  cost.processor = host_.processor_time(probes, table_pages, cost.requests);
  return {};
}

void SimTarget::add_counts(PerformOutcome& outcome) const {
  if (outcome.reads.operations > 0) {
    outcome.layers_probed_per_read =
        static_cast<double>(probes_) / static_cast<double>(outcome.reads.operations);
  }
  outcome.metadata_reads = table_reads_;
  if (lookups_ > 0)
    outcome.metadata_hit_share = 1.0 - static_cast<double>(table_reads_) / static_cast<double>(lookups_);
}

void SimTarget::note_bound(std::string_view what, const VirtualOutcome& performed) {
  if (!performed.ended_early) return;
  notes_.push_back({reports::Note::Severity::warning, "sim-bounded",
                    fmt::format("{} ended after {} virtual seconds because {}", what,
                                performed.outcome.duration_s, sim::reason_of(*performed.ended_early))});
}

Result<PerformOutcome> SimTarget::perform(const OperationStream& stream, const PerformSettings& settings,
                                          const StepProgress& progress, const StopRequested& stop) {
  chain_.begin_generation();
  host_.warm_cache();
  TableMemory memory(settings.lookup.metadata_cache_bytes.value_or(0) / table_page_length);
  Chain chain = chain_.open(settings.only_reads ? OpenMode::read_only : OpenMode::read_write, memory,
                            settings.lookup.resolve);
  (void)chain_.scratch(stream.longest_operation_bytes());
  open_chain_ = &chain;
  uint64_t first = 0;
  if (settings.warm_up.count() > 0) {
    const VirtualOutcome warmed =
        TRY(perform_virtual(host_.room(settings.direct), *this, stream, 0, endless, settings,
                            settings.warm_up, options_.events_max, {}, stop));
    first = std::min(warmed.operations_begun, stream.length());
  }
  clear_counts();
  chain_.clear_traffic();
  VirtualOutcome performed =
      TRY(perform_virtual(host_.room(settings.direct), *this, stream, first, settings.operations_max,
                          settings, settings.duration, options_.events_max, progress, stop));
  PerformOutcome& outcome = performed.outcome;
  note_bound("a measured step", performed);
  if (auto note = overload_note(outcome, settings)) notes_.push_back(*std::move(note));
  if (outcome.late_operations > 0) {
    notes_.push_back(
        {reports::Note::Severity::warning, "sim-overload",
         fmt::format("{} of {} operations began more than 1 ms after their time: they arrive faster than the "
                     "device answers them at this queue depth",
                     outcome.late_operations, outcome.all.operations)});
  }
  add_counts(outcome);
  for (const auto& file : chain_.files())
    outcome.files.push_back(file->traffic);
  chain_.recorder().collected = nullptr;
  TRY(chain.close());
  return std::move(outcome);
}

// ---- Merging ----

Result<void> SimTarget::merge_once(uint32_t first_layer, uint32_t last_layer, MergeMeasurement& measured,
                                   const StepProgress& progress, const StopRequested& stop) {
  TRY(move_layers(chain_, host_, {.target = first_layer - 1, .top = last_layer}, measured.totals, progress,
                  stop));
  auto& files = chain_.files();
  const auto first = files.begin() + first_layer;
  const auto last = files.begin() + last_layer + 1;
  for (auto file = first; file != last; ++file) {
    host_.volume().remove((*file)->number);
    measured.files.push_back((*file)->traffic);
  }
  files.erase(first, last);
  return {};
}

Result<MergeMeasurement> SimTarget::merge(uint32_t first_layer, uint32_t last_layer, MergeOrder order,
                                          const StepProgress& progress, const StopRequested& stop) {
  if (checkpoints_ != nullptr) return refuse_beside_machine();
  MergeMeasurement measured;
  host_.warm_cache();
  measured.totals.union_bytes = TRY(chain_.bytes_to_merge({.target = first_layer - 1, .top = last_layer}));
  chain_.clear_traffic();
  std::vector<std::string> names;
  for (const auto& file : chain_.files())
    names.push_back(file->name);
  measured.totals.layers_merged = last_layer - first_layer + 1;
  const sim::VirtualTime begin = host_.virtual_now();
  switch (order) {
    case MergeOrder::one_pass:
      TRY(merge_once(first_layer, last_layer, measured, progress, stop));
      break;
    case MergeOrder::pairwise_oldest_first:
      for (uint32_t i = first_layer; i <= last_layer; ++i)
        TRY(merge_once(first_layer, first_layer, measured, progress, stop));
      break;
    case MergeOrder::pairwise_newest_first:
      for (uint32_t layer = last_layer; layer >= first_layer; --layer)
        TRY(merge_once(layer, layer, measured, progress, stop));
      break;
  }
  measured.duration_s = sim::seconds(host_.virtual_now() - begin);
  for (const auto& file : chain_.files())
    measured.files.push_back(file->traffic);
  std::ranges::sort(measured.files, {}, [&](const reports::FileTraffic& traffic) {
    return std::ranges::find(names, traffic.file) - names.begin();
  });
  add_traffic(measured);
  return measured;
}

// ---- Merging under a workload ----

Result<LiveMergeMeasurement> SimTarget::live_merge(const LiveMergeRequest& request,
                                                   const OperationStream& stream,
                                                   const PerformSettings& settings,
                                                   const StepProgress& progress, const StopRequested& stop) {
  LiveMergeMeasurement measured;
  chain_.begin_generation();
  host_.warm_cache();
  (void)chain_.scratch(stream.longest_operation_bytes());
  const MergeRange range{.target = request.first_layer - 1, .top = request.last_layer};
  measured.merge.totals.layers_merged = range.source_count();
  measured.merge.totals.union_bytes = TRY(chain_.bytes_to_merge(range));
  chain_.clear_traffic();
  clear_counts();

  SimLiveSide side(chain_, host_, range, settings.lookup, written_bytes_);
  OperationCost opening;  // before the merge begins: not its business
  TRY(side.open_chain(opening));
  const LiveMergePlan plan{.takes_leaf = side.takes_leaf(),
                           .rate_limit_bytes_per_s = request.rate_limit_bytes_per_s,
                           .limits = request.limits};
  LiveMergeVirtual merge(host_.room(false), side, plan, progress, stop);
  live_ = &side;
  auto performed = perform_virtual(host_.room(settings.direct), *this, stream, 0, endless, settings,
                                   std::nullopt, options_.events_max, {}, stop, &merge);
  live_ = nullptr;
  OperationCost closing;
  if (performed && side.chain() != nullptr) TRY(side.close_chain(closing));
  side.let_go();
  TRY(performed);
  note_bound("a live merge", *performed);
  note_outcome(merge.outcome(), measured);
  measured.workload = std::move(performed->outcome);
  add_counts(measured.workload);
  for (const auto& file : chain_.files())
    measured.merge.files.push_back(file->traffic);
  std::ranges::copy(side.dropped(), std::back_inserter(measured.merge.files));
  std::ranges::sort(measured.merge.files, {}, &reports::FileTraffic::file);  // the base first, then by number
  add_traffic(measured.merge);
  return measured;
}

}  // namespace

std::unique_ptr<Target> make_sim_target(SimTargetOptions options) {
  return std::make_unique<SimTarget>(std::move(options));
}

}  // namespace vhdlab::scenarios
