// Chains without data on a modelled device; see sim_target.h.
#include "scenarios/targets/sim_target.h"

#include <algorithm>
#include <array>
#include <deque>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "engine/layer/extent_layer.h"
#include "engine/merge/merge_plan.h"
#include "scenarios/targets/live_totals.h"
#include "scenarios/targets/merge_virtual.h"
#include "scenarios/targets/overload.h"
#include "scenarios/targets/perform_virtual.h"
#include "scenarios/targets/sim_machine.h"
#include "scenarios/workload/content.h"
#include "sim/device/page_cache.h"
#include "sim/device/simulated_file.h"
#include "sim/time/random_stream.h"

namespace vhdlab::scenarios {
namespace {

using sim::FileRequest;
using sim::RequestKind;

constexpr uint64_t verified_ranges = 512;
constexpr uint64_t verified_ranges_of_a_checkpoint = 64;
constexpr uint64_t verified_range_bytes = 64 * kib;
constexpr uint64_t move_piece_bytes = 4 * mib;    // as the engine's merge moves
constexpr uint64_t setup_piece_bytes = 16 * mib;  // writes to the base that continue each other go as one

// Whose byte stands here: of this place of the disk, as this step wrote it.
struct Label {
  uint64_t virtual_offset = 0;
  uint32_t generation = 0;
  [[nodiscard]] Label advanced(uint64_t bytes) const { return {virtual_offset + bytes, generation}; }
  friend bool operator==(const Label&, const Label&) = default;
};

struct Generation {
  uint32_t number = 0;
  [[nodiscard]] Generation advanced(uint64_t) const { return *this; }
  friend bool operator==(const Generation&, const Generation&) = default;
};

struct LayerFile {
  std::string name;
  uint32_t number = 0;
  std::unique_ptr<ExtentTables> tables;
  ExtentMap<Label> labels{};
  reports::FileTraffic traffic{};
};

// Takes the requests of all files: counts them, labels what is written, and hands them to whoever collects.
class Recorder final : public sim::RequestSink {
 public:
  // Bytes of a write that lie in `buffer` are the disk's from `virtual_offset` on.
  struct Source {
    Bytes buffer;
    uint64_t virtual_offset = 0;
    uint32_t generation = 0;
    const ExtentMap<Label>* copied_from = nullptr;  // a merge: labels come from here, from file_offset on
    uint64_t file_offset = 0;
    bool shared = false;  // a merge: the file system lets the files share these bytes; nobody moves them
  };

  std::vector<LayerFile*> files;  // by number
  Source source;
  uint64_t extents_shared = 0;
  std::vector<FileRequest>* collected = nullptr;
  std::function<Result<void>(const FileRequest&)> also = {};

  Result<void> take(const FileRequest& request, Bytes bytes) override {
    LayerFile& file = *files[request.file];
    if (is_source(bytes)) {
      label(file, request, bytes);
      if (source.shared) {
        ++extents_shared;
        return {};
      }
    }
    count(file.traffic, request);
    if (collected != nullptr) collected->push_back(request);
    return also ? also(request) : Result<void>{};
  }

  void forget(uint32_t file, ByteRange range) override { files[file]->labels.erase(range); }

 private:
  static void count(reports::FileTraffic& traffic, const FileRequest& request) {
    switch (request.kind) {
      case RequestKind::read:
        ++traffic.read_operations;
        traffic.bytes_read += request.length_bytes;
        return;
      case RequestKind::write:
        ++traffic.write_operations;
        traffic.bytes_written += request.length_bytes;
        return;
      case RequestKind::flush:
        ++traffic.flushes;
    }
  }

  // Whether these are the guest's bytes, and no table page, log or header.
  [[nodiscard]] bool is_source(Bytes bytes) const {
    const std::less_equal<> before;
    return !bytes.empty() && !source.buffer.empty() && before(source.buffer.data(), bytes.data()) &&
           before(bytes.data() + bytes.size(), source.buffer.data() + source.buffer.size());
  }

  void label(LayerFile& file, const FileRequest& request, Bytes bytes) const {
    const auto at = static_cast<uint64_t>(bytes.data() - source.buffer.data());
    if (source.copied_from == nullptr) {
      file.labels.assign({request.offset_bytes, request.length_bytes},
                         {source.virtual_offset + at, source.generation});
      return;
    }
    file.labels.erase({request.offset_bytes, request.length_bytes});
    const uint64_t from = source.file_offset + at;
    const uint64_t end = from + request.length_bytes;
    for (auto run = source.copied_from->next(from, end); run;
         run = source.copied_from->next(run->range.end(), end)) {
      file.labels.assign({request.offset_bytes + (run->range.offset - from), run->range.length}, run->value);
    }
  }
};

class SimTarget final : public Target, private OperationPricer {
 public:
  explicit SimTarget(SimTargetOptions options) : options_(std::move(options)), profile_(options_.device) {
    plug_in(profile_);
  }

  std::string_view name() const override { return "sim"; }

  Nanoseconds now() const override { return earlier_ + events_->now().time_since_epoch(); }

  Result<void> prepare(const SimSettings& settings) override {
    profile_ = options_.device;
    if (settings.device && !options_.device_is_chosen && options_.find_device)
      profile_ = TRY(options_.find_device(*settings.device));
    return {};
  }

  Result<void> create_base(const DiskSettings& disk, uint64_t seed) override {
    TRY(discard());
    seed_ = seed;
    disk_ = disk;
    plug_in(profile_);
    add_layer("base.vhdx", false);
    return {};
  }

  Result<void> create_machine(const DiskSettings& disk, uint64_t seed) override;
  Result<CheckpointMeasurement> act_on_checkpoint(CheckpointAction action,
                                                  const std::string& checkpoint) override;
  Result<PendingMergeMeasurement> merge_pending(const StepProgress& progress,
                                                const StopRequested& stop) override;
  Result<DamageMeasurement> damage_each_file(DamageKind kind, uint64_t seed, const StepProgress& progress,
                                             const StopRequested& stop) override;

