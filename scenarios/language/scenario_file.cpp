// Opens without waiting, asks what was opened, then reads to the end.
#include "scenarios/language/scenario_file.h"

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/io/file_descriptor.h"

namespace vhdlab::scenarios {
namespace {

std::unexpected<Error> not_opened(int error_number) {
  if (error_number == ENOENT || error_number == ENOTDIR) {
    return failure(ErrorKind::not_found, "file-not-found", "there is no such file",
                   "'vhdlab list' shows the shipped scenarios");
  }
  return failure(ErrorKind::io_failed, "file-io",
                 "cannot open the file: " + std::generic_category().message(error_number));
}

std::unexpected<Error> not_a_file(std::string_view kind) {
  return failure(ErrorKind::invalid_argument, "file-not-regular",
                 fmt::format("this is {}, expected a scenario file", kind));
}

// A folder, a device and a socket are no scenarios. A socket cannot be opened, so this asks by name.
Result<void> require_readable(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return not_opened(errno);
  if (S_ISDIR(status.st_mode)) return not_a_file("a folder");
  if (S_ISCHR(status.st_mode)) return not_a_file("a character device");
  if (S_ISBLK(status.st_mode)) return not_a_file("a block device");
  if (S_ISSOCK(status.st_mode)) return not_a_file("a socket");
  return {};
}

}  // namespace

Result<std::string> read_scenario_text(const std::string& path, size_t bytes_max) {
  TRY(require_readable(path));
  // O_NONBLOCK: opening a named pipe would wait for a writer, who may never come.
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file.is_open()) return not_opened(errno);
  std::string text(bytes_max + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t count = ::read(file.number(), text.data() + size, text.size() - size);
    if (count == 0) break;
    if (count > 0) {
      size += static_cast<size_t>(count);
    } else if (errno == EAGAIN) {  // a pipe whose writer has not come to an end
      pollfd pipe{.fd = file.number(), .events = POLLIN, .revents = 0};
      (void)::poll(&pipe, 1, -1);
    } else if (errno != EINTR) {
      return failure(ErrorKind::io_failed, "file-io",
                     "cannot read the file: " + std::generic_category().message(errno));
    }
  }
  text.resize(size);
  return text;
}

}  // namespace vhdlab::scenarios
