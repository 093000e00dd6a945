// fio on the plain peer's file: a judge from outside for the loop that measures
// it.
#pragma once

#include <memory>
#include <string>

#include "bench/peers/peer.h"

namespace vhdlab::peers {

// `raw_path` is the plain peer's file.
[[nodiscard]] std::unique_ptr<Peer> make_fio_peer(const std::string& raw_path);

}  // namespace vhdlab::peers