  Result<void> take_checkpoint() override {
    if (machine_ != nullptr) return refuse_beside_machine();
    add_layer(fmt::format("checkpoint-{:04}.avhdx", ++checkpoints_), true);
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
  Result<std::vector<reports::LayerState>> layers() override;
  Result<reports::Verification> verify(uint64_t seed) override;

  Result<void> discard() override {
    machine_.reset();
    other_layers_.clear();
    small_files_.clear();
    removed_files_.clear();
    contents_.clear();
    layers_.clear();
    recorder_.files.clear();
    ledger_ = {};
    recent_.clear();
    recent_bytes_ = 0;
    generation_ = 0;
    checkpoints_ = 0;
    return {};
  }

  std::vector<reports::Note> notes() const override { return notes_; }

 private:
  // A new device in a world of its own, so that equal calls cost the same whatever was done before.
  void plug_in(const sim::DeviceProfile& profile) {
    if (events_ != nullptr) earlier_ += events_->now().time_since_epoch();
    host_ = profile.host;
    events_ = std::make_unique<sim::EventQueue>();
    device_ = sim::make_device(profile, *events_, seed_);
    cache_.reset();
    if (host_.page_cache_bytes > 0)
      cache_ = std::make_unique<sim::PageCache>(host_.page_cache_bytes, *device_, *events_);
    volume_ = std::make_unique<sim::Volume>(device_->capacity_bytes());
    processors_ = sim::ServerPool(host_.processors);
  }

  void add_layer(const std::string& file_name, bool has_parent) {
    layers_.push_back(make_layer(file_name, has_parent));
  }

  std::unique_ptr<LayerFile> make_layer(const std::string& file_name, bool has_parent) {
    const auto number = static_cast<uint32_t>(recorder_.files.size());
    auto tables = std::make_unique<ExtentTables>(
        ExtentDiskShape{.disk_size_bytes = disk_.size_bytes,
                        .block_size_bytes = disk_.block_size_bytes,
                        .sector_size_bytes = disk_.logical_sector_size_bytes,
                        .has_parent = has_parent,
                        .fixed = !has_parent && disk_.type == DiskType::fixed});
    auto file = std::make_unique<LayerFile>(LayerFile{file_name, number, std::move(tables)});
    recorder_.files.push_back(file.get());
    return file;
  }

  // `growth_bytes_max` is what others may let the file grow by while it is open here.
  std::unique_ptr<ExtentLayer> open_layer(LayerFile& file, OpenMode mode, TableMemory& memory,
                                          uint64_t growth_bytes_max = 0) {
    auto noted = std::make_unique<sim::SimulatedFile>(file.name, file.number, recorder_, nullptr,
                                                      file.tables->file_size_bytes() + growth_bytes_max);
    return std::make_unique<ExtentLayer>(file.name, *file.tables, std::move(noted), mode, memory,
                                         file.number);
  }

  // The chain as it is opened for a step: its tables are not in memory. `growing` is the layer that a merge
  // writes to meanwhile.
  Chain open(OpenMode leaf_mode, TableMemory& memory, ResolveMode resolve = ResolveMode::walk,
             std::optional<LayerIndex> growing = {}) {
    std::vector<std::unique_ptr<Layer>> layers;
    for (const auto& file : layers_) {
      const bool is_leaf = file == layers_.back();
      // Blocks and their bitmaps are less than twice the disk.
      const bool grows = layers.size() == growing;
      if ((!is_leaf || leaf_mode == OpenMode::read_only) && !grows) file->tables->freeze();
      layers.push_back(open_layer(*file, is_leaf ? leaf_mode : OpenMode::read_only, memory,
                                  grows ? 2 * disk_.size_bytes : 0));
    }
    return Chain(std::move(layers), resolve);
  }

  [[nodiscard]] VirtualMachineRoom room(bool direct) {
    const bool cached = !direct && cache_ != nullptr;
    return {*events_, *volume_, cached ? static_cast<sim::Device&>(*cache_) : *device_, processors_};
  }

  // Processor time of an operation that looked at this many layers, took in these table pages and sent these
  // requests, those for the pages among them.
  [[nodiscard]] Nanoseconds processor_time(uint64_t probes, uint64_t table_pages,
                                           const std::vector<FileRequest>& requests) const {
    uint64_t bytes = 0;
    for (const FileRequest& request : requests)
      bytes += request.length_bytes;
    return host_.operation + static_cast<int64_t>(probes) * host_.layer_probe +
           static_cast<int64_t>(table_pages) * host_.table_page +
           static_cast<int64_t>(requests.size()) * host_.request +
           sim::time_for(bytes, host_.copy_bytes_per_s);
  }

  class LiveSide;

  // File systems share whole blocks. Payload blocks stand at multiples of 1 MiB, so the place in the target
  // is aligned where the place on the disk is.
  [[nodiscard]] bool can_share(ByteRange range, uint64_t file_offset) const {
    constexpr uint64_t file_system_block_bytes = 4 * kib;
    return host_.share && (range.offset | range.length | file_offset) % file_system_block_bytes == 0;
  }

  Result<void> price(const Operation& operation, OperationCost& cost) override;
  Result<void> write_to_chain(Chain& chain, ByteRange range, WritePlan& plan);
  Result<void> remember(const FileRequest& request);
  void warm_cache();
  Result<void> merge_once(uint32_t first_layer, uint32_t last_layer, MergeMeasurement& measured,
                          const StepProgress& progress, const StopRequested& stop);
  Result<void> move_layers(MergeRange range, MergeMeasurement& measured, const StepProgress& progress,
                           const StopRequested& stop);
  Result<void> move_step(Chain& chain, ExtentLayer& target, const MergeStep& step, MergeMeasurement& measured,
                         const StopRequested& stop);
  Result<void> pay(std::vector<FileRequest>& requests);
  Result<void> verify_chain(uint64_t seed, uint64_t ranges, reports::Verification& found);
  Result<void> check(ByteRange range, const Chain& chain, ReadPlan& plan, reports::Verification& found);

  uint32_t add_machine_file(const std::string& path);
  void stand_on(const std::string& leaf_name);
  void stand_on_now();
  void each_file(const std::function<void(LayerFile&)>& visit);
  [[nodiscard]] uint64_t space_bytes();
  [[nodiscard]] std::vector<reports::FileTraffic> traffic();
  Result<uint64_t> bytes_to_move(const PendingMerge& merge, MergeRange& range);
  Result<void> take_stock(reports::CheckpointTotals& totals, const DiskFiles& before);

  SimTargetOptions options_;
  sim::DeviceProfile profile_;  // of the disk that is there or is built next
  sim::HostProfile host_;
  Nanoseconds earlier_{0};
  std::unique_ptr<sim::EventQueue> events_;
  std::unique_ptr<sim::Device> device_;
  std::unique_ptr<sim::PageCache> cache_;
  std::unique_ptr<sim::Volume> volume_;
  sim::ServerPool processors_;

  DiskSettings disk_;
  uint64_t seed_ = 0;
  uint32_t generation_ = 0;
  uint32_t checkpoints_ = 0;
  std::vector<std::unique_ptr<LayerFile>> layers_;  // base first
  Recorder recorder_;
  ExtentMap<Generation> ledger_;

  // Of a machine's disk, where layers_ is the chain of one restore point.
  std::map<std::string, std::unique_ptr<LayerFile>> other_layers_;  // by name
  std::vector<std::unique_ptr<LayerFile>> small_files_;             // the manifest's, without guest data
  std::vector<uint32_t> removed_files_;             // by number; their space goes once paid for
  std::map<Guid, ExtentMap<Generation>> contents_;  // by checkpoint
  std::unique_ptr<SimMachine> machine_;
  std::deque<sim::DeviceRequest> recent_;  // what setup wrote last, as much as the page cache holds
  uint64_t recent_bytes_ = 0;
  AlignedBuffer buffer_;
  std::vector<reports::Note> notes_;

  // While a stream is performed.
  Chain* chain_ = nullptr;
  ReadPlan read_plan_;
  WritePlan write_plan_;
  uint64_t probes_ = 0;
  uint64_t lookups_ = 0;
  uint64_t table_reads_ = 0;
  uint64_t written_bytes_ = 0;
};

// ---- Setup ----

Result<void> SimTarget::write_to_chain(Chain& chain, ByteRange range, WritePlan& plan) {
  const Bytes bytes = buffer_.bytes().first(range.length);
  recorder_.source = {.buffer = bytes, .virtual_offset = range.offset, .generation = generation_};
  TRY(chain.write(range.offset, bytes, plan));
  ledger_.assign(range, {generation_});
  return {};
}

Result<void> SimTarget::remember(const FileRequest& request) {
  if (request.kind != RequestKind::write) return {};
  std::vector<sim::DeviceRequest> placed;
  TRY(volume_->place(request, placed));
  for (const sim::DeviceRequest& each : placed) {
    device_->remember(each);
    recent_.push_back(each);
    recent_bytes_ += each.length_bytes;
  }
  while (!recent_.empty() && recent_bytes_ - recent_.front().length_bytes >= host_.page_cache_bytes) {
    recent_bytes_ -= recent_.front().length_bytes;
    recent_.pop_front();
  }
  return {};
}

void SimTarget::warm_cache() {
  if (cache_ != nullptr) {
    for (const sim::DeviceRequest& each : recent_)
      cache_->remember(each);
  }
  recent_.clear();
  recent_bytes_ = 0;
}

// Nothing is measured here, so nothing takes time; but the device remembers. Writes to the base that continue
// each other go together: its blocks come out the same.
Result<void> SimTarget::write(const OperationStream& stream, uint32_t, const StepProgress& progress,
                              const StopRequested& stop) {
  ++generation_;
  TableMemory memory;
  Chain chain = open(OpenMode::read_write, memory);
  const uint64_t longest = std::max(stream.longest_operation_bytes(), setup_piece_bytes);
  if (buffer_.size() < longest) buffer_ = AlignedBuffer(longest);
  recorder_.collected = nullptr;
  recorder_.also = [this](const FileRequest& request) { return remember(request); };
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
    if (!pending.empty()) TRY(write_to_chain(chain, pending, plan));
    pending = range;
  }
  if (!pending.empty()) TRY(write_to_chain(chain, pending, plan));
  auto closed = chain.close();
  recorder_.also = {};
  return closed;
}

// ---- Measuring ----

Result<void> SimTarget::price(const Operation& operation, OperationCost& cost) {
  recorder_.collected = &cost.requests;
  uint64_t probes = 0;
  uint64_t table_pages = 0;
  switch (operation.kind) {
    case OperationKind::read:
      TRY(chain_->read(operation.offset_bytes, buffer_.bytes().first(operation.length_bytes), read_plan_));
      probes = read_plan_.layers_probed;
      lookups_ += read_plan_.tables.lookups;
      table_pages = read_plan_.tables.reads.size();
      probes_ += probes;
      break;
    case OperationKind::write:
      TRY(write_to_chain(*chain_, operation.range(), write_plan_));
      probes = 1;
      written_bytes_ += operation.length_bytes;
      lookups_ += write_plan_.tables.lookups;
      table_pages = write_plan_.tables.reads.size();
      break;
    case OperationKind::flush:
      TRY(chain_->flush());
      break;
    case OperationKind::trim:
      break;  // a hint, and this disk keeps the data
  }
  table_reads_ += table_pages;
  cost.processor = processor_time(probes, table_pages, cost.requests);
  return {};
}

Result<PerformOutcome> SimTarget::perform(const OperationStream& stream, const PerformSettings& settings,
                                          const StepProgress& progress, const StopRequested& stop) {
  ++generation_;
  warm_cache();
  TableMemory memory(settings.lookup.metadata_cache_bytes.value_or(0) / table_page_length);
  Chain chain =
      open(settings.only_reads ? OpenMode::read_only : OpenMode::read_write, memory, settings.lookup.resolve);
  if (buffer_.size() < stream.longest_operation_bytes())
    buffer_ = AlignedBuffer(stream.longest_operation_bytes());
  chain_ = &chain;
  uint64_t first = 0;
  if (settings.warm_up.count() > 0) {
    const VirtualOutcome warmed =
        TRY(perform_virtual(room(settings.direct), *this, stream, 0, endless, settings, settings.warm_up,
                            options_.events_max, {}, stop));
    first = std::min(warmed.operations_begun, stream.length());
  }
  probes_ = lookups_ = table_reads_ = 0;
  for (const auto& file : layers_)
    file->traffic = {.file = file->name};
  VirtualOutcome performed =
      TRY(perform_virtual(room(settings.direct), *this, stream, first, settings.operations_max, settings,
                          settings.duration, options_.events_max, progress, stop));
  PerformOutcome& outcome = performed.outcome;
  if (performed.ended_early) {
    notes_.push_back({reports::Note::Severity::warning, "sim-bounded",
                      fmt::format("a measured step ended after {} virtual seconds because {}",
                                  outcome.duration_s, sim::reason_of(*performed.ended_early))});
  }
  if (auto note = overload_note(outcome, settings)) notes_.push_back(*std::move(note));
  if (outcome.late_operations > 0) {
    notes_.push_back(
        {reports::Note::Severity::warning, "sim-overload",
         fmt::format("{} of {} operations began more than 1 ms after their time: they arrive faster than the "
                     "device answers them at this queue depth",
                     outcome.late_operations, outcome.all.operations)});
  }
  if (outcome.reads.operations > 0) {
    outcome.layers_probed_per_read =
        static_cast<double>(probes_) / static_cast<double>(outcome.reads.operations);
  }
  outcome.metadata_reads = table_reads_;
  if (lookups_ > 0)
    outcome.metadata_hit_share = 1.0 - static_cast<double>(table_reads_) / static_cast<double>(lookups_);
  for (const auto& file : layers_)
    outcome.files.push_back(file->traffic);
  recorder_.collected = nullptr;
  TRY(chain.close());
  return std::move(outcome);
}

// ---- Merging ----

// Lets virtual time pass for these requests, one after the other, through the page cache as merges go.
Result<void> SimTarget::pay(std::vector<FileRequest>& requests) {
  const auto sharing = static_cast<int64_t>(std::exchange(recorder_.extents_shared, 0));
  OperationCost cost{
      .processor = processor_time(1, 0, requests) + sharing * host_.share.value_or(Nanoseconds(0)),
      .requests = std::move(requests)};
  TRY(perform_alone(room(false), cost));
  requests.clear();
  return {};
}

Result<void> SimTarget::move_step(Chain& chain, ExtentLayer& target, const MergeStep& step,
                                  MergeMeasurement& measured, const StopRequested& stop) {
  WritePlan plan;
  for (uint64_t done = 0; done < step.virtual_range.length;) {
    if (stop && stop())
      return failure(ErrorKind::interrupted, "merge-interrupted", "merge stopped on request");
    const uint64_t length = step.is_zero ? step.virtual_range.length
                                         : std::min(move_piece_bytes, step.virtual_range.length - done);
    const ByteRange range{step.virtual_range.offset + done, length};
    if (target.flush_is_due()) TRY(target.flush());
    if (step.is_zero) {
      TRY(target.plan_zero(range, plan));
      TRY(carry_out(target, plan, range.offset, {}));
      measured.totals.bytes_zeroed += length;
    } else {
      const MutableBytes piece = buffer_.bytes().first(length);
      recorder_.source = {.buffer = piece,
                          .copied_from = &layers_[step.source]->labels,
                          .file_offset = step.file_offset + done,
                          .shared = can_share(range, step.file_offset + done)};
      if (!recorder_.source.shared)
        TRY(chain.layers()[step.source]->file().read(step.file_offset + done, piece));
      TRY(target.plan_write(range, plan));
      TRY(carry_out(target, plan, range.offset, piece));
      measured.totals.bytes_moved += length;
    }
    TRY(pay(*recorder_.collected));
    done += length;
  }
  return {};
}

Result<void> SimTarget::move_layers(MergeRange range, MergeMeasurement& measured,
                                    const StepProgress& progress, const StopRequested& stop) {
  TableMemory memory;
  Chain chain = open(OpenMode::read_only, memory);
  const auto target = open_layer(*layers_[range.target], OpenMode::read_write, memory);
  const uint64_t size_before = layers_[range.target]->tables->file_size_bytes();
  std::vector<FileRequest> requests;
  recorder_.collected = &requests;
  ReadPlan scratch;
  std::vector<MergeStep> steps;
  for (uint64_t window = 0; window < disk_.size_bytes; window += merge_window_bytes) {
    if (progress) progress(window, disk_.size_bytes);
    const ByteRange part{window, std::min(merge_window_bytes, disk_.size_bytes - window)};
    TRY(plan_merge_window(chain.layers(), range, part, scratch, steps));
    for (const MergeStep& step : steps)
      TRY(move_step(chain, *target, step, measured, stop));
  }
  TRY(target->close());
  TRY(pay(requests));
  recorder_.collected = nullptr;
  measured.totals.free_space_peak_bytes = std::max(
      measured.totals.free_space_peak_bytes, layers_[range.target]->tables->file_size_bytes() - size_before);
  return {};
}

Result<void> SimTarget::merge_once(uint32_t first_layer, uint32_t last_layer, MergeMeasurement& measured,
                                   const StepProgress& progress, const StopRequested& stop) {
  TRY(move_layers({.target = first_layer - 1, .top = last_layer}, measured, progress, stop));
  const auto first = layers_.begin() + first_layer;
  const auto last = layers_.begin() + last_layer + 1;
  for (auto file = first; file != last; ++file) {
    volume_->remove((*file)->number);
    measured.files.push_back((*file)->traffic);
  }
  layers_.erase(first, last);
  return {};
}

Result<MergeMeasurement> SimTarget::merge(uint32_t first_layer, uint32_t last_layer, MergeOrder order,
                                          const StepProgress& progress, const StopRequested& stop) {
  if (machine_ != nullptr) return refuse_beside_machine();
  MergeMeasurement measured;
  warm_cache();
  if (buffer_.size() < move_piece_bytes) buffer_ = AlignedBuffer(move_piece_bytes);
  std::vector<std::string> names;
  {
    recorder_.collected = nullptr;
    TableMemory memory;
    const Chain chain = open(OpenMode::read_only, memory);
    const MergeEstimate whole = TRY(estimate_merge(chain, {.target = first_layer - 1, .top = last_layer}));
    measured.totals.union_bytes = whole.bytes_to_copy + whole.bytes_to_zero;
  }
  for (const auto& file : layers_) {
    file->traffic = {.file = file->name};
    names.push_back(file->name);
  }
  measured.totals.layers_merged = last_layer - first_layer + 1;
  const sim::VirtualTime begin = events_->now();
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
  measured.duration_s = sim::seconds(events_->now() - begin);
  for (const auto& file : layers_)
    measured.files.push_back(file->traffic);
  std::ranges::sort(measured.files, {}, [&](const reports::FileTraffic& traffic) {
    return std::ranges::find(names, traffic.file) - names.begin();
  });
  for (const reports::FileTraffic& file : measured.files) {
    measured.totals.bytes_read += file.bytes_read;
    measured.totals.bytes_written += file.bytes_written;
  }
  return measured;
}

// ---- Merging under a workload ----

// What a live merge does to the layers, and the requests this takes.
class SimTarget::LiveSide final : public LiveMergeSide {
 public:
  LiveSide(SimTarget& target, MergeRange range, const LookupSettings& lookup)
      : sim_(target), range_(range), lookup_(lookup), takes_leaf_(range.top + 1 == target.layers_.size()) {}

