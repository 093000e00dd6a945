// Taking note of a file's requests; see simulated_file.h.
#include "sim/device/simulated_file.h"

#include <algorithm>

#include <fmt/format.h>

namespace vhdlab::sim {

Result<void> SimulatedFile::read(uint64_t offset, MutableBytes into) {
  if (into.empty()) return {};
  if (content_ != nullptr) {
    TRY(content_->read(offset, into));
  } else if (offset > size_bytes_ || into.size() > size_bytes_ - offset) {
    return failure(ErrorKind::damaged, "file-too-short",
                   fmt::format("{}: {} bytes at {:#x} reach past its end at {:#x}", name_, into.size(),
                               offset, size_bytes_));
  }
  return sink_.take({RequestKind::read, number_, offset, into.size()}, {});
}

Result<void> SimulatedFile::write(uint64_t offset, Bytes from) {
  if (from.empty()) return {};
  if (content_ != nullptr) TRY(content_->write(offset, from));
  size_bytes_ = std::max(size_bytes_, offset + from.size());
  return sink_.take({RequestKind::write, number_, offset, from.size()}, from);
}

Result<void> SimulatedFile::flush() {
  if (content_ != nullptr) TRY(content_->flush());
  return sink_.take({.kind = RequestKind::flush, .file = number_}, {});
}

Result<uint64_t> SimulatedFile::size_bytes() {
  if (content_ != nullptr) return content_->size_bytes();
  return size_bytes_;
}

Result<void> SimulatedFile::resize(uint64_t size_bytes) {
  if (content_ != nullptr) TRY(content_->resize(size_bytes));
  size_bytes_ = size_bytes;
  return {};
}

Result<void> SimulatedFile::punch_hole(ByteRange range) {
  if (content_ != nullptr) TRY(content_->punch_hole(range));
  sink_.forget(number_, range);
  return {};
}

Result<std::optional<ByteRange>> SimulatedFile::next_data(uint64_t offset) {
  if (content_ != nullptr) return content_->next_data(offset);
  if (offset >= size_bytes_) return std::nullopt;
  return ByteRange{offset, size_bytes_ - offset};
}

Result<uint64_t> SimulatedFile::allocated_bytes() {
  if (content_ != nullptr) return content_->allocated_bytes();
  return size_bytes_;
}

Result<void> DeviceWait::take(const FileRequest& request, Bytes) {
  placed_.clear();
  TRY(volume_.place(request, placed_));
  waiting_ = placed_.size();
  for (const DeviceRequest& placed : placed_)
    device_.submit(placed, *this, 0);
  const RunEnd end = events_.run();
  if (end == RunEnd::stopped) return {};
  return failure(ErrorKind::io_failed, "sim-no-answer",
                 fmt::format("the simulated device did not answer: {}", reason_of(end)));
}

}  // namespace vhdlab::sim
