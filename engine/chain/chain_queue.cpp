// Operations in flight; see chain_queue.h.
#include "engine/chain/chain_queue.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace vhdlab {

ChainQueue::ChainQueue(Chain& chain, std::unique_ptr<IoQueue> files, uint32_t depth)
    : chain_(chain), files_(std::move(files)) {
  if (files_ == nullptr) return;
  queued_.resize(chain.layers().size());
  is_queued_.resize(chain.layers().size());
  operations_.resize(depth);
  for (size_t place = depth; place > 0; --place)
    free_places_.push_back(place - 1);
  parts_.resize(depth);
}

ChainQueue::~ChainQueue() = default;

// ---- Submitting ----

void ChainQueue::submit_read(uint64_t offset, MutableBytes into, uint64_t tag) {
  ++in_flight_;
  if (files_ == nullptr) {
    auto result = chain_.read(offset, into, read_plan_);
    use_.layers_probed += read_plan_.layers_probed;
    count(read_plan_.tables);
    return done_now(tag, std::move(result));
  }
  const size_t place = take_place(tag, {offset, into.size()}, false);
  part_done(place, start_read(place, into));
}

void ChainQueue::submit_write(uint64_t offset, Bytes from, uint64_t tag) {
  ++in_flight_;
  if (files_ == nullptr ||
      from.size() > Chain::write_piece_bytes_max) {  // several plans: one after the other
    auto result = chain_.write(offset, from, write_plan_);
    count(write_plan_.tables);
    return done_now(tag, std::move(result));
  }
  const size_t place = take_place(tag, {offset, from.size()}, true);
  part_done(place, start_write(place, from));
}

void ChainQueue::submit_flush(uint64_t tag) {
  ++in_flight_;
  done_now(tag, chain_.flush());
}

size_t ChainQueue::take_place(uint64_t tag, ByteRange range, bool is_write) {
  assert(!free_places_.empty());
  const size_t place = free_places_.back();
  free_places_.pop_back();
  Operation& operation = operations_[place];
  operation.tag = tag;
  operation.range = range;
  operation.is_write = is_write;
  operation.parts_left = 1;  // the submission itself, so that no part can be the last before all are there
  operation.result = {};
  return place;
}

Result<void> ChainQueue::start_read(size_t place, MutableBytes into) {
  Operation& operation = operations_[place];
  TRY(chain_.resolve(operation.range, read_plan_));
  use_.layers_probed += read_plan_.layers_probed;
  count(read_plan_.tables);
  for (const ReadSegment& segment : read_plan_.segments) {
    const MutableBytes part = into.subspan(segment.virtual_offset - operation.range.offset, segment.length);
    if (segment.is_zero) {
      std::memset(part.data(), 0, part.size());
    } else {
      ++operation.parts_left;
      files_->submit_read(queued(segment.layer), segment.file_offset, part, place);
    }
  }
  return {};
}

Result<void> ChainQueue::start_write(size_t place, Bytes from) {
  Operation& operation = operations_[place];
  TRY(chain_.plan_write(operation.range, operation.plan));
  count(operation.plan.tables);
  for (const ByteRange& zeros : operation.plan.zero_fill)
    TRY(chain_.leaf().file().punch_hole(zeros));
  for (const Placement& placement : operation.plan.data) {
    ++operation.parts_left;
    files_->submit_write(queued(chain_.depth()), placement.file_offset,
                         from.subspan(placement.virtual_offset - operation.range.offset, placement.length),
                         place);
  }
  return {};
}

QueuedFile ChainQueue::queued(LayerIndex layer) {
  if (!is_queued_[layer]) {
    queued_[layer] = files_->attach(chain_.layers()[layer]->file());
    is_queued_[layer] = true;
  }
  return queued_[layer];
}

// ---- Completing ----

Result<size_t> ChainQueue::wait(std::span<ChainCompletion> into) {
  while (done_.empty() && in_flight_ > 0) {
    const size_t parts = TRY(files_->wait(parts_));
    for (size_t i = 0; i < parts; ++i)
      part_done(parts_[i].tag, std::move(parts_[i].result));
  }
  const size_t count = std::min(into.size(), done_.size());
  std::move(done_.begin(), done_.begin() + static_cast<ptrdiff_t>(count), into.begin());
  done_.erase(done_.begin(), done_.begin() + static_cast<ptrdiff_t>(count));
  in_flight_ -= count;
  return count;
}

// The first fault of an operation's parts is its own; a write is published only when all its bytes are there.
void ChainQueue::part_done(size_t place, Result<void> result) {
  Operation& operation = operations_[place];
  if (!result && operation.result) operation.result = std::move(result);
  if (--operation.parts_left > 0) return;
  if (operation.is_write && operation.result)
    operation.result = chain_.publish_write(operation.range, operation.plan);
  done_now(operation.tag, std::move(operation.result));
  free_places_.push_back(place);
}

void ChainQueue::done_now(uint64_t tag, Result<void> result) {
  done_.push_back({tag, std::move(result)});
}

void ChainQueue::count(const TableUse& tables) {
  use_.table_lookups += tables.lookups;
  use_.table_reads += tables.reads.size();
}

}  // namespace vhdlab
