// Reads, writes and flushes of a chain, many in flight at once from one thread. Each operation is resolved,
// its parts go to the files through a queue, and it is done when all of them are:
//
//   submit_read(0, 128 KiB) ─► resolve ─► 64 KiB of layer 7 ─┐
//                                         64 KiB of layer 2 ─┴─► IoQueue ─► all parts done ─► wait()
//   submit_write(...) ─► plan ─► data ─► IoQueue ─► all parts done ─► publish ─► wait()
//
// Resolving and planning are done by the submitting thread. A table page that is not in memory is read there
// and then: what is in flight goes on meanwhile, what comes after waits.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/chain/chain.h"
#include "engine/io/io_queue.h"

namespace vhdlab {

struct ChainCompletion {
  uint64_t tag = 0;
  Result<void> result;
};

// What the operations took to find their bytes, summed up.
struct ChainQueueUse {
  uint64_t layers_probed = 0;  // by reads
  uint64_t table_lookups = 0;  // table pages looked at
  uint64_t table_reads = 0;    // those among them that were not in memory
};

// Used by the one thread that made the queue; other threads may use the chain meanwhile, by queues of their
// own. The chain outlives it and keeps its layers. Memory stays the caller's, untouched, until an operation's
// completion is collected. Overlapping operations in flight have no order among them.
class ChainQueue {
 public:
  // Operations go through `files`, at most `depth` in flight; or, without it, each is carried out before
  // submit returns.
  ChainQueue(Chain& chain, std::unique_ptr<IoQueue> files, uint32_t depth);
  ~ChainQueue();
  ChainQueue(const ChainQueue&) = delete;
  ChainQueue& operator=(const ChainQueue&) = delete;

  // As Chain::read, write and flush. Promised: in_flight() < depth. A flush covers the writes whose
  // completions have been collected.
  void submit_read(uint64_t offset, MutableBytes into, uint64_t tag);
  void submit_write(uint64_t offset, Bytes from, uint64_t tag);
  void submit_flush(uint64_t tag);

  // Waits for at least one completion and hands over those there are, at most `into.size()`; 0 where nothing
  // is in flight. Faults: as IoQueue::wait.
  [[nodiscard]] Result<size_t> wait(std::span<ChainCompletion> into);

  [[nodiscard]] size_t in_flight() const { return in_flight_; }
  [[nodiscard]] const ChainQueueUse& use() const { return use_; }

 private:
  struct Operation {
    uint64_t tag = 0;
    ByteRange range;
    bool is_write = false;
    uint32_t parts_left = 0;
    Result<void> result;
    WritePlan plan;  // of a write
  };

  [[nodiscard]] size_t take_place(uint64_t tag, ByteRange range, bool is_write);
  [[nodiscard]] QueuedFile queued(LayerIndex layer);
  [[nodiscard]] Result<void> start_read(size_t place, MutableBytes into);
  [[nodiscard]] Result<void> start_write(size_t place, Bytes from);
  void done_now(uint64_t tag, Result<void> result);
  void part_done(size_t place, Result<void> result);
  void count(const TableUse& tables);

  Chain& chain_;
  std::unique_ptr<IoQueue> files_;
  std::vector<QueuedFile> queued_;  // by layer
  std::vector<bool> is_queued_;
  std::vector<Operation> operations_;  // by place: the tag of their parts
  std::vector<size_t> free_places_;
  std::vector<ChainCompletion> done_;
  std::vector<IoCompletion> parts_;  // working memory
  ReadPlan read_plan_;
  WritePlan write_plan_;
  ChainQueueUse use_;
  size_t in_flight_ = 0;
};

}  // namespace vhdlab
