// A file system in which one file is another one, or is not there: what would happen if, without touching
// what is.
//
//   web.vhdx ─► damaged-copy      every other path ─► itself
#pragma once

#include <optional>
#include <string>

#include "engine/io/file_system.h"

namespace vhdlab::scenarios {

class SubstituteFileSystem final : public FileSystem {
 public:
  // Under `path` stands what lies at `stand_in`, or nothing. `files` must outlive this object.
  SubstituteFileSystem(FileSystem& files, const std::string& path, std::optional<std::string> stand_in);

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode, CacheMode cache) override;
  Result<std::unique_ptr<File>> create(const std::string& path, CacheMode cache) override;
  Result<bool> is_being_written(const std::string& path) override;
  bool exists(const std::string& path) override;
  Result<FileIdentity> identity(const std::string& path) override;
  Result<EntryStatus> status(const std::string& path) override;
  Result<void> remove(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> sync_folder(const std::string& folder) override { return files_.sync_folder(folder); }
  Result<std::vector<std::string>> list(const std::string& folder) override;

 private:
  // Where `path` leads. Faults: file-not-found.
  [[nodiscard]] Result<std::string> led(const std::string& path) const;
  [[nodiscard]] bool is_substituted(const std::string& path) const;

  FileSystem& files_;
  std::string path_;
  std::optional<std::string> stand_in_;
};

}  // namespace vhdlab::scenarios
