// One file, opened: the engine's only door to bytes that outlive the process. Implementations: a POSIX file,
// a file in memory, and wrappers that count or fail. All pass tests/conformance/file_conformance.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "engine/base/bytes.h"
#include "engine/base/error.h"
#include "engine/io/system_file.h"

namespace vhdlab {

// How bytes came from one file into another.
enum class CopyWay : uint8_t {
  shared,          // the file system keeps them once, for both files
  in_system,       // copied without passing through this process
  through_memory,  // read and written
};

// Offsets and lengths are bytes. read() and write() may be called from several threads at once, with results
// as if each call were atomic where the ranges do not overlap. Every failure's message begins with name().
class File {
 public:
  virtual ~File() = default;

  // The path as given when the file was opened; for messages.
  [[nodiscard]] virtual const std::string& name() const = 0;

  // Fills `into` from [offset, offset + into.size()). Reading past the end is the fault file-too-short.
  [[nodiscard]] virtual Result<void> read(uint64_t offset, MutableBytes into) = 0;

  // Writes all of `from`, extending the file when it ends past the end. Durable only after flush().
  // Faults: file-no-space, file-read-only, file-io.
  [[nodiscard]] virtual Result<void> write(uint64_t offset, Bytes from) = 0;

  // Makes [to_offset, +from.length) hold what `from` holds in `source`, which is another file, in the
  // cheapest way both files have; extends this file as write() does, and a long hole may stay one. As with
  // write(), durable only after flush(), and cut short by a failure anywhere. Says the way most of the bytes
  // took. Faults: file-too-short (of the source), those of read() and write().
  [[nodiscard]] virtual Result<CopyWay> copy_from(File& source, ByteRange from, uint64_t to_offset);

  // Makes every completed write and resize durable.
  [[nodiscard]] virtual Result<void> flush() = 0;

  [[nodiscard]] virtual Result<uint64_t> size_bytes() = 0;

  // Sets the size; new bytes read as zeros.
  [[nodiscard]] virtual Result<void> resize(uint64_t size_bytes) = 0;

  // Makes the range read as zeros, giving its space back where the file system can. Does not change the size.
  [[nodiscard]] virtual Result<void> punch_hole(ByteRange range) = 0;

  // The first run of bytes at or after `offset` that may hold data; nothing where only holes remain. A file
  // system that does not know holes answers with everything up to the end.
  [[nodiscard]] virtual Result<std::optional<ByteRange>> next_data(uint64_t offset) = 0;

  // Space taken on the device, which is less than size_bytes() for a sparse file.
  [[nodiscard]] virtual Result<uint64_t> allocated_bytes() = 0;

  // How a queue reaches the system past read(), write() and flush(); nothing where it must not. Valid as long
  // as this object.
  [[nodiscard]] virtual std::optional<QueueDoor> queue_door() { return std::nullopt; }

 protected:
  // Looking for holes costs calls to the system: in a shorter run that is copied, a hole is not worth them.
  static constexpr uint64_t hole_bytes_min = 256 * kib;
};

}  // namespace vhdlab
