// The ways crc32c() has to reach its answer, apart from each other so that a test can hold them against each
// other. They take and return the CRC as callers know it, already inverted.
#pragma once

#include <cstdint>

#include "engine/base/bytes.h"

namespace vhdlab {

using Crc32cFunction = uint32_t (*)(Bytes bytes, uint32_t previous);

// Works everywhere: eight bytes per step through eight tables of 256 entries.
[[nodiscard]] uint32_t crc32c_by_tables(Bytes bytes, uint32_t previous);

// The processor's own CRC-32C instruction; nullptr where this processor has none.
[[nodiscard]] Crc32cFunction crc32c_by_instruction();

}  // namespace vhdlab
