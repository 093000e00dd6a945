// Who stands beside whom: a plain file, vhdlab, qemu and fio take the same disk
// through the same reads. A peer builds the deep chain its own way in its own
// folder, from one description, and says how many reads a second it does.
//
// The chain: a full base, and layers of a few random writes each (the disk
// keeps its last layers' bytes, so a read at depth 1000 finds its data spread
// evenly over a thousand files):
//
//   layer 1000      ▒     ▒         16 writes of 64 KiB
//   ...
//   layer 1     ▒             ▒     16 writes of 64 KiB
//   base        █ █ █ █ █ █ █ █ █   every block of 2 MiB
//
// Every write carries one byte over and over, which follows from the seed, the
// layer and the write: so each peer's disk can be checked, and qemu's tools can
// write it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/error.h"
#include "engine/base/units.h"
#include "engine/chain/chain.h"

namespace vhdlab::peers {

struct DiskShape {
  uint64_t disk_bytes = gib;
  uint32_t base_block_bytes = 2 * mib;
  uint32_t write_bytes = 64 * kib;  // also the cluster size of qemu's layers
  uint32_t writes_per_layer = 16;
  uint32_t depth_max = 1000;
  uint64_t seed = 42;

  // "1073741824-1000-42": two shapes with one key are the same disk.
  [[nodiscard]] std::string key() const;
};

struct ShapeWrite {
  uint64_t offset = 0;
  uint8_t content = 0;  // never 0, which a disk could hold without being written
};

// Write number `number` of layer 1 .. depth_max.
[[nodiscard]] ShapeWrite write_of(const DiskShape& shape, uint32_t layer, uint32_t number);

// The byte that fills the base's block around `offset`.
[[nodiscard]] uint8_t base_content(const DiskShape& shape, uint64_t offset);

// The byte at `offset` of the disk with this many layers above the base.
[[nodiscard]] uint8_t expected_content(const DiskShape& shape, uint32_t depth, uint64_t offset);

// How the bytes travel.
enum class IoKind {
  mapped,    // copied out of a mapping of the file
  psync,     // one pread at a time, as many threads as the queue is deep
  io_uring,  // one thread, as many requests in flight as the queue is deep
};
[[nodiscard]] std::string_view io_name(IoKind io);

enum class ReadOrder {
  scattered,   // every block once in an order in which neighbours are far apart:
               // block i is i * step mod blocks with the odd step nearest to
               // blocks / golden ratio; all peers can do it, qemu-img bench
               // included
  random,      // uniform draws; qemu-img bench cannot
  sequential,  // block after block
};

struct ReadWork {
  uint32_t depth = 0;
  uint64_t request_bytes = 4096;
  ReadOrder order = ReadOrder::scattered;
  IoKind io = IoKind::psync;
  ResolveMode resolve = ResolveMode::index;  // vhdlab's alone
  uint32_t queue_depth = 1;
  bool direct = false;
  Nanoseconds duration{0};  // about this long; qemu counts requests and is given
                            // as many as it took before
};

// The step of ReadOrder::scattered.
[[nodiscard]] uint64_t scattered_step(uint64_t blocks);

// One thread calls a peer. Implementations: plain_peer, vhdlab_peer, qemu_peer,
// fio_peer.
class Peer {
 public:
  virtual ~Peer() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;

  // Makes the disk in the peer's folder; one made before from the same shape is
  // kept.
  [[nodiscard]] virtual Result<void> build(const DiskShape& shape) = 0;

  // Reads a sample of the disk and compares it with the shape. Fault:
  // peer-wrong-data.
  [[nodiscard]] virtual Result<void> check(uint32_t depth) = 0;

  // The files a read at this depth may touch.
  [[nodiscard]] virtual std::vector<std::string> files(uint32_t depth) const = 0;

  // Reads a second. Faults: peer-io-unsupported where the peer does not have
  // this kind of I/O or the system refuses it; those of reading.
  [[nodiscard]] virtual Result<double> read(const ReadWork& work) = 0;
};

}  // namespace vhdlab::peers
