// Where files are found by path: the engine opens parents, creates children and removes merged layers through
// this, so that tests can put a whole chain in memory. Implementations: posix_file_system,
// memory_file_system.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/io/file.h"

namespace vhdlab {

enum class OpenMode { read_only, read_write };

// How a file's bytes travel. `direct` bypasses the page cache (O_DIRECT); reads and writes that are not
// aligned to the device's block size are still right, only slower. `mapped` copies from the page cache
// without a call to the system where a file is opened for reading only, and is `buffered` where it is not.
enum class CacheMode { buffered, direct, mapped };

// Names one file whatever path leads to it; two paths with equal identities are the same file.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  friend auto operator<=>(const FileIdentity&, const FileIdentity&) = default;
};

enum class EntryKind { file, folder, symbolic_link, other };  // other: a device, a pipe, a socket

// What stands under a name in a folder.
struct EntryStatus {
  EntryKind kind = EntryKind::other;
  int64_t modified_unix_s = 0;  // when its content last changed; 0 where the file system keeps no time
  friend bool operator==(const EntryStatus&, const EntryStatus&) = default;
};

// Paths are the host's own, in UTF-8. Safe to use from several threads.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // A file opened read_write is locked against other writers and a second open for writing fails with
  // file-in-use; readers of a file being written are allowed. Faults: file-not-found, file-permission,
  // file-in-use, file-not-regular.
  [[nodiscard]] virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode,
                                                           CacheMode cache = CacheMode::buffered) = 0;

  // Creates an empty file, opened read_write. Faults: file-exists, file-not-found (its folder),
  // file-permission, file-no-space.
  [[nodiscard]] virtual Result<std::unique_ptr<File>> create(const std::string& path,
                                                             CacheMode cache = CacheMode::buffered) = 0;

  // Whether somebody, this program included, has the file open read_write at this moment. Faults:
  // file-not-found, file-permission.
  [[nodiscard]] virtual Result<bool> is_being_written(const std::string& path) = 0;

  [[nodiscard]] virtual bool exists(const std::string& path) = 0;
  [[nodiscard]] virtual Result<FileIdentity> identity(const std::string& path) = 0;

  // Of the entry itself: a symbolic link is not followed. Faults: file-not-found, file-permission.
  [[nodiscard]] virtual Result<EntryStatus> status(const std::string& path) = 0;

  [[nodiscard]] virtual Result<void> remove(const std::string& path) = 0;

  // Replaces `to` atomically where it exists.
  [[nodiscard]] virtual Result<void> rename(const std::string& from, const std::string& to) = 0;

  // Makes creations, removals and renames in the folder durable.
  [[nodiscard]] virtual Result<void> sync_folder(const std::string& folder) = 0;

  // Names (not paths) of the entries of a folder, sorted.
  [[nodiscard]] virtual Result<std::vector<std::string>> list(const std::string& folder) = 0;
};

}  // namespace vhdlab