  [[nodiscard]] bool takes_leaf() const { return takes_leaf_; }
  [[nodiscard]] std::vector<reports::FileTraffic>& dropped() { return dropped_; }

  Result<void> open_chain(OperationCost& cost) override {
    const Noting noting(*this, cost);
    memory_.emplace(lookup_.metadata_cache_bytes.value_or(0) / table_page_length);
    chain_.emplace(sim_.open(OpenMode::read_write, *memory_, lookup_.resolve, range_.target));
    sim_.chain_ = &*chain_;
    for (const auto& layer : chain_->layers())
      TRY(read_head(*layer));
    return {};
  }

  Result<void> close_chain(OperationCost& cost) override {
    const Noting noting(*this, cost);
    TRY(chain_->close());
    chain_.reset();
    sim_.chain_ = nullptr;
    return {};
  }

  Result<void> put_on_top(OperationCost& cost) override {
    const Noting noting(*this, cost);
    sim_.add_layer(fmt::format("checkpoint-{:04}.avhdx", ++sim_.checkpoints_), true);
    sim_.layers_.back()->traffic = {.file = sim_.layers_.back()->name};
    TableMemory memory;
    const auto layer = sim_.open_layer(*sim_.layers_.back(), OpenMode::read_write, memory);
    TRY(read_head(*sim_.open_layer(**(sim_.layers_.end() - 2), OpenMode::read_only, memory)));
    for (const ByteRange& part : head_parts)  // of a new file
      TRY(layer->file().write(part.offset, small_.bytes().first(part.length)));
    return layer->file().flush();
  }

