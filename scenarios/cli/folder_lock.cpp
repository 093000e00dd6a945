// flock on a folder; see folder_lock.h.
#include "scenarios/cli/folder_lock.h"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "engine/io/system_failure.h"

namespace vhdlab::scenarios {
namespace {

std::unexpected<Error> in_use(const std::string& folder) {
  return failure(ErrorKind::in_use, "output-in-use",
                 fmt::format("{}: another run is at work in this folder", folder),
                 "wait until it has ended, or name another folder with --output");
}

// A run that ends removes the folders it made; who opened one before that holds a folder without a name.
bool is_still_there(const FileDescriptor& descriptor, const std::string& folder) {
  struct stat opened{};
  struct stat named{};
  return ::fstat(descriptor.number(), &opened) == 0 && ::stat(folder.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

}  // namespace

Result<FolderLock> FolderLock::take(const std::string& folder) {
  const std::string path = folder.empty() ? "." : folder;
  FileDescriptor descriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!descriptor.is_open()) return system_failure(path, "open the folder", errno);
  if (::flock(descriptor.number(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return in_use(path);
  if (!is_still_there(descriptor, path)) return in_use(path);
  return FolderLock(std::move(descriptor));
}

}  // namespace vhdlab::scenarios
