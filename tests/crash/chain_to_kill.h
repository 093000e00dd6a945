// A chain on real files for tests that kill whoever merges it: base.vhdx, 1.avhdx, 2.avhdx, ... in one
// folder.
#pragma once

#include <filesystem>
#include <string>

#include "engine/base/random.h"
#include "engine/chain/chain.h"

namespace vhdlab::tests {

// The file of a layer; 0 is the base.
std::string layer_name(LayerIndex layer);

// A dynamic base of 16 MiB under `depth` layers. Each layer and the base get `writes` random writes of 4 to
// 128 KiB at random sectors, and 1 MiB of zeros. A failure fails the test.
void make_chain_to_kill(const std::filesystem::path& folder, LayerIndex depth, int writes,
                        RandomSource& random);

// Replaces the folder `to` by one with copies of the chain's files, holes and all.
void copy_chain(const std::filesystem::path& from, const std::filesystem::path& to, LayerIndex depth);

}  // namespace vhdlab::tests
