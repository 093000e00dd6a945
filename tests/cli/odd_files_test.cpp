// What lies in folders beside files: devices, pipes, sockets, folders, links in a ring. Every command that
// takes a file says what it met, ends, and changes nothing.
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/cli/cli_support.h"

namespace vhdlab::tests {
namespace {

struct OddFiles : testing::Test {
  TemporaryFolder folder;

  std::string socket() const {
    const std::string path = folder.file("socket");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT_EQ(::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0) << path;
    ::close(descriptor);
    return path;
  }
  std::string pipe() const {
    EXPECT_EQ(::mkfifo(folder.file("pipe").c_str(), 0600), 0);
    return folder.file("pipe");
  }
  std::string ring_of_links() const {
    EXPECT_EQ(::symlink("ring", folder.file("ring").c_str()), 0);
    return folder.file("ring");
  }
  std::string inner_folder() const {
    EXPECT_EQ(::mkdir(folder.file("inner").c_str(), 0700), 0);
    return folder.file("inner");
  }
};

TEST_F(OddFiles, NoCommandTakesOneForAFileOrWaitsForIt) {
  // Goal: each command with each kind is refused in a sentence that names the path, at once. Method: every
  // place of a command line where a file is expected.
  const std::string disk = folder.file("disk.vhdx");
  ASSERT_EQ(vhdlab({"disk", "create", disk, "--size", "8MiB"}).exit_code, 0);
  write_file(folder.file("bytes"), "text");
  const std::vector<std::string> odd = {"/dev/zero", pipe(), socket(), ring_of_links(), inner_folder()};
  const FolderContents before = contents_of(folder.path());
  for (const std::string& path : odd) {
    const std::vector<std::vector<std::string>> commands = {
        {"check", path},
        {"run", path, "--output", folder.file("out")},
        {"run", "quick", "--target", "sim", "--device", path, "--output", folder.file("out")},
        {"run", "trace-replay", "--set", "trace=" + path, "--output", folder.file("out")},
        {"report", path, "--output", folder.file("report.html")},
        {"compare", path, path},
        {"calibrate", path},
        {"disk", "info", path},
        {"disk", "chain", path},
        {"disk", "map", path},
        {"disk", "merge", path},
        {"disk", "convert", path, folder.file("copy.raw")},
        {"disk", "convert", disk, path, "--to-format", "raw", "--force"},
        {"disk", "compact", path},
        {"disk", "resize", path, "--size", "1GiB"},
        {"disk", "check", path},
        {"disk", "repair", path, "--yes"},
        {"disk", "relink", path, disk},
        {"disk", "create", path, "--size", "8MiB"},
        {"disk", "create", folder.file("child.avhdx"), "--parent", path},
        {"disk", "write", disk, path},
        {"disk", "write", path, folder.file("bytes")},
        {"vm", "adopt", path},
        {"vm", "tree", path},
        {"vm", "checkpoint", path},
    };
    for (const auto& words : commands) {
      const ProgramResult told = vhdlab(words, {.timeout = std::chrono::seconds(60)});
      const std::string said = testing::PrintToString(words) + ": " + told.errors;
      EXPECT_FALSE(told.timed_out) << said;
      EXPECT_TRUE(told.exit_code == 1 || told.exit_code == 2) << told.exit_code << " " << said;
      EXPECT_NE(told.errors.find(path), std::string::npos) << said;
      EXPECT_EQ(told.errors.find("unexpected"), std::string::npos) << said;
      EXPECT_EQ(told.errors.find("defect"), std::string::npos) << said;
    }
  }
  EXPECT_TRUE(contents_of(folder.path()) == before);
}

TEST_F(OddFiles, ForceReplacesRegularFilesOnly) {
  // Goal: `report --output /dev/stdout --force`, run by root, does not put a file in the device's place.
  // Method: a link, a pipe and a folder where the report is to go.
  ASSERT_EQ(vhdlab({"run", "quick", "--target", "sim", "--set", "depth=1", "--output", folder.file("out")})
                .exit_code,
            0);
  write_file(folder.file("kept"), "kept");
  ASSERT_EQ(::symlink("kept", folder.file("link").c_str()), 0);
  for (const std::string& path : {folder.file("link"), pipe(), inner_folder()}) {
    const ProgramResult refused = vhdlab({"report", folder.file("out"), "--output", path, "--force"});
    EXPECT_EQ(refused.exit_code, 2) << path;
    EXPECT_NE(refused.errors.find("only a regular file is replaced"), std::string::npos) << refused.errors;
  }
  EXPECT_EQ(read_file(folder.file("kept")), "kept");
  EXPECT_TRUE(std::filesystem::is_symlink(folder.file("link")));
}

}  // namespace
}  // namespace vhdlab::tests
