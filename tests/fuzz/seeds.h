// Inputs to begin with: generated ones that reach every base image and every kind of change, and ones taken
// from real images and traces where the folder of samples is there.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/bytes.h"

namespace vhdlab::fuzz {

struct Seed {
  std::string name;
  std::vector<std::byte> bytes;
};

// Deterministic but for the samples found. Real samples are cut to what matters, a few KiB each.
[[nodiscard]] std::vector<Seed> seeds_of(std::string_view target);

}  // namespace vhdlab::fuzz
