// Requests to files, many in flight at once from one thread. The caller submits reads, writes and flushes,
// each with a tag of its own choosing, and collects completions in whatever order they come.
//
//   submit_read(file, 4096, memory, 7) ─┐
//   submit_write(...)                   ├─► in flight ─► wait() ─► { tag 7, done }, { tag 9, file-no-space }
//   submit_flush(...)                  ─┘
//
// Implementations: psync_queue (each request carried out by the submitting thread, at once) and uring_queue
// (Linux io_uring). Both pass tests/conformance/io_queue_conformance.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "engine/base/bytes.h"
#include "engine/base/error.h"
#include "engine/io/file.h"

namespace vhdlab {

// A file as its queue knows it: the answer of attach().
enum class QueuedFile : uint32_t {};

struct IoCompletion {
  uint64_t tag = 0;
  Result<void> result;  // faults as those of File::read, write and flush
};

// One thread uses a queue: the one that made it. Requests in flight together have no order among them: who
// needs one waits in between. Overlapping requests, and a resize or a hole punched where requests are in
// flight, leave bytes of either, as with File. A request counts in a CountedFile like the call it stands for.
//
// Nothing is allocated and no byte is copied per request once as many were in flight before.
class IoQueue {
 public:
  // Waits until nothing is in flight any more, cancelling what has not begun; the completions are lost, and
  // whether a write among them took place is unknown.
  virtual ~IoQueue() = default;

  // Makes a file known to the queue; it outlives the queue, or is detached first.
  [[nodiscard]] virtual QueuedFile attach(File& file) = 0;

  // Forgets a file that nothing in flight refers to. Its number may be given out again.
  virtual void detach(QueuedFile file) = 0;

  // Tells that most requests will use parts of `memory`, so that the system need not look up its pages each
  // time. At most once; the memory outlives the queue. Where the system refuses, nothing is lost but speed.
  // Faults: io-memory-not-registered.
  [[nodiscard]] virtual Result<void> register_memory(MutableBytes memory) = 0;

  // As File::read, write and flush. The memory stays the caller's, and untouched by him, until the completion
  // has been collected. Any number may be in flight; beyond the queue's depth they wait their turn.
  virtual void submit_read(QueuedFile file, uint64_t offset, MutableBytes into, uint64_t tag) = 0;
  virtual void submit_write(QueuedFile file, uint64_t offset, Bytes from, uint64_t tag) = 0;
  virtual void submit_flush(QueuedFile file, uint64_t tag) = 0;

  // Waits for at least one completion and hands over those there are, at most `into.size()` (not 0); 0 at
  // once where nothing is in flight. Faults: file-io, where the system refuses to wait; then the queue is
  // unusable.
  [[nodiscard]] virtual Result<size_t> wait(std::span<IoCompletion> into) = 0;

  // Requests submitted whose completions have not been handed over.
  [[nodiscard]] virtual size_t in_flight() const = 0;
};

}  // namespace vhdlab
