// Comparing runs of bytes by memcmp. libstdc++ 12 compares std::byte one by one in std::ranges::equal and in
// the
// == of containers, each with a call and a check of its own under sanitizers: of a test that looks at whole
// disks after every cut, that was most of the time.
#pragma once

#include <cstring>

#include "engine/base/bytes.h"

namespace vhdlab::tests {

[[nodiscard]] inline bool same_bytes(Bytes one, Bytes other) {
  return one.size() == other.size() &&
         (one.empty() || std::memcmp(one.data(), other.data(), one.size()) == 0);
}

}  // namespace vhdlab::tests
