// Made with the file system's own tools; see mounted_file_system.h.
#include "tests/support/mounted_file_system.h"

#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "tests/support/run_program.h"

namespace vhdlab::tests {
namespace {

std::unexpected<Error> impossible(const std::string& why) {
  return failure(ErrorKind::unsupported, "mount-impossible", why);
}

}  // namespace

Result<std::unique_ptr<MountedFileSystem>> MountedFileSystem::make(const std::string& kind,
                                                                   uint64_t size_bytes) {
  if (::geteuid() != 0) return impossible("mounting a file system of its own takes root");
  const std::string maker = "mkfs." + kind;
  if (!has_program(maker)) return impossible(maker + " is not installed");
  std::unique_ptr<MountedFileSystem> mounted(new MountedFileSystem);
  const std::string image = mounted->folder_.file("image");
  std::ofstream{image};
  std::filesystem::resize_file(image, size_bytes);
  std::filesystem::create_directory(mounted->folder());
  const auto made = run_program({maker, "-q", image});
  if (!made || !made->succeeded()) return impossible(maker + " failed: " + (made ? made->errors : ""));
  const auto mount = run_program({"mount", "-o", "loop", image, mounted->folder()});
  if (!mount || !mount->succeeded())
    return impossible("no " + kind + " can be mounted here: " + (mount ? mount->errors : ""));
  mounted->is_mounted_ = true;
  return mounted;
}

MountedFileSystem::~MountedFileSystem() {
  if (is_mounted_) (void)run_program({"umount", folder()});
}

}  // namespace vhdlab::tests
