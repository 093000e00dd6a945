// Passes and pauses over layers without data; see sim_live_side.h.
#include "scenarios/targets/sim_live_side.h"

#include <algorithm>
#include <array>

namespace vhdlab::scenarios {
namespace {

// What opening a file reads before its tables, and making one writes: MS-VHDX 2.2 and 2.6, at the places
// our images have them.
constexpr std::array<ByteRange, 6> head_parts = {{{0, 64 * kib},
                                                  {64 * kib, 4 * kib},
                                                  {128 * kib, 4 * kib},
                                                  {192 * kib, 64 * kib},
                                                  {256 * kib, 64 * kib},
                                                  {2 * mib, 64 * kib}}};

}  // namespace

// Has the requests made during a call noted in its cost, and its processor time set at the end.
class SimLiveSide::Noting {
 public:
  Noting(SimLiveSide& side, OperationCost& cost) : side_(side), cost_(cost) {
    side_.files_.recorder().collected = &cost.requests;
  }
  ~Noting() { cost_.processor = side_.host_.processor_time(1, 0, cost_.requests); }
  Noting(const Noting&) = delete;
  Noting& operator=(const Noting&) = delete;

 private:
  SimLiveSide& side_;
  OperationCost& cost_;
};

SimLiveSide::SimLiveSide(SimChain& files, SimHost& host, MergeRange range, const LookupSettings& lookup,
                         const uint64_t& workload_bytes_written)
    : files_(files),
      host_(host),
      range_(range),
      lookup_(lookup),
      workload_bytes_written_(workload_bytes_written),
      takes_leaf_(range.top + 1 == files.files().size()) {}

Result<void> SimLiveSide::read_head(Layer& layer) {
  for (const ByteRange& part : head_parts)
    TRY(layer.file().read(part.offset, small_.bytes().first(part.length)));
  return {};
}

Result<void> SimLiveSide::open_chain(OperationCost& cost) {
  const Noting noting(*this, cost);
  memory_.emplace(lookup_.metadata_cache_bytes.value_or(0) / table_page_length);
  chain_.emplace(files_.open(OpenMode::read_write, *memory_, lookup_.resolve, range_.target));
  for (const auto& layer : chain_->layers())
    TRY(read_head(*layer));
  return {};
}

Result<void> SimLiveSide::close_chain(OperationCost& cost) {
  const Noting noting(*this, cost);
  TRY(chain_->close());
  chain_.reset();
  return {};
}

Result<void> SimLiveSide::put_on_top(OperationCost& cost) {
  const Noting noting(*this, cost);
  LayerFile& leaf = *files_.files().back();
  LayerFile& top = files_.add_checkpoint();
  top.traffic = {.file = top.name};
  TableMemory memory;
  const auto layer = files_.open_layer(top, OpenMode::read_write, memory);
  TRY(read_head(*files_.open_layer(leaf, OpenMode::read_only, memory)));
  for (const ByteRange& part : head_parts)  // of a new file
    TRY(layer->file().write(part.offset, small_.bytes().first(part.length)));
  return layer->file().flush();
}

Result<uint64_t> SimLiveSide::begin_pass(uint64_t batch_bytes, OperationCost& cost) {
  const Noting noting(*this, cost);
  merge_.emplace(files_, host_, range_, batch_bytes);
  for (LayerIndex layer = range_.target; layer <= range_.top; ++layer)
    TRY(read_head(*merge_->layers()[layer]));
  return TRY(estimate_merge(merge_->chain(), range_)).bytes_to_move();
}

Result<uint64_t> SimLiveSide::end_pass(OperationCost& cost) {
  const Noting noting(*this, cost);
  merge_.reset();
  auto& files = files_.files();
  const auto first = files.begin() + range_.target + 1;
  const auto last = files.begin() + range_.top + 1;
  for (auto file = first; file != last; ++file) {
    host_.volume().remove((*file)->number);
    dropped_.push_back((*file)->traffic);
  }
  files.erase(first, last);
  if (range_.target + 1 == files.size()) return 0;
  {
    TableMemory memory;
    const auto child = files_.open_layer(*files[range_.target + 1], OpenMode::read_write, memory);
    TRY(child->file().write(head_parts.back().offset, small_.bytes().first(4 * kib)));  // its locator
    TRY(child->file().flush());
  }
  if (!takes_leaf_) return 0;
  range_.top = range_.target + 1;
  TableMemory memory;
  const Chain chain = files_.open(OpenMode::read_only, memory);
  return TRY(estimate_merge(chain, range_)).bytes_to_move();
}

void SimLiveSide::let_go() {
  merge_.reset();
  chain_.reset();
  files_.recorder().collected = nullptr;
}

}  // namespace vhdlab::scenarios
