// Aligned memory for direct I/O, and the search for a byte that is not zero.
#include "engine/base/bytes.h"

#include <cstdlib>
#include <cstring>
#include <new>

namespace vhdlab {

// A run is zero when its first byte is and every byte equals its neighbour; memcmp is the widest loop at
// hand.
bool all_zero(Bytes bytes) {
  if (bytes.empty()) return true;
  return bytes.front() == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

AlignedBuffer::AlignedBuffer(size_t size_bytes) : size_(size_bytes) {
  if (size_bytes == 0) return;
  // aligned_alloc wants a size that is a multiple of the alignment.
  size_t capacity_bytes = round_up(size_bytes, alignment_bytes);
  if (capacity_bytes < size_bytes) throw std::bad_alloc();
  data_.reset(static_cast<std::byte*>(std::aligned_alloc(alignment_bytes, capacity_bytes)));
  if (!data_) throw std::bad_alloc();
  std::memset(data_.get(), 0, size_bytes);
}

void AlignedBuffer::Release::operator()(std::byte* data) const {
  std::free(data);
}

}  // namespace vhdlab
