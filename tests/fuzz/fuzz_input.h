// Takes numbers and runs of bytes off the front of a fuzzer's input. An input that ends early goes on as
// zeros, so that every input means something and a shorter one means less.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/base/bytes.h"

namespace vhdlab::fuzz {

class FuzzInput {
 public:
  explicit FuzzInput(Bytes rest) : rest_(rest) {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }

  uint8_t u8() {
    if (rest_.empty()) return 0;
    const auto value = std::to_integer<uint8_t>(rest_.front());
    rest_ = rest_.subspan(1);
    return value;
  }
  uint16_t u16() {
    const uint16_t low = u8();
    return static_cast<uint16_t>(low | u8() << 8);
  }
  uint64_t u64() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 8)
      value |= uint64_t{u8()} << shift;
    return value;
  }
  Bytes take(size_t count) {
    const Bytes taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  Bytes rest() { return take(rest_.size()); }

 private:
  Bytes rest_;
};

}  // namespace vhdlab::fuzz
