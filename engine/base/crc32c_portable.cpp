// For processors whose CRC-32C instruction, if any, this program does not know: there is only the way by
// tables.
#include "engine/base/crc32c_paths.h"

namespace vhdlab {

Crc32cFunction crc32c_by_instruction() {
  return nullptr;
}

}  // namespace vhdlab
