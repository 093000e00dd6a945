// qemu's own block layer, driven inside qemu: `qemu-img bench` submits requests
// from one thread with no socket and no guest in between. It knows no random
// order, but a step: with the scattered one it touches every block once
// (ReadOrder::scattered), which is why all peers read in that order.
//
// Layers are qcow2 with clusters of 64 KiB, the size of the writes; the base
// has clusters of 2 MiB. qemu's depth figures are ratios within qemu; a raw
// file (depth_raw) is its own baseline.
#pragma once

#include <memory>
#include <string>

#include "bench/peers/peer.h"

namespace vhdlab::peers {

// A depth for Peer::read that means: the plain file, opened as raw by qemu.
inline constexpr uint32_t depth_raw = UINT32_MAX;

// `depth_limit`: deeper layers are not made, because qemu's cost grows with the
// square of depth. `raw_path` is the plain peer's file.
[[nodiscard]] std::unique_ptr<Peer> make_qemu_peer(const std::string& folder, const std::string& raw_path,
                                                   uint32_t depth_limit);

[[nodiscard]] std::string qemu_leaf(const std::string& folder, uint32_t depth);

// Seconds that qemu-img bench says its requests took. Fault: peer-tool-output.
[[nodiscard]] Result<double> qemu_bench_seconds(const std::string& output);

}  // namespace vhdlab::peers