  Result<uint64_t> begin_pass(OperationCost& cost) override {
    const Noting noting(*this, cost);
    merge_memory_.emplace(uint64_t{0});
    sources_.emplace(sim_.open(OpenMode::read_only, *merge_memory_));
    target_ = sim_.open_layer(*sim_.layers_[range_.target], OpenMode::read_write, *merge_memory_);
    for (LayerIndex layer = range_.target; layer <= range_.top; ++layer)
      TRY(read_head(*sources_->layers()[layer]));
    window_ = step_ = done_ = 0;
    steps_.clear();
    const MergeEstimate whole = TRY(estimate_merge(*sources_, range_));
    return whole.bytes_to_copy + whole.bytes_to_zero;
  }

  Result<MovedPiece> move_piece(uint64_t bytes_max, OperationCost& cost) override {
    const Noting noting(*this, cost);
    MovedPiece moved;
    while (step_ == steps_.size() && window_ < sim_.disk_.size_bytes) {
      const ByteRange part{window_, std::min(merge_window_bytes, sim_.disk_.size_bytes - window_)};
      TRY(plan_merge_window(sources_->layers(), range_, part, read_plan_, steps_));
      window_ = part.end();
      step_ = done_ = 0;
    }
    if (step_ == steps_.size()) {
      TRY(target_->close());
      return moved;
    }
    const MergeStep& step = steps_[step_];
    const uint64_t left = step.virtual_range.length - done_;
    const uint64_t length = step.is_zero ? left : std::min(bytes_max, left);
    const ByteRange range{step.virtual_range.offset + done_, length};
    if (target_->flush_is_due()) TRY(target_->flush());
    if (step.is_zero) {
      TRY(target_->plan_zero(range, plan_));
      TRY(carry_out(*target_, plan_, range.offset, {}));
      moved.bytes_zeroed = length;
    } else {
      const MutableBytes piece = sim_.buffer_.bytes().first(length);
      sim_.recorder_.source = {.buffer = piece,
                               .copied_from = &sim_.layers_[step.source]->labels,
                               .file_offset = step.file_offset + done_};
      TRY(sources_->layers()[step.source]->file().read(step.file_offset + done_, piece));
      TRY(target_->plan_write(range, plan_));
      TRY(carry_out(*target_, plan_, range.offset, piece));
      moved.bytes_copied = length;
    }
    done_ += length;
    if (done_ == step.virtual_range.length) {
      ++step_;
      done_ = 0;
    }
    return moved;
  }

