// A file system of its own kind in a file, mounted for one test, where the machine allows it: root, the
// tools, and a loop device.
#pragma once

#include <memory>
#include <string>

#include "engine/base/error.h"
#include "tests/support/temporary_folder.h"

namespace vhdlab::tests {

class MountedFileSystem {
 public:
  // `kind` is "xfs" (with reflink) or "btrfs". Faults: mount-impossible, with what is missing; a test is then
  // skipped with that text.
  [[nodiscard]] static Result<std::unique_ptr<MountedFileSystem>> make(const std::string& kind,
                                                                       uint64_t size_bytes);
  ~MountedFileSystem();
  MountedFileSystem(const MountedFileSystem&) = delete;
  MountedFileSystem& operator=(const MountedFileSystem&) = delete;

  [[nodiscard]] std::string folder() const { return folder_.file("mounted"); }

 private:
  MountedFileSystem() = default;

  TemporaryFolder folder_;  // holds the image and the mount point
  bool is_mounted_ = false;
};

}  // namespace vhdlab::tests
