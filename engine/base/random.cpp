// The seeded generator's step and the way to the system's entropy.
#include "engine/base/random.h"

#include <cstdlib>

#include <sys/random.h>

namespace vhdlab {

uint64_t SeededRandom::next_u64() {
  uint64_t value = mix64(state_);
  state_ += 0x9e3779b97f4a7c15;  // 2^64 divided by the golden ratio: the increment mix64 has just applied
  return value;
}

uint64_t SystemRandom::next_u64() {
  uint64_t value = 0;
  // getentropy fails only on a kernel without the call; an identity that is not random must never be handed
  // out.
  if (getentropy(&value, sizeof value) != 0) std::abort();
  return value;
}

}  // namespace vhdlab