  Result<uint64_t> end_pass(OperationCost& cost) override {
    const Noting noting(*this, cost);
    sources_.reset();
    target_.reset();
    const auto first = sim_.layers_.begin() + range_.target + 1;
    const auto last = sim_.layers_.begin() + range_.top + 1;
    for (auto file = first; file != last; ++file) {
      sim_.volume_->remove((*file)->number);
      dropped_.push_back((*file)->traffic);
    }
    sim_.layers_.erase(first, last);
    if (range_.target + 1 == sim_.layers_.size()) return 0;
    {
      TableMemory memory;
      const auto child = sim_.open_layer(*sim_.layers_[range_.target + 1], OpenMode::read_write, memory);
      TRY(child->file().write(head_parts.back().offset, small_.bytes().first(4 * kib)));  // its locator
      TRY(child->file().flush());
    }
    if (!takes_leaf_) return 0;
    range_.top = range_.target + 1;
    TableMemory memory;
    const Chain chain = sim_.open(OpenMode::read_only, memory);
    const MergeEstimate left = TRY(estimate_merge(chain, range_));
    return left.bytes_to_copy + left.bytes_to_zero;
  }

  uint64_t bytes_written() const override { return sim_.written_bytes_; }

  // What the target lets go of when the merge is over.
  void let_go() {
    sources_.reset();
    target_.reset();
    chain_.reset();
    sim_.chain_ = nullptr;
    sim_.recorder_.collected = nullptr;
  }

