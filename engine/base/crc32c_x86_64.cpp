// CRC-32C by the crc32 instruction of SSE4.2: eight bytes per instruction, three cycles each. The one
// function that uses it is compiled for it; the rest of the program runs on any x86-64 processor.
#include <cstring>

#include <nmmintrin.h>

#include "engine/base/crc32c_paths.h"

namespace vhdlab {
namespace {

__attribute__((target("sse4.2"))) uint32_t crc32c_by_sse42(Bytes bytes, uint32_t previous) {
  uint64_t crc = ~previous;
  while (bytes.size() >= 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    crc = _mm_crc32_u64(crc, word);
    bytes = bytes.subspan(8);
  }
  auto narrow = static_cast<uint32_t>(crc);
  for (std::byte byte : bytes)
    narrow = _mm_crc32_u8(narrow, static_cast<uint8_t>(byte));
  return ~narrow;
}

}  // namespace

Crc32cFunction crc32c_by_instruction() {
  return __builtin_cpu_supports("sse4.2") != 0 ? crc32c_by_sse42 : nullptr;
}

}  // namespace vhdlab
