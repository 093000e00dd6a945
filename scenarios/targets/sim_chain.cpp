// Layers of extents and labels; see sim_chain.h.
#include "scenarios/targets/sim_chain.h"

#include <algorithm>

#include <fmt/format.h>

#include "scenarios/targets/record_parts.h"
#include "scenarios/workload/content.h"
#include "sim/time/random_stream.h"

namespace vhdlab::scenarios {
namespace {

constexpr uint64_t verified_range_bytes = 64 * kib;

}  // namespace

void SimChain::begin(const DiskSettings& disk) {
  clear();
  disk_ = disk;
  files_.push_back(make_layer("base.vhdx", false));
}

void SimChain::clear() {
  files_.clear();
  recorder_.files.clear();
  ledger_ = {};
  generation_ = 0;
  checkpoints_ = 0;
}

std::unique_ptr<LayerFile> SimChain::make_layer(const std::string& file_name, bool has_parent) {
  auto file = make_small_file(file_name);
  file->tables =
      std::make_unique<ExtentTables>(ExtentDiskShape{.disk_size_bytes = disk_.size_bytes,
                                                     .block_size_bytes = disk_.block_size_bytes,
                                                     .sector_size_bytes = disk_.logical_sector_size_bytes,
                                                     .has_parent = has_parent,
                                                     .fixed = !has_parent && disk_.type == DiskType::fixed});
  return file;
}

std::unique_ptr<LayerFile> SimChain::make_small_file(const std::string& file_name) {
  const auto number = static_cast<uint32_t>(recorder_.files.size());
  auto file = std::make_unique<LayerFile>(LayerFile{file_name, number, nullptr});
  recorder_.files.push_back(file.get());
  return file;
}

LayerFile& SimChain::add_checkpoint() {
  files_.push_back(make_layer(fmt::format("checkpoint-{:04}.avhdx", ++checkpoints_), true));
  return *files_.back();
}

std::unique_ptr<ExtentLayer> SimChain::open_layer(LayerFile& file, OpenMode mode, TableMemory& memory,
                                                  uint64_t growth_bytes_max) {
  auto noted = std::make_unique<sim::SimulatedFile>(file.name, file.number, recorder_, nullptr,
                                                    file.tables->file_size_bytes() + growth_bytes_max);
  return std::make_unique<ExtentLayer>(file.name, *file.tables, std::move(noted), mode, memory, file.number);
}

Chain SimChain::open(OpenMode leaf_mode, TableMemory& memory, ResolveMode resolve,
                     std::optional<LayerIndex> growing) {
  std::vector<std::unique_ptr<Layer>> layers;
  for (const auto& file : files_) {
    const bool is_leaf = file == files_.back();
    // Blocks and their bitmaps are less than twice the disk.
    const bool grows = layers.size() == growing;
    if ((!is_leaf || leaf_mode == OpenMode::read_only) && !grows) file->tables->freeze();
    layers.push_back(open_layer(*file, is_leaf ? leaf_mode : OpenMode::read_only, memory,
                                grows ? 2 * disk_.size_bytes : 0));
  }
  return Chain(std::move(layers), resolve);
}

Result<uint64_t> SimChain::bytes_to_merge(MergeRange range) {
  recorder_.collected = nullptr;
  TableMemory memory;
  const Chain chain = open(OpenMode::read_only, memory);
  return TRY(estimate_merge(chain, range)).bytes_to_move();
}

MutableBytes SimChain::scratch(uint64_t bytes) {
  if (buffer_.size() < bytes) buffer_ = AlignedBuffer(bytes);
  return buffer_.bytes().first(bytes);
}

Result<void> SimChain::write(Chain& chain, ByteRange range, WritePlan& plan) {
  const Bytes bytes = scratch(range.length);
  recorder_.source = {.buffer = bytes, .virtual_offset = range.offset, .generation = generation_};
  TRY(chain.write(range.offset, bytes, plan));
  ledger_.assign(range, {generation_});
  return {};
}

std::vector<reports::LayerState> SimChain::states() const {
  std::vector<reports::LayerState> states;
  for (const auto& file : files_) {
    states.push_back({.name = states.empty() ? "base" : fmt::format("checkpoint {}", states.size()),
                      .file = file->name,
                      .size_bytes = file->tables->file_size_bytes(),
                      .allocated_bytes = file->tables->file_size_bytes(),
                      .block_states = block_states_of(file->tables->census())});
  }
  return states;
}

void SimChain::clear_traffic() {
  for (const auto& file : files_)
    file->traffic = {.file = file->name};
}

Result<void> SimChain::verify(uint64_t seed, uint64_t ranges, reports::Verification& found) {
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

Result<void> SimChain::check(ByteRange range, const Chain& chain, ReadPlan& plan,
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
      if (const auto label = files_[segment->layer]->labels.next(at, at + 1)) there = label->value;
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

}  // namespace vhdlab::scenarios
