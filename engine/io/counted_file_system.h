// A file system whose files are counted: hand it to the engine in place of the one it wraps, and ask
// afterwards what went through each backing file. Counts belong to the path a file was opened by and outlive
// the open file; opening the same path again goes on counting.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "engine/io/counted_file.h"
#include "engine/io/file_system.h"

namespace vhdlab {

class CountedFileSystem final : public FileSystem {
 public:
  // `files` must outlive this object.
  explicit CountedFileSystem(FileSystem& files) : files_(files) {}

  // Paths are compared after resolving "." and ".." in their text. All zeros for a path never opened.
  [[nodiscard]] FileCounters counters(const std::string& path) const;

  // Every path opened so far, sorted.
  [[nodiscard]] std::map<std::string, FileCounters> all_counters() const;

  [[nodiscard]] Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode,
                                                   CacheMode cache = CacheMode::buffered) override;
  [[nodiscard]] Result<std::unique_ptr<File>> create(const std::string& path,
                                                     CacheMode cache = CacheMode::buffered) override;
  [[nodiscard]] Result<bool> is_being_written(const std::string& path) override {
    return files_.is_being_written(path);
  }
  [[nodiscard]] bool exists(const std::string& path) override { return files_.exists(path); }
  [[nodiscard]] Result<FileIdentity> identity(const std::string& path) override {
    return files_.identity(path);
  }
  [[nodiscard]] Result<EntryStatus> status(const std::string& path) override { return files_.status(path); }
  [[nodiscard]] Result<void> remove(const std::string& path) override { return files_.remove(path); }
  [[nodiscard]] Result<void> rename(const std::string& from, const std::string& to) override {
    return files_.rename(from, to);
  }
  [[nodiscard]] Result<void> sync_folder(const std::string& folder) override {
    return files_.sync_folder(folder);
  }
  [[nodiscard]] Result<std::vector<std::string>> list(const std::string& folder) override {
    return files_.list(folder);
  }

 private:
  [[nodiscard]] std::unique_ptr<File> counted(std::unique_ptr<File> file, const std::string& path);

  FileSystem& files_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<FileTally>> tallies_;  // by resolved path
};

}  // namespace vhdlab
