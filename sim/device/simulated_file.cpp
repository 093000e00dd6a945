// Taking note of a file's requests; see simulated_file.h.
#include "sim/device/simulated_file.h"

#include <algorithm>

#include <fmt/format.h>

namespace vhdlab::sim {

Result<CopyWay> RequestSink::copy(uint32_t source, ByteRange from, uint32_t target, uint64_t to_offset) {
  TRY(take({RequestKind::read, source, from.offset, from.length}, {}));
  TRY(take({RequestKind::write, target, to_offset, from.length}, {}));
  return CopyWay::in_system;
}

Result<void> SimulatedFile::refuse_beyond_end(ByteRange range) const {
  if (range.offset <= size_bytes_ && range.length <= size_bytes_ - range.offset) return {};
  return failure(ErrorKind::damaged, "file-too-short",
                 fmt::format("{}: {} bytes at {:#x} reach past its end at {:#x}", name_, range.length,
                             range.offset, size_bytes_));
}

Result<void> SimulatedFile::read(uint64_t offset, MutableBytes into) {
  if (into.empty()) return {};
  TRY(content_ != nullptr ? content_->read(offset, into) : refuse_beyond_end({offset, into.size()}));
  return sink_.take({RequestKind::read, number_, offset, into.size()}, into);
}

Result<void> SimulatedFile::write(uint64_t offset, Bytes from) {
  if (from.empty()) return {};
  if (content_ != nullptr) TRY(content_->write(offset, from));
  size_bytes_ = std::max(size_bytes_, offset + from.size());
  return sink_.take({RequestKind::write, number_, offset, from.size()}, from);
}

Result<CopyWay> SimulatedFile::copy_from(File& source, ByteRange from, uint64_t to_offset) {
  auto* other = dynamic_cast<SimulatedFile*>(&source);
  const bool is_of_a_kind =
      other != nullptr && &other->sink_ == &sink_ && (other->content_ == nullptr) == (content_ == nullptr);
  if (!is_of_a_kind) return File::copy_from(source, from, to_offset);
  if (from.empty()) return CopyWay::in_system;
  if (content_ != nullptr) {
    TRY(content_->copy_from(*other->content_, from, to_offset));
  } else {
    TRY(other->refuse_beyond_end(from));
  }
  size_bytes_ = std::max(size_bytes_, to_offset + from.length);
  return sink_.copy(other->number_, from, number_, to_offset);
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
