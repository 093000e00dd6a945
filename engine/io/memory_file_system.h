// Files that live in memory, for tests and the simulator: the same rules as the host's files (one writer,
// names apart from contents, removal while open) without the host. Files are sparse in pages of 64 KiB. A
// capacity makes a full device.
//
// Paths are compared after resolving "." and ".." in their text; a relative path starts at "/". Folders need
// not be made: every folder exists. There are no links and no times. Nothing here is ever lost, so flush()
// and sync_folder() have nothing to do.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "engine/io/file_system.h"

namespace vhdlab {

class MemoryFileSystem final : public FileSystem {
 public:
  static constexpr uint64_t page_size_bytes = 64 * kib;

  // `capacity_bytes` limits the pages of all files together; a write beyond it changes nothing and is the
  // fault file-no-space. Open files may outlive the file system.
  explicit MemoryFileSystem(std::optional<uint64_t> capacity_bytes = std::nullopt);
  ~MemoryFileSystem() override;

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

  // From now on as if made with this capacity: a device that fills up while it is in use.
  void limit_to(std::optional<uint64_t> capacity_bytes);

  // What all files together take.
  [[nodiscard]] uint64_t used_bytes() const;

 private:
  class Space;
  class Contents;
  class OpenFile;

  std::shared_ptr<Space> space_;
  std::mutex names_mutex_;  // guards the two below
  std::map<std::string, std::shared_ptr<Contents>> files_;
  uint64_t next_inode_ = 1;
};

}  // namespace vhdlab
