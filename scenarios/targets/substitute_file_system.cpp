// One path led elsewhere; see substitute_file_system.h.
#include "scenarios/targets/substitute_file_system.h"

#include <filesystem>

namespace vhdlab::scenarios {
namespace {

std::string plain(const std::string& path) {
  return std::filesystem::path(path).lexically_normal().string();
}

}  // namespace

SubstituteFileSystem::SubstituteFileSystem(FileSystem& files, const std::string& path,
                                           std::optional<std::string> stand_in)
    : files_(files), path_(plain(path)), stand_in_(std::move(stand_in)) {}

bool SubstituteFileSystem::is_substituted(const std::string& path) const {
  return plain(path) == path_;
}

Result<std::string> SubstituteFileSystem::led(const std::string& path) const {
  if (!is_substituted(path)) return path;
  if (stand_in_) return *stand_in_;
  return failure(ErrorKind::not_found, "file-not-found", path + ": there is no such file");
}

Result<std::unique_ptr<File>> SubstituteFileSystem::open(const std::string& path, OpenMode mode,
                                                         CacheMode cache) {
  return files_.open(TRY(led(path)), mode, cache);
}

Result<std::unique_ptr<File>> SubstituteFileSystem::create(const std::string& path, CacheMode cache) {
  return files_.create(TRY(led(path)), cache);
}

Result<bool> SubstituteFileSystem::is_being_written(const std::string& path) {
  return files_.is_being_written(TRY(led(path)));
}

bool SubstituteFileSystem::exists(const std::string& path) {
  const auto target = led(path);
  return target && files_.exists(*target);
}

Result<FileIdentity> SubstituteFileSystem::identity(const std::string& path) {
  return files_.identity(TRY(led(path)));
}

Result<EntryStatus> SubstituteFileSystem::status(const std::string& path) {
  return files_.status(TRY(led(path)));
}

Result<void> SubstituteFileSystem::remove(const std::string& path) {
  return files_.remove(TRY(led(path)));
}

Result<void> SubstituteFileSystem::rename(const std::string& from, const std::string& to) {
  return files_.rename(TRY(led(from)), TRY(led(to)));
}

Result<std::vector<std::string>> SubstituteFileSystem::list(const std::string& folder) {
  auto names = TRY(files_.list(folder));
  std::erase_if(names, [&](const std::string& name) {
    const std::string path = plain((std::filesystem::path(folder) / name).string());
    return stand_in_ ? path == plain(*stand_in_) : path == path_;
  });
  return names;
}

}  // namespace vhdlab::scenarios
