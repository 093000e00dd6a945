// POSIX: write beside, fsync, rename, fsync the folder.
#include "reports/results/atomic_write.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace vhdlab::reports {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] bool is_open() const { return number_ >= 0; }

 private:
  int number_;
};

ErrorKind kind_of(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return ErrorKind::no_space;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorKind::permission_denied;
    case ENOENT:
    case ENOTDIR:
      return ErrorKind::not_found;
    default:
      return ErrorKind::io_failed;
  }
}

std::string_view hint_for(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::no_space:
      return "free some space or choose another folder with --output";
    case ErrorKind::permission_denied:
      return "choose a folder you may write to with --output";
    case ErrorKind::not_found:
      return "create the folder first";
    default:
      return "";
  }
}

std::unexpected<Error> write_failure(const std::string& path, std::string_view step, int error) {
  const ErrorKind kind = kind_of(error);
  return failure(kind, "result-write",
                 fmt::format("{}: cannot {}: {}", path, step, std::generic_category().message(error)),
                 std::string(hint_for(kind)));
}

// 0, or the errno of the write that failed.
int write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return 0;
}

}  // namespace

Result<void> write_text_file(const std::string& path, std::string_view text) {
  const std::string partial = fmt::format("{}.partial-{}", path, ::getpid());
  // A leftover of a killed process with the same id is stale; replacing it is safe, following a link there is
  // not.
  const Descriptor file(::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!file.is_open()) return write_failure(path, "create", errno);

  auto give_up = [&](std::string_view step, int error) {
    ::unlink(partial.c_str());
    return write_failure(path, step, error);
  };
  if (const int error = write_all(file.number(), text)) return give_up("write", error);
  if (::fsync(file.number()) != 0) return give_up("flush", errno);
  if (std::rename(partial.c_str(), path.c_str()) != 0) return give_up("replace", errno);

  std::string folder = std::filesystem::path(path).parent_path().string();
  if (folder.empty()) folder = ".";
  const Descriptor parent(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // The file is whole and in place; a folder that cannot be flushed (some network file systems) is not worth
  // failing for.
  if (parent.is_open() && ::fsync(parent.number()) != 0 && errno != EINVAL && errno != ENOTSUP) {
    return write_failure(folder, "flush", errno);
  }
  return {};
}

}  // namespace vhdlab::reports
