// The host's files. New files get mode 0644 under the umask; descriptors do not pass to programs this one
// starts.
//
// One writer: a file opened for writing carries a lock on one byte far beyond any data (an open file
// description lock, so it holds between threads and between processes alike, and goes when the file is
// closed). It is advisory: programs that do not ask for it are not kept out, and readers never ask.
//
// CacheMode::direct on a file system that refuses O_DIRECT is the fault file-direct-unsupported. A file
// system without locks is the fault file-lock-unsupported. CacheMode::mapped where the file cannot be mapped
// is the fault file-map-unsupported.
#pragma once

#include "engine/io/file_system.h"

namespace vhdlab {

class PosixFileSystem final : public FileSystem {
 public:
  [[nodiscard]] Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode,
                                                   CacheMode cache = CacheMode::buffered) override;
  [[nodiscard]] Result<std::unique_ptr<File>> create(const std::string& path,
                                                     CacheMode cache = CacheMode::buffered) override;
  [[nodiscard]] Result<bool> is_being_written(const std::string& path) override;
  [[nodiscard]] bool exists(const std::string& path) override;
  [[nodiscard]] Result<FileIdentity> identity(const std::string& path) override;
  [[nodiscard]] Result<EntryStatus> status(const std::string& path) override;
  [[nodiscard]] Result<void> remove(const std::string& path) override;
  [[nodiscard]] Result<void> rename(const std::string& from, const std::string& to) override;
  [[nodiscard]] Result<void> sync_folder(const std::string& folder) override;
  [[nodiscard]] Result<std::vector<std::string>> list(const std::string& folder) override;
};

}  // namespace vhdlab
