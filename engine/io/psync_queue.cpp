// The queue without asynchrony; see psync_queue.h.
#include "engine/io/psync_queue.h"

#include <algorithm>
#include <utility>

namespace vhdlab {

QueuedFile PsyncQueue::attach(File& file) {
  const auto free = std::ranges::find(files_, nullptr);
  const auto number = static_cast<uint32_t>(free - files_.begin());
  if (free == files_.end()) {
    files_.push_back(&file);
  } else {
    *free = &file;
  }
  return QueuedFile{number};
}

void PsyncQueue::detach(QueuedFile file) {
  files_[std::to_underlying(file)] = nullptr;
}

void PsyncQueue::submit_read(QueuedFile file, uint64_t offset, MutableBytes into, uint64_t tag) {
  done_.push_back({tag, files_[std::to_underlying(file)]->read(offset, into)});
}

void PsyncQueue::submit_write(QueuedFile file, uint64_t offset, Bytes from, uint64_t tag) {
  done_.push_back({tag, files_[std::to_underlying(file)]->write(offset, from)});
}

void PsyncQueue::submit_flush(QueuedFile file, uint64_t tag) {
  done_.push_back({tag, files_[std::to_underlying(file)]->flush()});
}

Result<size_t> PsyncQueue::wait(std::span<IoCompletion> into) {
  const size_t count = std::min(into.size(), done_.size());
  std::move(done_.begin(), done_.begin() + static_cast<ptrdiff_t>(count), into.begin());
  done_.erase(done_.begin(), done_.begin() + static_cast<ptrdiff_t>(count));
  return count;
}

}  // namespace vhdlab
