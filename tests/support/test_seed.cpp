// Reads or draws the seed and says which.
#include "tests/support/test_seed.h"

#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>

#include "engine/base/random.h"

namespace vhdlab::tests {

uint64_t test_seed() {
  const char* wanted = std::getenv("VHDLAB_TEST_SEED");
  uint64_t seed =
      wanted != nullptr && *wanted != '\0' ? std::strtoull(wanted, nullptr, 0) : SystemRandom().next_u64();
  fmt::print(stderr, "seed {0}; again with VHDLAB_TEST_SEED={0}\n", seed);
  return seed;
}

}  // namespace vhdlab::tests
