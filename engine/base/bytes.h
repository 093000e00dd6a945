// Spans of raw bytes, byte ranges, and aligned buffers: the vocabulary every layer of the engine shares.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

namespace vhdlab {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

inline constexpr uint64_t kib = 1024;
inline constexpr uint64_t mib = 1024 * kib;
inline constexpr uint64_t gib = 1024 * mib;
inline constexpr uint64_t tib = 1024 * gib;

// A half-open run of bytes [offset, offset + length) of a file or of a virtual disk; context says which.
struct ByteRange {
  uint64_t offset = 0;
  uint64_t length = 0;

  [[nodiscard]] uint64_t end() const { return offset + length; }
  [[nodiscard]] bool empty() const { return length == 0; }
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

[[nodiscard]] constexpr uint64_t round_down(uint64_t value, uint64_t step) {
  return value / step * step;
}
[[nodiscard]] constexpr uint64_t divide_up(uint64_t value, uint64_t step) {
  return value / step + (value % step != 0 ? 1 : 0);
}
// Undefined where the result exceeds 2^64 - 1: bound untrusted values first.
[[nodiscard]] constexpr uint64_t round_up(uint64_t value, uint64_t step) {
  return divide_up(value, step) * step;
}

// True for an empty span.
[[nodiscard]] bool all_zero(Bytes bytes);

// A zeroed heap buffer whose address is a multiple of `alignment_bytes`, fit for direct I/O. Movable (the
// source is left empty), not copyable. Throws std::bad_alloc, as every allocation here does.
class AlignedBuffer {
 public:
  static constexpr size_t alignment_bytes = 4096;  // the strictest a device in common use asks for

  AlignedBuffer() = default;
  explicit AlignedBuffer(size_t size_bytes);
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] MutableBytes bytes() { return {data_.get(), size_}; }
  [[nodiscard]] Bytes bytes() const { return {data_.get(), size_}; }

 private:
  struct Release {
    void operator()(std::byte* data) const;
  };
  std::unique_ptr<std::byte, Release> data_;
  size_t size_ = 0;
};

}  // namespace vhdlab
