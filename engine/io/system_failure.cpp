// The table from errno to named faults, each with the next step.
#include "engine/io/system_failure.h"

#include <cerrno>
#include <system_error>

#include <fmt/format.h>
#include <sys/resource.h>

namespace vhdlab {
namespace {

struct Fault {
  ErrorKind kind;
  std::string_view name;
  std::string_view hint;
};

Fault fault_of(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return {ErrorKind::not_found, "file-not-found", "check the path"};
    case EEXIST:
      return {ErrorKind::already_exists, "file-exists", "choose another name, or remove it first"};
    case EACCES:
    case EPERM:
      return {ErrorKind::permission_denied, "file-permission",
              "check the owner and mode of the file and of its folders"};
    case EROFS:
      return {ErrorKind::permission_denied, "file-permission", "the file system is mounted read-only"};
    case ENOSPC:
      return {ErrorKind::no_space, "file-no-space", "free some space, or use a folder on another device"};
    case EDQUOT:
      return {ErrorKind::no_space, "file-no-space",
              "your disk quota is used up: free some space or ask for more"};
    case EISDIR:
    case ENXIO:
      return {ErrorKind::invalid_argument, "file-not-regular", "name a regular file"};
    case ETXTBSY:
    case EBUSY:
      return {ErrorKind::in_use, "file-in-use", "wait for its user to finish"};
    case EMFILE:
      return {ErrorKind::io_failed, "file-too-many-open", ""};  // the text names the limit
    case ENFILE:
      return {ErrorKind::io_failed, "file-too-many-open",
              "the system has reached its limit of open files: raise it with 'sysctl fs.file-max'"};
    case ENAMETOOLONG:
    case ELOOP:
      return {ErrorKind::invalid_argument, "file-name-too-long",
              "use a shorter path, or fewer symbolic links"};
    case EFBIG:
    case EOVERFLOW:
      return {ErrorKind::unsupported, "file-too-large",
              "the file system (or 'ulimit -f') does not allow files of this size: use another"};
    case EXDEV:
      return {ErrorKind::invalid_argument, "file-other-device", "use a target on the same file system"};
    default:
      return {ErrorKind::io_failed, "file-io", "the system's log ('dmesg') may say more"};
  }
}

}  // namespace

std::unexpected<Error> system_failure(std::string_view name, std::string_view action, int error_number) {
  Fault fault = fault_of(error_number);
  if (error_number == EMFILE) {
    rlimit limit{};
    (void)::getrlimit(RLIMIT_NOFILE, &limit);
    return failure(fault.kind, fault.name,
                   fmt::format("{}: cannot {}: this process may have {} files open and has", name, action,
                               limit.rlim_cur),
                   "raise the limit, as with 'ulimit -n 8192'; each layer of a chain is an open file");
  }
  return failure(
      fault.kind, fault.name,
      fmt::format("{}: cannot {}: {}", name, action, std::generic_category().message(error_number)),
      std::string(fault.hint));
}

}  // namespace vhdlab
