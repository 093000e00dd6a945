// Makes a folder with a name nobody else has, and removes it with all it holds.
#include "tests/support/temporary_folder.h"

#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace vhdlab::tests {

TemporaryFolder::TemporaryFolder() {
  const char* wanted = std::getenv("VHDLAB_TEST_FOLDER");
  std::filesystem::path parent = wanted != nullptr && *wanted != '\0'
                                     ? std::filesystem::path(wanted)
                                     : std::filesystem::temp_directory_path();
  std::filesystem::create_directories(parent);
  std::string name = (std::filesystem::absolute(parent) / "vhdlab-test-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) {
    throw std::filesystem::filesystem_error("cannot make a temporary folder", parent,
                                            std::error_code(errno, std::generic_category()));
  }
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;  // what is left behind harms nobody
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace vhdlab::tests
