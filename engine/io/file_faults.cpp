// The sentences of the faults every File shares.
#include "engine/io/file_faults.h"

#include <limits>

#include <fmt/format.h>

namespace vhdlab {

std::unexpected<Error> file_too_short(std::string_view name, uint64_t offset, uint64_t length,
                                      uint64_t size_bytes) {
  return failure(
      ErrorKind::damaged, "file-too-short",
      fmt::format("{}: cannot read {} bytes at {}: the file ends at {}", name, length, offset, size_bytes),
      "the file may have been cut short: restore it from a copy");
}

std::unexpected<Error> file_read_only(std::string_view name, std::string_view action) {
  return failure(ErrorKind::permission_denied, "file-read-only",
                 fmt::format("{}: cannot {}: the file was opened for reading only", name, action));
}

std::unexpected<Error> file_in_use(std::string_view name) {
  return failure(ErrorKind::in_use, "file-in-use",
                 fmt::format("{}: cannot open for writing: another writer holds the file", name),
                 "wait for it to finish, or stop it ('lslocks' names the process)");
}

std::unexpected<Error> file_too_large(std::string_view name, uint64_t offset, uint64_t length) {
  return failure(
      ErrorKind::invalid_argument, "file-too-large",
      fmt::format("{}: {} bytes at {} reach beyond the largest file, 2^63 - 1 bytes", name, length, offset));
}

std::unexpected<Error> file_flush_lost(std::string_view name) {
  return failure(
      ErrorKind::io_failed, "file-io",
      fmt::format("{}: cannot flush: an earlier flush failed, so writes before it may be lost", name),
      "treat the file as damaged: check it, or restore it from a copy");
}

bool is_file_range(uint64_t offset, uint64_t length) {
  constexpr uint64_t largest = std::numeric_limits<int64_t>::max();
  return offset <= largest && length <= largest - offset;
}

}  // namespace vhdlab
