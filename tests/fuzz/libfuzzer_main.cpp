// The door libFuzzer knocks at. The build compiles this once for each target, with VHDLAB_FUZZ_TARGET naming
// it.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <span>

#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    vhdlab::fuzz::VHDLAB_FUZZ_TARGET(std::as_bytes(std::span(data, size)));
  } catch (const std::exception& broken) {
    std::fprintf(stderr, "broken promise: %s\n", broken.what());
    std::abort();
  }
  return 0;
}
