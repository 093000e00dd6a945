// vhdlab, through the interfaces its users have: chains made with create_disk
// and create_child, opened with open_chain, read with Chain::read.
#pragma once

#include <memory>
#include <string>

#include "bench/peers/peer.h"

namespace vhdlab::peers {

// Keeps its files in `folder`, which exists.
[[nodiscard]] std::unique_ptr<Peer> make_vhdlab_peer(const std::string& folder);

// The same files read by the plain loop at places looked up beforehand: what is left of a deep chain's cost
// when nothing resolves, which is what its files cost the system. Requests must stand in one file each.
[[nodiscard]] std::unique_ptr<Peer> make_places_peer(const std::string& folder);

// The file whose chain has this depth.
[[nodiscard]] std::string vhdlab_leaf(const std::string& folder, uint32_t depth);

}  // namespace vhdlab::peers
