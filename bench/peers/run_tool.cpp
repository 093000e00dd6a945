// fork, exec, read what it prints while looking at its memory, wait; see run_tool.h.
#include "bench/peers/run_tool.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/bytes.h"
#include "engine/io/system_failure.h"

namespace vhdlab::peers {
namespace {

constexpr int exec_failed = 127;  // as a shell reports it

[[noreturn]] void become(const std::vector<std::string>& arguments, int output) {
  std::vector<char*> words;
  for (const std::string& argument : arguments)
    words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  ::execvp(words[0], words.data());
  ::_exit(exec_failed);
}

}  // namespace

// The process's largest resident memory so far (proc(5), VmHWM). What wait4 tells is no use here: it counts
// the memory of the process that forked, up to the exec.
uint64_t resident_bytes_max_of(pid_t process) {
  std::ifstream status(fmt::format("/proc/{}/status", process));
  for (std::string word; status >> word;) {
    uint64_t kibibytes = 0;
    if (word == "VmHWM:" && status >> kibibytes) return kibibytes * kib;
  }
  return 0;  // it has ended
}

// Reads what comes out of `output` until its other end is closed, and looks at the process's memory every few
// milliseconds.
void follow(pid_t process, int output, ToolRun& run) {
  constexpr int look_every_ms = 2;
  std::array<char, 4096> piece{};
  for (;;) {
    run.resident_bytes_max = std::max(run.resident_bytes_max, resident_bytes_max_of(process));
    pollfd waiting{.fd = output, .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, look_every_ms) <= 0) continue;
    const ssize_t length = ::read(output, piece.data(), piece.size());
    if (length <= 0) return;
    run.output.append(piece.data(), static_cast<size_t>(length));
  }
}

bool has_tool(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (::access((std::filesystem::path(folder) / name).c_str(), X_OK) == 0) return true;
  }
  return false;
}

Result<ToolRun> run_tool(const std::vector<std::string>& arguments) {
  std::array<int, 2> pipe{};
  std::array<int, 2> until_exec{};  // closed by it: from then on the child's memory is its own
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0 || ::pipe2(until_exec.data(), O_CLOEXEC) != 0)
    return system_failure(arguments[0], "make a pipe to", errno);
  const auto begin = std::chrono::steady_clock::now();
  const pid_t child = ::fork();
  if (child < 0) return system_failure(arguments[0], "start", errno);
  if (child == 0) become(arguments, pipe[1]);
  ::close(pipe[1]);
  ::close(until_exec[1]);
  char nothing = 0;
  while (::read(until_exec[0], &nothing, 1) < 0 && errno == EINTR) {
  }
  ::close(until_exec[0]);

  ToolRun run;
  follow(child, pipe[0], run);
  ::close(pipe[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  run.duration = std::chrono::steady_clock::now() - begin;
  if (WIFEXITED(status) && WEXITSTATUS(status) == exec_failed) {
    return failure(ErrorKind::not_found, "peer-tool-missing", fmt::format("{}: cannot be run", arguments[0]),
                   "install it, or leave this peer out");
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return failure(ErrorKind::io_failed, "peer-tool-failed",
                   fmt::format("{}: failed and printed: {}", fmt::join(arguments, " "), run.output));
  }
  return run;
}

}  // namespace vhdlab::peers
