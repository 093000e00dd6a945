// Fork, leave the namespaces of the parent, mount, run.
#include "tests/support/small_file_system.h"

#include <cerrno>
#include <cstdio>
#include <exception>
#include <fstream>
#include <system_error>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

namespace vhdlab::tests {
namespace {

constexpr int exit_not_permitted = 77;

// Without root, a user namespace in which this user is root.
bool enter_namespaces() {
  if (unshare(CLONE_NEWNS) == 0) return true;
  const auto user = getuid();
  const auto group = getgid();
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
  std::ofstream("/proc/self/setgroups") << "deny";
  std::ofstream("/proc/self/uid_map") << fmt::format("0 {} 1\n", user);
  std::ofstream("/proc/self/gid_map") << fmt::format("0 {} 1\n", group);
  return true;
}

bool mount_small(const std::string& folder, uint64_t size_bytes) {
  const std::string options = fmt::format("size={}", size_bytes);
  return enter_namespaces() && mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mount("vhdlab-test", folder.c_str(), "tmpfs", 0, options.c_str()) == 0;
}

int run_body(const std::function<void()>& body) {
  try {
    body();
  } catch (const std::exception& problem) {
    ADD_FAILURE() << problem.what();
  }
  return ::testing::Test::HasFailure() ? 1 : 0;
}

}  // namespace

SmallFileSystemOutcome run_on_small_file_system(const std::string& folder, uint64_t size_bytes,
                                                const std::function<void()>& body) {
  std::fflush(nullptr);  // or the child prints it a second time
  const pid_t child = fork();
  if (child < 0) return SmallFileSystemOutcome::not_permitted;
  if (child == 0) {
    const int code = mount_small(folder, size_bytes) ? run_body(body) : exit_not_permitted;
    std::fflush(nullptr);
    _exit(code);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == exit_not_permitted)
    return SmallFileSystemOutcome::not_permitted;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? SmallFileSystemOutcome::passed
                                                       : SmallFileSystemOutcome::failed;
}

void make_read_only(const std::string& folder) {
  if (mount(nullptr, folder.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) != 0) {
    throw std::system_error(errno, std::generic_category(), "remount " + folder + " read-only");
  }
}

}  // namespace vhdlab::tests