 private:
  // Has the requests made during a call noted in its cost, and its processor time set at the end.
  class Noting {
   public:
    Noting(LiveSide& side, OperationCost& cost) : side_(side), cost_(cost) {
      side_.sim_.recorder_.collected = &cost.requests;
    }
    ~Noting() { cost_.processor = side_.sim_.processor_time(1, 0, cost_.requests); }
    Noting(const Noting&) = delete;
    Noting& operator=(const Noting&) = delete;

   private:
    LiveSide& side_;
    OperationCost& cost_;
  };

  // What opening a file reads before its tables, and making one writes: MS-VHDX 2.2 and 2.6, at the places
  // our images have them.
  static constexpr std::array<ByteRange, 6> head_parts = {{{0, 64 * kib},
                                                           {64 * kib, 4 * kib},
                                                           {128 * kib, 4 * kib},
                                                           {192 * kib, 64 * kib},
                                                           {256 * kib, 64 * kib},
                                                           {2 * mib, 64 * kib}}};
  Result<void> read_head(Layer& layer) {
    for (const ByteRange& part : head_parts)
      TRY(layer.file().read(part.offset, small_.bytes().first(part.length)));
    return {};
  }

  SimTarget& sim_;
  MergeRange range_;
  LookupSettings lookup_;
  bool takes_leaf_;
  std::optional<TableMemory> memory_;
  std::optional<Chain> chain_;  // the workload's
  std::optional<TableMemory> merge_memory_;
  std::optional<Chain> sources_;
  std::unique_ptr<ExtentLayer> target_;
  AlignedBuffer small_{64 * kib};
  uint64_t window_ = 0;
  std::vector<MergeStep> steps_;  // of the window
  size_t step_ = 0;
  uint64_t done_ = 0;  // of the step
  ReadPlan read_plan_;
  WritePlan plan_;
  std::vector<reports::FileTraffic> dropped_;  // of files that are gone
};

Result<LiveMergeMeasurement> SimTarget::live_merge(const LiveMergeRequest& request,
                                                   const OperationStream& stream,
                                                   const PerformSettings& settings,
                                                   const StepProgress& progress, const StopRequested& stop) {
  LiveMergeMeasurement measured;
  ++generation_;
  warm_cache();
  const uint64_t longest = std::max(stream.longest_operation_bytes(), move_piece_bytes);
  if (buffer_.size() < longest) buffer_ = AlignedBuffer(longest);
  const MergeRange range{.target = request.first_layer - 1, .top = request.last_layer};
  measured.merge.totals.layers_merged = range.source_count();
  {
    recorder_.collected = nullptr;
    TableMemory memory;
    const Chain chain = open(OpenMode::read_only, memory);
    const MergeEstimate whole = TRY(estimate_merge(chain, range));
    measured.merge.totals.union_bytes = whole.bytes_to_copy + whole.bytes_to_zero;
  }
  for (const auto& file : layers_)
    file->traffic = {.file = file->name};
  probes_ = lookups_ = table_reads_ = written_bytes_ = 0;

  LiveSide side(*this, range, settings.lookup);
  OperationCost opening;  // before the merge begins: not its business
  TRY(side.open_chain(opening));
  const LiveMergePlan plan{.takes_leaf = side.takes_leaf(),
                           .rate_limit_bytes_per_s = request.rate_limit_bytes_per_s,
                           .piece_bytes_max = move_piece_bytes,
                           .limits = request.limits};
  LiveMergeVirtual merge(room(false), side, plan, progress, stop);
  auto performed = perform_virtual(room(settings.direct), *this, stream, 0, endless, settings, std::nullopt,
                                   options_.events_max, {}, stop, &merge);
  OperationCost closing;
  if (performed && chain_ != nullptr) TRY(side.close_chain(closing));
  side.let_go();
  TRY(performed);
  if (performed->ended_early) {
    notes_.push_back({reports::Note::Severity::warning, "sim-bounded",
                      fmt::format("a live merge ended after {} virtual seconds because {}",
                                  performed->outcome.duration_s, sim::reason_of(*performed->ended_early))});
  }
  const LiveMergeOutcome& outcome = merge.outcome();
  measured.live = live_totals_of(outcome);
  measured.merge.duration_s = outcome.duration_s;
  measured.merge.totals.bytes_moved = outcome.totals.bytes_copied;
  measured.merge.totals.bytes_zeroed = outcome.totals.bytes_zeroed;
  measured.workload = std::move(performed->outcome);
  if (measured.workload.reads.operations > 0) {
    measured.workload.layers_probed_per_read =
        static_cast<double>(probes_) / static_cast<double>(measured.workload.reads.operations);
  }
  measured.workload.metadata_reads = table_reads_;
  if (lookups_ > 0) {
    measured.workload.metadata_hit_share =
        1.0 - static_cast<double>(table_reads_) / static_cast<double>(lookups_);
  }
  for (const auto& file : layers_)
    measured.merge.files.push_back(file->traffic);
  std::ranges::copy(side.dropped(), std::back_inserter(measured.merge.files));
  std::ranges::sort(measured.merge.files, {}, &reports::FileTraffic::file);  // the base first, then by number
  for (const reports::FileTraffic& file : measured.merge.files) {
    measured.merge.totals.bytes_read += file.bytes_read;
    measured.merge.totals.bytes_written += file.bytes_written;
  }
  return measured;
}

// ---- Looking ----

Result<std::vector<reports::LayerState>> SimTarget::layers() {
  std::vector<reports::LayerState> states;
  for (const auto& file : layers_) {
    const ExtentTables::Census census = file->tables->census();
    states.push_back({.name = states.empty() ? "base" : fmt::format("checkpoint {}", states.size()),
                      .file = file->name,
                      .size_bytes = file->tables->file_size_bytes(),
                      .allocated_bytes = file->tables->file_size_bytes(),
                      .block_states = {{"fully present", census.fully_present},
                                       {"partially present", census.partially_present},
                                       {"zero", census.zeroed},
                                       {"not present", census.not_present}}});
  }
  return states;
}

Result<reports::Verification> SimTarget::verify(uint64_t seed) {
  reports::Verification found;
  TRY(verify_chain(seed, verified_ranges, found));
  if (machine_ == nullptr) return found;
  for (auto& [id, content] : contents_) {
    stand_on(machine_->disk().frozen.at(id));
    std::swap(ledger_, content);
    const auto verified = verify_chain(seed, verified_ranges_of_a_checkpoint, found);
    std::swap(ledger_, content);
    TRY(verified);
  }
  stand_on_now();
  return found;
}

// Walks the chain as a read would and compares labels where a read would compare bytes: a sector must be the
// disk's own at this place, as the step that wrote it last left it.
Result<void> SimTarget::verify_chain(uint64_t seed, uint64_t ranges, reports::Verification& found) {
  recorder_.collected = nullptr;
  TableMemory memory;
  const Chain chain = open(OpenMode::read_only, memory);
  ReadPlan plan;
  sim::RandomStream random(seed, "verify");
  const uint64_t length = std::min(verified_range_bytes, disk_.size_bytes);
  for (uint64_t i = 0; i < ranges; ++i) {
    uint64_t offset =
        random.below((disk_.size_bytes - length) / content_sector_bytes + 1) * content_sector_bytes;
    if (i % 4 != 0) {  // three in four begin where something was written
      if (const auto written = ledger_.next(offset, disk_.size_bytes))
        offset = std::min(written->range.offset, disk_.size_bytes - length);
    }
    TRY(check({offset, length}, chain, plan, found));
  }
  return {};
}

Result<void> SimTarget::check(ByteRange range, const Chain& chain, ReadPlan& plan,
                              reports::Verification& found) {
  TRY(chain.resolve(range, plan));
  for (uint64_t offset = range.offset; offset < range.end(); offset += content_sector_bytes) {
    const auto expected = ledger_.next(offset, offset + 1);
    const Label wanted{expected ? offset : 0, expected ? expected->value.number : 0};
    const auto segment = std::ranges::find_if(plan.segments, [&](const ReadSegment& each) {
      return offset >= each.virtual_offset && offset < each.virtual_offset + each.length;
    });
    Label there;
    if (segment != plan.segments.end() && !segment->is_zero) {
      const uint64_t at = segment->file_offset + (offset - segment->virtual_offset);
      if (const auto label = layers_[segment->layer]->labels.next(at, at + 1)) there = label->value;
    }
    ++found.sectors_checked;
    if (there == wanted) continue;
    ++found.sectors_wrong;
    if (!found.first_wrong.empty()) continue;
    found.first_wrong =
        fmt::format("sector at {:#x} is mapped to generation {} of offset {:#x}, expected generation {}",
                    offset, there.generation, there.virtual_offset, wanted.generation);
  }
  return {};
}

// ---- Machines ----

Result<void> SimTarget::create_machine(const DiskSettings& disk, uint64_t seed) {
  TRY(create_base(disk, seed));
  machine_ = TRY(SimMachine::make(disk, seed, layers_.front()->name, layers_.front()->number, recorder_,
                                  {.add = [this](const std::string& path) { return add_machine_file(path); },
                                   .remove = [this](uint32_t number) { removed_files_.push_back(number); }}));
  return {};
}

// Differencing disks get a layer; what else the machine writes is only accounted for.
uint32_t SimTarget::add_machine_file(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  if (name.ends_with(".avhdx")) {
    auto layer = make_layer(name, true);
    const uint32_t number = layer->number;
    other_layers_.emplace(name, std::move(layer));
    return number;
  }
  const auto number = static_cast<uint32_t>(recorder_.files.size());
  small_files_.push_back(std::make_unique<LayerFile>(LayerFile{name, number, nullptr}));
  recorder_.files.push_back(small_files_.back().get());
  return number;
}

void SimTarget::each_file(const std::function<void(LayerFile&)>& visit) {
  for (const auto& file : layers_)
    visit(*file);
  for (const auto& [name, file] : other_layers_)
    visit(*file);
  for (const auto& file : small_files_)
    visit(*file);
}

// Makes layers_ the chain that ends in this file.
void SimTarget::stand_on(const std::string& leaf_name) {
  for (auto& file : layers_) {
    std::string name = file->name;
    other_layers_.emplace(std::move(name), std::move(file));
  }
  layers_.clear();
  for (std::string name = leaf_name; !name.empty(); name = machine_->disk().parent_of.at(name))
    layers_.push_back(std::move(other_layers_.extract(name).mapped()));
  std::ranges::reverse(layers_);
}

// The same for Now; files that are none of the machine's any more go, with the space they took.
void SimTarget::stand_on_now() {
  stand_on(machine_->disk().now);
  std::erase_if(other_layers_,
                [&](const auto& entry) { return !machine_->disk().parent_of.contains(entry.first); });
  for (const uint32_t number : removed_files_)
    volume_->remove(number);
  removed_files_.clear();
}

uint64_t SimTarget::space_bytes() {
  uint64_t bytes = 0;
  each_file([&](const LayerFile& file) {
    if (file.tables != nullptr) bytes += file.tables->file_size_bytes();
  });
  return bytes;
}

// Of all files that were touched since their traffic was set to nothing.
std::vector<reports::FileTraffic> SimTarget::traffic() {
  std::vector<reports::FileTraffic> touched;
  each_file([&](const LayerFile& file) {
    const reports::FileTraffic& traffic = file.traffic;
    if (traffic.read_operations + traffic.write_operations + traffic.flushes == 0) return;
    touched.push_back(traffic);
    touched.back().file = file.name;
  });
  return touched;
}

// What a pending merge comes to, and its range in the chain it goes along, which layers_ is afterwards.
Result<uint64_t> SimTarget::bytes_to_move(const PendingMerge& merge, MergeRange& range) {
  stand_on(merge.children.empty() ? merge.sources.back() : merge.children.front());
  const auto target = std::ranges::find(layers_, merge.target, &LayerFile::name);
  range.target = static_cast<LayerIndex>(target - layers_.begin());
  range.top = range.target + static_cast<LayerIndex>(merge.sources.size());
  recorder_.collected = nullptr;
  TableMemory memory;
  const Chain chain = open(OpenMode::read_only, memory);
  const MergeEstimate whole = TRY(estimate_merge(chain, range));
  return whole.bytes_to_copy + whole.bytes_to_zero;
}

Result<void> SimTarget::take_stock(reports::CheckpointTotals& totals, const DiskFiles& before) {
  const auto count_missing = [](const DiskFiles& files, const DiskFiles& among) {
    return static_cast<uint64_t>(std::ranges::count_if(
        files.parent_of, [&](const auto& entry) { return !among.parent_of.contains(entry.first); }));
  };
  totals.checkpoints = machine_->tree().checkpoints.size();
  totals.files_created = count_missing(machine_->disk(), before);
  totals.files_removed = count_missing(before, machine_->disk());
  for (const PendingMerge& merge : pending_merges(machine_->tree())) {
    MergeRange range;
    totals.pending_files += merge.sources.size();
    totals.pending_bytes += TRY(bytes_to_move(merge, range));
  }
  stand_on_now();
  totals.space_after_bytes = space_bytes();
  return {};
}

Result<CheckpointMeasurement> SimTarget::act_on_checkpoint(CheckpointAction action,
                                                           const std::string& checkpoint) {
  if (machine_ == nullptr) return Target::act_on_checkpoint(action, checkpoint);
  warm_cache();
  CheckpointMeasurement measured;
  measured.totals.space_before_bytes = space_bytes();
  const DiskFiles before = machine_->disk();
  each_file([](LayerFile& file) { file.traffic = {}; });
  const sim::VirtualTime begin = events_->now();
  std::vector<FileRequest> requests;
  recorder_.collected = &requests;
  const auto done = machine_->act(action, checkpoint);
  recorder_.collected = nullptr;
  const Guid id = TRY(done);
  TRY(pay(requests));
  measured.duration_s = sim::seconds(events_->now() - begin);
  measured.files = traffic();
  if (action == CheckpointAction::take) contents_[id] = ledger_;
  if (action == CheckpointAction::apply) ledger_ = contents_.at(id);
  std::erase_if(contents_,
                [&](const auto& entry) { return find_checkpoint(machine_->tree(), entry.first) == nullptr; });
  TRY(take_stock(measured.totals, before));
  return measured;
}

// First the guests' data moves, run after run, then the machine does what else a merge does. The order is the
// engine's: what moves least goes first.
Result<PendingMergeMeasurement> SimTarget::merge_pending(const StepProgress& progress,
                                                         const StopRequested& stop) {
  if (machine_ == nullptr) return Target::merge_pending(progress, stop);
  warm_cache();
  if (buffer_.size() < move_piece_bytes) buffer_ = AlignedBuffer(move_piece_bytes);
  PendingMergeMeasurement measured;
  reports::MergeTotals& totals = measured.merge.totals;
  measured.checkpoints.space_before_bytes = space_bytes();
  const DiskFiles before = machine_->disk();
  struct Priced {
    PendingMerge merge;
    uint64_t bytes;
  };
  std::vector<Priced> order;
  for (PendingMerge& merge : pending_merges(machine_->tree())) {
    MergeRange range;
    const uint64_t bytes = TRY(bytes_to_move(merge, range));
    totals.union_bytes += bytes;
    totals.layers_merged += merge.sources.size();
    order.push_back({std::move(merge), bytes});
  }
  std::ranges::stable_sort(order, {}, &Priced::bytes);
  totals.passes = order.size();

  each_file([](LayerFile& file) { file.traffic = {}; });
  const sim::VirtualTime begin = events_->now();
  int64_t balance_bytes = 0;  // over the space before
  int64_t peak_bytes = 0;
  for (const Priced& next : order) {
    MergeRange range;
    (void)TRY(bytes_to_move(next.merge, range));
    each_file([&](const LayerFile& file) {
      if (file.name == next.merge.target)
        balance_bytes -= static_cast<int64_t>(file.tables->file_size_bytes());
    });
    const auto moved = move_layers(range, measured.merge, progress, stop);
    if (!moved) stand_on_now();  // everything still reads through the sources
    TRY(moved);
    balance_bytes += static_cast<int64_t>(layers_[range.target]->tables->file_size_bytes());
    peak_bytes = std::max(peak_bytes, balance_bytes);
    for (LayerIndex layer = range.target + 1; layer <= range.top; ++layer)
      balance_bytes -= static_cast<int64_t>(layers_[layer]->tables->file_size_bytes());
  }
  std::vector<FileRequest> requests;
  recorder_.collected = &requests;
  const auto done = machine_->merge_pending();
  recorder_.collected = nullptr;
  TRY(done);
  TRY(pay(requests));
  measured.merge.duration_s = sim::seconds(events_->now() - begin);
  measured.merge.files = traffic();
  totals.free_space_peak_bytes = static_cast<uint64_t>(peak_bytes);
  for (const reports::FileTraffic& file : measured.merge.files) {
    totals.bytes_read += file.bytes_read;
    totals.bytes_written += file.bytes_written;
  }
  TRY(take_stock(measured.checkpoints, before));
  return measured;
}

Result<DamageMeasurement> SimTarget::damage_each_file(DamageKind, uint64_t, const StepProgress&,
                                                      const StopRequested&) {
  return failure(ErrorKind::unsupported, "sim-damage",
                 "the simulator's files hold no bytes, so there is nothing to damage",
                 "run the scenario with --target engine");
}

}  // namespace

std::unique_ptr<Target> make_sim_target(SimTargetOptions options) {
  return std::make_unique<SimTarget>(std::move(options));
}

}  // namespace vhdlab::scenarios
