// A folder of simulated files: their content is kept in memory, by another file system, and somebody takes
// note of every request. Names cost nothing until the folder is made durable, which is a flush, as on a file
// system with a journal.
//
//   engine ─► SimulatedFileSystem ─► SimulatedFile ─► RequestSink
//                    └─► content
#pragma once

#include <functional>
#include <map>
#include <string>

#include "engine/io/file_system.h"
#include "sim/device/simulated_file.h"

namespace vhdlab::sim {

// Who knows the files by their numbers.
struct FileAccount {
  std::function<uint32_t(const std::string& path)> add;  // a file that was just made; gives its number
  std::function<void(uint32_t number)> remove;           // nobody finds it by name any more
};

// One thread.
class SimulatedFileSystem final : public FileSystem {
 public:
  // `content` and `sink` outlive this object and every file opened by it.
  SimulatedFileSystem(FileSystem& content, RequestSink& sink, FileAccount account)
      : content_(content), sink_(sink), account_(std::move(account)) {}

  // The file that is made at `path` next has a number already.
  void expect(const std::string& path, uint32_t number) { numbers_[path] = number; }

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode, CacheMode cache) override;
  Result<std::unique_ptr<File>> create(const std::string& path, CacheMode cache) override;
  Result<bool> is_being_written(const std::string& path) override { return content_.is_being_written(path); }
  bool exists(const std::string& path) override { return content_.exists(path); }
  Result<FileIdentity> identity(const std::string& path) override { return content_.identity(path); }
  Result<EntryStatus> status(const std::string& path) override { return content_.status(path); }
  Result<void> remove(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> sync_folder(const std::string& folder) override;
  Result<std::vector<std::string>> list(const std::string& folder) override { return content_.list(folder); }

 private:
  uint32_t number_of(const std::string& path);
  void forget(const std::string& path);

  FileSystem& content_;
  RequestSink& sink_;
  FileAccount account_;
  std::map<std::string, uint32_t> numbers_;  // by path
};

}  // namespace vhdlab::sim
