// Makes a disk larger or smaller in place. New space reads as zeros; a disk is cut short only where its tail
// holds nothing but zeros, and never under the feet of disks that stand on it.
#pragma once

#include <cstdint>
#include <string>

#include "engine/base/error.h"
#include "engine/base/random.h"
#include "engine/chain/copy_disk.h"
#include "engine/io/file_system.h"

namespace vhdlab {

struct ResizeOptions {
  bool force = false;       // although data past the new end is lost, or children no longer fit
  StopRequested stop = {};  // asked while the tail is looked at, which may be long
};

// The disk at `path` has `disk_size_bytes` afterwards. Faults: disk-tail-in-use, disk-has-children,
// resize-interrupted, vhdx-disk-size, vhdx-bat-too-small, vhdx-fixed-resize, those of opening and writing. On
// a failure the disk reads as before.
[[nodiscard]] Result<void> resize_disk(FileSystem& files, const std::string& path, uint64_t disk_size_bytes,
                                       const ResizeOptions& options, RandomSource& random);

}  // namespace vhdlab
