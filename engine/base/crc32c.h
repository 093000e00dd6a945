// CRC-32C (Castagnoli), the checksum of VHDX headers, region tables and log entries. Check value: "123456789"
// gives 0xe3069283. Uses the processor's instruction where it has one.
#pragma once

#include <cstdint>

#include "engine/base/bytes.h"

namespace vhdlab {

// The CRC of `bytes` following data whose CRC is `previous` (0 for none).
[[nodiscard]] uint32_t crc32c(Bytes bytes, uint32_t previous = 0);

}  // namespace vhdlab
