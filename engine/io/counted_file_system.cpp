// One tally per path, handed to every file opened by it.
#include "engine/io/counted_file_system.h"

#include <filesystem>

namespace vhdlab {
namespace {

std::string resolve(const std::string& path) {
  return std::filesystem::path(path).lexically_normal().string();
}

}  // namespace

FileCounters CountedFileSystem::counters(const std::string& path) const {
  std::lock_guard lock(mutex_);
  auto found = tallies_.find(resolve(path));
  return found == tallies_.end() ? FileCounters{} : found->second->snapshot();
}

std::map<std::string, FileCounters> CountedFileSystem::all_counters() const {
  std::lock_guard lock(mutex_);
  std::map<std::string, FileCounters> counters;
  for (const auto& [path, tally] : tallies_)
    counters.emplace(path, tally->snapshot());
  return counters;
}

Result<std::unique_ptr<File>> CountedFileSystem::open(const std::string& path, OpenMode mode,
                                                      CacheMode cache) {
  return counted(TRY(files_.open(path, mode, cache)), path);
}

Result<std::unique_ptr<File>> CountedFileSystem::create(const std::string& path, CacheMode cache) {
  return counted(TRY(files_.create(path, cache)), path);
}

std::unique_ptr<File> CountedFileSystem::counted(std::unique_ptr<File> file, const std::string& path) {
  std::lock_guard lock(mutex_);
  std::shared_ptr<FileTally>& tally = tallies_[resolve(path)];
  if (!tally) tally = std::make_shared<FileTally>();
  return std::make_unique<CountedFile>(std::move(file), tally);
}

}  // namespace vhdlab
