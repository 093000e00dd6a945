// A file as it will be once its log has been replayed, without changing it: what a read-only open of a file
// with a dirty log looks at. Reads come from the file with the replay's pages and zeros laid over them; every
// change is refused.
#pragma once

#include <memory>

#include "engine/format/vhdx/log.h"
#include "engine/io/file.h"

namespace vhdlab::vhdx {

// `size_bytes` is the size of `file`; the result may be longer where the replay extends it.
[[nodiscard]] std::unique_ptr<File> make_replayed_file(std::unique_ptr<File> file, LogReplay replay,
                                                       uint64_t size_bytes);

}  // namespace vhdlab::vhdx
