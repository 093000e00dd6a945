// posix_spawn with two pipes, read together until both end or the time is up.
#include "tests/support/run_program.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <sstream>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace vhdlab::tests {
namespace {

using Clock = std::chrono::steady_clock;

struct Pipe {
  int read_end = -1;
  int write_end = -1;

  Pipe() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
    read_end = ends[0];
    write_end = ends[1];
  }
  ~Pipe() {
    close_end(read_end);
    close_end(write_end);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  static void close_end(int& end) {
    if (end >= 0) close(end);
    end = -1;
  }
};

// This process's environment with the given variables replaced or added.
std::vector<std::string> make_environment(const std::vector<std::pair<std::string, std::string>>& changes) {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    std::string_view text = *variable;
    bool is_replaced = std::ranges::any_of(
        changes, [&](const auto& change) { return text.starts_with(change.first + "="); });
    if (!is_replaced) variables.emplace_back(text);
  }
  for (const auto& [name, value] : changes)
    variables.push_back(name + "=" + value);
  return variables;
}

std::vector<char*> as_pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts)
    pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Reads both pipes to their ends; false where the deadline came first.
bool read_until(Clock::time_point deadline, Pipe& output, std::string& output_text, Pipe& errors,
                std::string& errors_text) {
  auto drain = [](Pipe& from, std::string& into, short events) {
    if (events == 0) return;
    std::array<char, 65536> buffer;
    ssize_t count = read(from.read_end, buffer.data(), buffer.size());
    if (count > 0) {
      into.append(buffer.data(), static_cast<size_t>(count));
    } else if (count == 0 || errno != EINTR) {
      Pipe::close_end(from.read_end);
    }
  };
  while (output.read_end >= 0 || errors.read_end >= 0) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    // poll passes over a descriptor of -1, so an ended pipe needs no special case.
    std::array<pollfd, 2> waits = {pollfd{output.read_end, POLLIN, 0}, pollfd{errors.read_end, POLLIN, 0}};
    if (poll(waits.data(), waits.size(), static_cast<int>(std::min<int64_t>(left, 1000))) < 0) continue;
    drain(output, output_text, waits[0].revents);
    drain(errors, errors_text, waits[1].revents);
  }
  return true;
}

// The exit status, waiting no longer than the deadline for it.
std::optional<int> wait_until(Clock::time_point deadline, pid_t process) {
  for (;;) {
    int status = 0;
    pid_t ended = waitpid(process, &status, WNOHANG);
    if (ended == process) return status;
    if (Clock::now() >= deadline) return std::nullopt;
    usleep(1000);
  }
}

}  // namespace

Result<ProgramResult> run_program(const std::vector<std::string>& arguments, const ProgramOptions& options) {
  if (arguments.empty()) {
    return failure(ErrorKind::invalid_argument, "program-not-started", "no program was named");
  }
  Pipe output;
  Pipe errors;

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output.write_end, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errors.write_end, STDERR_FILENO);
  if (options.working_directory) {
    posix_spawn_file_actions_addchdir_np(&actions, options.working_directory->c_str());
  }
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);  // a group of its own, to be killed as one
  posix_spawnattr_setpgroup(&attributes, 0);

  std::vector<std::string> argument_texts = arguments;
  std::vector<std::string> variable_texts = make_environment(options.environment);
  pid_t process = -1;
  int error = posix_spawnp(&process, arguments.front().c_str(), &actions, &attributes,
                           as_pointers(argument_texts).data(), as_pointers(variable_texts).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    return failure(
        error == ENOENT ? ErrorKind::not_found : ErrorKind::io_failed,
        error == ENOENT ? "program-not-found" : "program-not-started",
        fmt::format("{}: cannot start: {}", arguments.front(), std::generic_category().message(error)));
  }
  Pipe::close_end(output.write_end);
  Pipe::close_end(errors.write_end);

  ProgramResult result;
  Clock::time_point deadline = Clock::now() + options.timeout;
  std::optional<int> status;
  if (read_until(deadline, output, result.output, errors, result.errors))
    status = wait_until(deadline, process);
  if (!status) {
    result.timed_out = true;
    kill(-process, SIGKILL);
    int killed_status = 0;
    while (waitpid(process, &killed_status, 0) < 0 && errno == EINTR) {
    }
    status = killed_status;
  }
  result.exit_code = WIFEXITED(*status) ? WEXITSTATUS(*status) : 128 + WTERMSIG(*status);
  return result;
}

bool has_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (access((folder + "/" + name).c_str(), X_OK) == 0) return true;
  }
  return false;
}

}  // namespace vhdlab::tests
