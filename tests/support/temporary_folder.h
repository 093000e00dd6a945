// A folder that goes away with the test. It lies where the system puts temporary files, or under
// VHDLAB_TEST_FOLDER, for tests that want a certain file system beneath them.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace vhdlab::tests {

class TemporaryFolder {
 public:
  // Throws std::filesystem::filesystem_error where no folder can be made: a test cannot go on without.
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  // The path of an entry, which need not exist.
  [[nodiscard]] std::string file(std::string_view name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace vhdlab::tests
