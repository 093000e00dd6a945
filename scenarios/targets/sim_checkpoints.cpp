// Files and contents of a machine's disk; see sim_checkpoints.h.
#include "scenarios/targets/sim_checkpoints.h"

#include <algorithm>
#include <utility>

#include "scenarios/targets/record_parts.h"
#include "scenarios/targets/sim_merge.h"

namespace vhdlab::scenarios {
namespace {

constexpr uint64_t verified_ranges_of_a_checkpoint = 64;

}  // namespace

Result<std::unique_ptr<SimCheckpoints>> SimCheckpoints::make(SimChain& chain, SimHost& host,
                                                             const DiskSettings& disk, uint64_t seed) {
  std::unique_ptr<SimCheckpoints> made(new SimCheckpoints(chain, host));
  const LayerFile& base = *chain.files().front();
  made->machine_ = TRY(SimMachine::make(
      disk, seed, base.name, base.number, chain.recorder(),
      {.add = [self = made.get()](const std::string& path) { return self->add_file(path); },
       .remove = [self = made.get()](uint32_t number) { self->removed_files_.push_back(number); }}));
  return made;
}

// Differencing disks get a layer; what else the machine writes is only accounted for.
uint32_t SimCheckpoints::add_file(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  if (name.ends_with(".avhdx")) {
    auto layer = chain_.make_layer(name, true);
    const uint32_t number = layer->number;
    other_layers_.emplace(name, std::move(layer));
    return number;
  }
  small_files_.push_back(chain_.make_small_file(name));
  return small_files_.back()->number;
}

void SimCheckpoints::each_file(const std::function<void(LayerFile&)>& visit) {
  for (const auto& file : chain_.files())
    visit(*file);
  for (const auto& [name, file] : other_layers_)
    visit(*file);
  for (const auto& file : small_files_)
    visit(*file);
}

// Has the chain end in this file.
void SimCheckpoints::stand_on(const std::string& leaf_name) {
  auto& layers = chain_.files();
  for (auto& file : layers) {
    std::string name = file->name;
    other_layers_.emplace(std::move(name), std::move(file));
  }
  layers.clear();
  for (std::string name = leaf_name; !name.empty(); name = machine_->disk().parent_of.at(name))
    layers.push_back(std::move(other_layers_.extract(name).mapped()));
  std::ranges::reverse(layers);
}

// The same for Now; files that are none of the machine's any more go, with the space they took.
void SimCheckpoints::stand_on_now() {
  stand_on(machine_->disk().now);
  std::erase_if(other_layers_,
                [&](const auto& entry) { return !machine_->disk().parent_of.contains(entry.first); });
  for (const uint32_t number : removed_files_)
    host_.volume().remove(number);
  removed_files_.clear();
}

uint64_t SimCheckpoints::space_bytes() {
  uint64_t bytes = 0;
  each_file([&](const LayerFile& file) {
    if (file.tables != nullptr) bytes += file.tables->file_size_bytes();
  });
  return bytes;
}

void SimCheckpoints::clear_traffic() {
  each_file([](LayerFile& file) { file.traffic = {}; });
}

// Of all files that were touched since their traffic was set to nothing.
std::vector<reports::FileTraffic> SimCheckpoints::traffic() {
  std::vector<reports::FileTraffic> touched;
  each_file([&](const LayerFile& file) {
    const reports::FileTraffic& traffic = file.traffic;
    if (traffic.read_operations + traffic.write_operations + traffic.flushes == 0) return;
    touched.push_back(traffic);
    touched.back().file = file.name;
  });
  return touched;
}

// The chain a pending merge goes along is at hand from now on. The merge's range in it.
MergeRange SimCheckpoints::stand_on_way_of(const PendingMerge& merge) {
  stand_on(merge.children.empty() ? merge.sources.back() : merge.children.front());
  const auto& layers = chain_.files();
  const auto target = std::ranges::find(layers, merge.target, &LayerFile::name);
  const auto index = static_cast<LayerIndex>(target - layers.begin());
  return {.target = index, .top = index + static_cast<LayerIndex>(merge.sources.size())};
}

Result<void> SimCheckpoints::take_stock(reports::CheckpointTotals& totals, const DiskFiles& before) {
  const auto count_missing = [](const DiskFiles& files, const DiskFiles& among) {
    return static_cast<uint64_t>(std::ranges::count_if(
        files.parent_of, [&](const auto& entry) { return !among.parent_of.contains(entry.first); }));
  };
  totals.checkpoints = machine_->tree().checkpoints.size();
  totals.files_created = count_missing(machine_->disk(), before);
  totals.files_removed = count_missing(before, machine_->disk());
  for (const PendingMerge& merge : pending_merges(machine_->tree())) {
    totals.pending_files += merge.sources.size();
    totals.pending_bytes += TRY(chain_.bytes_to_merge(stand_on_way_of(merge)));
  }
  stand_on_now();
  totals.space_after_bytes = space_bytes();
  return {};
}

// What the machine does, and the time its requests take.
template <typename Act>
auto SimCheckpoints::priced(const Act& act) -> decltype(act()) {
  std::vector<sim::FileRequest> requests;
  chain_.recorder().collected = &requests;
  auto done = act();
  chain_.recorder().collected = nullptr;
  if (done) TRY(host_.pay(std::move(requests)));
  return done;
}

Result<CheckpointMeasurement> SimCheckpoints::act(CheckpointAction action, const std::string& checkpoint) {
  host_.warm_cache();
  CheckpointMeasurement measured;
  measured.totals.space_before_bytes = space_bytes();
  const DiskFiles before = machine_->disk();
  clear_traffic();
  const sim::VirtualTime begin = host_.virtual_now();
  const Guid id = TRY(priced([&] { return machine_->act(action, checkpoint); }));
  measured.duration_s = sim::seconds(host_.virtual_now() - begin);
  measured.files = traffic();
  if (action == CheckpointAction::take) contents_[id] = chain_.ledger();
  if (action == CheckpointAction::apply) chain_.ledger() = contents_.at(id);
  std::erase_if(contents_,
                [&](const auto& entry) { return find_checkpoint(machine_->tree(), entry.first) == nullptr; });
  TRY(take_stock(measured.totals, before));
  return measured;
}

// All that is pending, what moves least first, as the engine goes; adds to `totals` what it comes to.
Result<std::vector<PendingMerge>> SimCheckpoints::merges_in_order(reports::MergeTotals& totals) {
  struct Priced {
    PendingMerge merge;
    uint64_t bytes;
  };
  std::vector<Priced> priced;
  for (PendingMerge& merge : pending_merges(machine_->tree())) {
    const uint64_t bytes = TRY(chain_.bytes_to_merge(stand_on_way_of(merge)));
    totals.union_bytes += bytes;
    totals.layers_merged += merge.sources.size();
    priced.push_back({std::move(merge), bytes});
  }
  totals.passes = priced.size();
  std::ranges::stable_sort(priced, {}, &Priced::bytes);
  std::vector<PendingMerge> merges;
  for (Priced& next : priced)
    merges.push_back(std::move(next.merge));
  return merges;
}

// Run after run; adds to `totals` what was moved, and the space taken at the worst moment.
Result<void> SimCheckpoints::move_guest_data(const std::vector<PendingMerge>& merges,
                                             reports::MergeTotals& totals, const StepProgress& progress,
                                             const StopRequested& stop) {
  const auto size_of = [](const LayerFile& file) {
    return static_cast<int64_t>(file.tables->file_size_bytes());
  };
  int64_t balance_bytes = 0;  // over the space before
  int64_t peak_bytes = 0;
  for (const PendingMerge& merge : merges) {
    const MergeRange range = stand_on_way_of(merge);
    const auto& layers = chain_.files();
    balance_bytes -= size_of(*layers[range.target]);
    const auto moved = move_layers(chain_, host_, range, totals, progress, stop);
    if (!moved) stand_on_now();  // everything still reads through the sources
    TRY(moved);
    balance_bytes += size_of(*layers[range.target]);
    peak_bytes = std::max(peak_bytes, balance_bytes);
    for (LayerIndex layer = range.target + 1; layer <= range.top; ++layer)
      balance_bytes -= size_of(*layers[layer]);
  }
  totals.free_space_peak_bytes = static_cast<uint64_t>(peak_bytes);
  return {};
}

// First the guests' data moves, then the machine does what else a merge does.
Result<PendingMergeMeasurement> SimCheckpoints::merge_pending(const StepProgress& progress,
                                                              const StopRequested& stop) {
  host_.warm_cache();
  PendingMergeMeasurement measured;
  measured.checkpoints.space_before_bytes = space_bytes();
  const DiskFiles before = machine_->disk();
  const std::vector<PendingMerge> merges = TRY(merges_in_order(measured.merge.totals));

  clear_traffic();
  const sim::VirtualTime begin = host_.virtual_now();
  TRY(move_guest_data(merges, measured.merge.totals, progress, stop));
  (void)TRY(priced([&] { return machine_->merge_pending(); }));
  measured.merge.duration_s = sim::seconds(host_.virtual_now() - begin);
  measured.merge.files = traffic();
  add_traffic(measured.merge);
  TRY(take_stock(measured.checkpoints, before));
  return measured;
}

Result<void> SimCheckpoints::verify(uint64_t seed, reports::Verification& found) {
  for (auto& [id, content] : contents_) {
    stand_on(machine_->disk().frozen.at(id));
    std::swap(chain_.ledger(), content);
    const auto verified = chain_.verify(seed, verified_ranges_of_a_checkpoint, found);
    std::swap(chain_.ledger(), content);
    TRY(verified);
  }
  stand_on_now();
  return {};
}

}  // namespace vhdlab::scenarios
