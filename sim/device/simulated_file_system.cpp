// Files by name and by number; see simulated_file_system.h.
#include "sim/device/simulated_file_system.h"

namespace vhdlab::sim {

uint32_t SimulatedFileSystem::number_of(const std::string& path) {
  const auto found = numbers_.find(path);
  if (found != numbers_.end()) return found->second;
  return numbers_.emplace(path, account_.add(path)).first->second;
}

void SimulatedFileSystem::forget(const std::string& path) {
  const auto found = numbers_.find(path);
  if (found == numbers_.end()) return;
  account_.remove(found->second);
  numbers_.erase(found);
}

Result<std::unique_ptr<File>> SimulatedFileSystem::open(const std::string& path, OpenMode mode,
                                                        CacheMode cache) {
  auto content = TRY(content_.open(path, mode, cache));
  return std::make_unique<SimulatedFile>(path, number_of(path), sink_, std::move(content));
}

Result<std::unique_ptr<File>> SimulatedFileSystem::create(const std::string& path, CacheMode cache) {
  auto content = TRY(content_.create(path, cache));
  return std::make_unique<SimulatedFile>(path, number_of(path), sink_, std::move(content));
}

Result<void> SimulatedFileSystem::remove(const std::string& path) {
  TRY(content_.remove(path));
  forget(path);
  return {};
}

Result<void> SimulatedFileSystem::rename(const std::string& from, const std::string& to) {
  TRY(content_.rename(from, to));
  forget(to);
  auto moved = numbers_.extract(from);
  if (moved.empty()) return {};
  moved.key() = to;
  numbers_.insert(std::move(moved));
  return {};
}

Result<void> SimulatedFileSystem::sync_folder(const std::string& folder) {
  TRY(content_.sync_folder(folder));
  return sink_.take({.kind = RequestKind::flush, .file = number_of(folder)}, {});
}

}  // namespace vhdlab::sim
