// A queue that is none: every request is carried out by File::read, write or flush before submit returns. For
// files that have no descriptor, for systems without io_uring, and as the measure of what a real queue gains.
#pragma once

#include <vector>

#include "engine/io/io_queue.h"

namespace vhdlab {

class PsyncQueue final : public IoQueue {
 public:
  [[nodiscard]] QueuedFile attach(File& file) override;
  void detach(QueuedFile file) override;
  [[nodiscard]] Result<void> register_memory(MutableBytes) override { return {}; }
  void submit_read(QueuedFile file, uint64_t offset, MutableBytes into, uint64_t tag) override;
  void submit_write(QueuedFile file, uint64_t offset, Bytes from, uint64_t tag) override;
  void submit_flush(QueuedFile file, uint64_t tag) override;
  [[nodiscard]] Result<size_t> wait(std::span<IoCompletion> into) override;
  [[nodiscard]] size_t in_flight() const override { return done_.size(); }

 private:
  std::vector<File*> files_;  // by QueuedFile; null where detached
  std::vector<IoCompletion> done_;
};

}  // namespace vhdlab
