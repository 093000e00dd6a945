// fork, exec, read, wait4; see run_tool.h.
#include "bench/peers/run_tool.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/resource.h>
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
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return system_failure(arguments[0], "make a pipe to", errno);
  const auto begin = std::chrono::steady_clock::now();
  const pid_t child = ::fork();
  if (child < 0) return system_failure(arguments[0], "start", errno);
  if (child == 0) become(arguments, pipe[1]);
  ::close(pipe[1]);

  ToolRun run;
  std::array<char, 4096> piece{};
  for (ssize_t length = 0; (length = ::read(pipe[0], piece.data(), piece.size())) > 0;)
    run.output.append(piece.data(), static_cast<size_t>(length));
  ::close(pipe[0]);
  int status = 0;
  rusage usage{};
  while (::wait4(child, &status, 0, &usage) < 0 && errno == EINTR) {
  }
  run.duration = std::chrono::steady_clock::now() - begin;
  run.resident_bytes_max = static_cast<uint64_t>(usage.ru_maxrss) * kib;
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
