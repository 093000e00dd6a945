// The seed of a random test: from VHDLAB_TEST_SEED where set, else drawn anew, and always printed, so that
// any failure can be run again.
#pragma once

#include <cstdint>

namespace vhdlab::tests {

[[nodiscard]] uint64_t test_seed();

}  // namespace vhdlab::tests
