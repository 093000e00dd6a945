// Faults of using a File wrongly, worded once for every implementation.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/base/error.h"

namespace vhdlab {

// file-too-short: a read beyond the end of the file.
[[nodiscard]] std::unexpected<Error> file_too_short(std::string_view name, uint64_t offset, uint64_t length,
                                                    uint64_t size_bytes);

// file-read-only: a change to a file opened with OpenMode::read_only.
[[nodiscard]] std::unexpected<Error> file_read_only(std::string_view name, std::string_view action);

// file-in-use: a second open for writing.
[[nodiscard]] std::unexpected<Error> file_in_use(std::string_view name);

// file-too-large: an offset or size beyond 2^63 - 1, which no system call can express.
[[nodiscard]] std::unexpected<Error> file_too_large(std::string_view name, uint64_t offset, uint64_t length);

// file-io: a flush after one that failed.
[[nodiscard]] std::unexpected<Error> file_flush_lost(std::string_view name);

// False where [offset, offset + length) reaches beyond 2^63 - 1.
[[nodiscard]] bool is_file_range(uint64_t offset, uint64_t length);

}  // namespace vhdlab
