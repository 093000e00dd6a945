// One run at a time in a results folder: two would take each other's results for their own. The lock is the
// system's, on the folder itself: it leaves no file behind and ends with the process that holds it.
#pragma once

#include <string>

#include "engine/base/error.h"
#include "engine/io/file_descriptor.h"

namespace vhdlab::scenarios {

class FolderLock {
 public:
  FolderLock() = default;

  // Held until it is destroyed. A file system without such locks locks nothing. Faults: output-in-use
  // (another run holds it, or removed the folder just now), those of opening.
  [[nodiscard]] static Result<FolderLock> take(const std::string& folder);

 private:
  explicit FolderLock(FileDescriptor descriptor) : descriptor_(std::move(descriptor)) {}

  FileDescriptor descriptor_;
};

}  // namespace vhdlab::scenarios
