// The operations of one step of a scenario, numbered from 0. A stream is a pure function of its number:
// operation 17 is the same in every run, on every target, whichever worker asks and in whatever order, so any
// number of workers share one stream by claiming numbers from one counter.
//
//   worker A ─┐                    ┌─► at(17) ─► read  4 KiB at 3.2 GiB
//   worker B ─┼─► OperationCursor ─┼─► at(18) ─► write 4 KiB at 0.1 GiB
//   worker C ─┘     (one counter)  └─► at(19) ─► flush
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <optional>

#include "engine/base/bytes.h"
#include "engine/base/units.h"

namespace vhdlab::scenarios {

enum class OperationKind : uint8_t { read, write, trim, flush };

// One request to the virtual disk. A flush has neither offset nor length; every other kind has a length above
// zero and lies inside the disk, aligned to its logical sectors.
struct Operation {
  OperationKind kind = OperationKind::read;
  uint64_t offset_bytes = 0;
  uint64_t length_bytes = 0;

  [[nodiscard]] ByteRange range() const { return {offset_bytes, length_bytes}; }
  friend bool operator==(const Operation&, const Operation&) = default;
};

// The length of a stream that never ends; the step's duration ends it.
inline constexpr uint64_t endless = std::numeric_limits<uint64_t>::max();

// Immutable once made, so safe to use from any number of threads. Implementations: pattern streams
// (pattern_stream.h) and recorded traces (trace.h).
class OperationStream {
 public:
  virtual ~OperationStream() = default;

  // The operation of this number. Promised by the caller: index < length().
  [[nodiscard]] virtual Operation at(uint64_t index) const = 0;

  // How many operations there are, flushes included, or `endless`.
  [[nodiscard]] virtual uint64_t length() const = 0;

  // The largest length_bytes of any operation: what a worker's buffer must hold.
  [[nodiscard]] virtual uint64_t longest_operation_bytes() const = 0;

  // When the operation was issued, counted from the stream's first one. Zero throughout where no times are
  // known.
  [[nodiscard]] virtual Nanoseconds issued_at(uint64_t /*index*/) const { return Nanoseconds{0}; }
};

// Hands out the numbers of one stream, each exactly once, to any number of threads without a lock.
class OperationCursor {
 public:
  explicit OperationCursor(uint64_t length, uint64_t first = 0) : next_(first), length_(length) {}

  // The next number, or nothing once all are taken.
  [[nodiscard]] std::optional<uint64_t> claim() {
    const uint64_t index = next_.fetch_add(1, std::memory_order_relaxed);
    if (index >= length_) return std::nullopt;
    return index;
  }

  // The number the next claim() gets: after a warm-up, the place to go on from. May exceed the length.
  [[nodiscard]] uint64_t position() const { return next_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> next_;
  uint64_t length_;
};

}  // namespace vhdlab::scenarios
