// The checksum rule all VHDX structures share: CRC-32C over the whole structure with the 4-byte field at
// offset 4 taken as zero (2.2.2, 2.2.3.1, 2.3.1.1).
#pragma once

#include <array>

#include "engine/base/bytes.h"
#include "engine/base/crc32c.h"

namespace vhdlab::vhdx {

[[nodiscard]] inline uint32_t checksum_of(Bytes structure) {
  constexpr std::array<std::byte, 4> no_checksum{};
  const uint32_t before = crc32c(structure.first(4));
  return crc32c(structure.subspan(8), crc32c(no_checksum, before));
}

template <typename Structure>
[[nodiscard]] uint32_t checksum_of(const Structure& structure)
  requires(sizeof(Structure) >= 4096)
{
  return checksum_of(std::as_bytes(std::span(&structure, 1)));
}

}  // namespace vhdlab::vhdx
