// A plain file of the disk's size, read where the bytes lie: what every chain
// is measured against. The same loop as vhdlab's, without a chain in it.
#pragma once

#include <memory>
#include <string>

#include "bench/peers/peer.h"

namespace vhdlab::peers {

// Keeps its file in `folder`, which exists.
[[nodiscard]] std::unique_ptr<Peer> make_plain_peer(const std::string& folder);

}  // namespace vhdlab::peers
