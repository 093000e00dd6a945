// Integers as they lie on disk. A le32 is four bytes in little-endian order with no alignment; it converts to
// and from uint32_t, so an on-disk structure is declared with the types of its specification and read field
// by field.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace vhdlab {

template <std::unsigned_integral T, std::endian order>
class DiskInteger {
 public:
  DiskInteger() = default;
  DiskInteger(T value) { *this = value; }  // implicit on purpose: a disk integer is an integer

  DiskInteger& operator=(T value) {
    bytes_ = std::bit_cast<Stored>(in_disk_order(value));
    return *this;
  }
  operator T() const { return in_disk_order(std::bit_cast<T>(bytes_)); }

 private:
  using Stored = std::array<std::byte, sizeof(T)>;

  static constexpr T in_disk_order(T value) {
    if constexpr (order == std::endian::native) {
      return value;
    } else if constexpr (sizeof(T) == 2) {
      return __builtin_bswap16(value);
    } else if constexpr (sizeof(T) == 4) {
      return __builtin_bswap32(value);
    } else {
      return __builtin_bswap64(value);
    }
  }

  Stored bytes_{};
};

using le16 = DiskInteger<uint16_t, std::endian::little>;
using le32 = DiskInteger<uint32_t, std::endian::little>;
using le64 = DiskInteger<uint64_t, std::endian::little>;
using be16 = DiskInteger<uint16_t, std::endian::big>;
using be32 = DiskInteger<uint32_t, std::endian::big>;
using be64 = DiskInteger<uint64_t, std::endian::big>;

static_assert(sizeof(le64) == 8 && alignof(le64) == 1);

}  // namespace vhdlab
