// An array most of which is never used: a slab of elements comes into being when one of them is first
// changed. For what is kept per region of a disk, of which there may be hundreds of millions.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

namespace vhdlab {

// Safe to use from several threads as far as `T` is. An element stays where it is once it exists, made by its
// default constructor. Memory: 8 bytes for each `slab_length` elements, and the slabs that exist.
template <typename T, size_t slab_length_of = 1024>
class SlabArray {
 public:
  static constexpr size_t slab_length = slab_length_of;

  explicit SlabArray(size_t size) : size_(size), slabs_((size + slab_length - 1) / slab_length) {}

  [[nodiscard]] size_t size() const { return size_; }

  // The element, where its slab exists.
  [[nodiscard]] T* find(size_t index) const {
    Slab* const slab = slabs_[index / slab_length].load(std::memory_order_acquire);
    return slab != nullptr ? &(*slab)[index % slab_length] : nullptr;
  }

  // The element, which exists from now on.
  [[nodiscard]] T& at(size_t index) {
    if (T* const found = find(index)) return *found;
    const std::lock_guard lock(mutex_);
    if (T* const found = find(index)) return *found;
    Slab& made = *owned_.emplace_back(std::make_unique<Slab>());
    slabs_[index / slab_length].store(&made, std::memory_order_release);
    return made[index % slab_length];
  }

  [[nodiscard]] size_t memory_bytes() const {
    const std::lock_guard lock(mutex_);
    return slabs_.size() * sizeof(slabs_[0]) + owned_.size() * sizeof(Slab);
  }

 private:
  using Slab = std::array<T, slab_length>;

  const size_t size_;
  std::vector<std::atomic<Slab*>> slabs_;
  mutable std::mutex mutex_;  // guards owned_
  std::vector<std::unique_ptr<Slab>> owned_;
};

}  // namespace vhdlab
