// Opening: descriptor, regular file?, writer's lock, O_DIRECT; then the File. Each step has its own named
// fault.
#include "engine/io/posix_file_system.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/io/file_descriptor.h"
#include "engine/io/file_faults.h"
#include "engine/io/mapped_file.h"
#include "engine/io/posix_file.h"
#include "engine/io/system_failure.h"

namespace vhdlab {
namespace {

// Every program that honours the lock agrees on this byte; 2^62 lies beyond the largest file of any file
// system here.
constexpr off_t writer_lock_offset = off_t{1} << 62;

Result<FileDescriptor> open_descriptor(const std::string& path, int flags, std::string_view action) {
  int number = -1;
  do {
    number = ::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY, 0644);
  } while (number < 0 && errno == EINTR);
  if (number < 0) return system_failure(path, action, errno);
  return FileDescriptor(number);
}

Result<void> require_regular_file(const FileDescriptor& descriptor, const std::string& path) {
  struct stat status{};
  if (::fstat(descriptor.number(), &status) != 0) return system_failure(path, "open", errno);
  if (S_ISREG(status.st_mode)) return {};
  return failure(ErrorKind::invalid_argument, "file-not-regular",
                 fmt::format("{}: is {}, expected a regular file", path,
                             S_ISDIR(status.st_mode)   ? "a folder"
                             : S_ISBLK(status.st_mode) ? "a block device"
                             : S_ISCHR(status.st_mode) ? "a character device"
                                                       : "a pipe or socket"),
                 "name a regular file");
}

struct flock writer_lock() {
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = writer_lock_offset;
  lock.l_len = 1;
  return lock;
}

Result<void> lock_for_writing(const FileDescriptor& descriptor, const std::string& path) {
  struct flock lock = writer_lock();
  if (::fcntl(descriptor.number(), F_OFD_SETLK, &lock) == 0) return {};
  switch (errno) {
    case EAGAIN:
    case EACCES:
      return file_in_use(path);
    case EINVAL:
    case ENOLCK:
    case ENOSYS:
    case EOPNOTSUPP:
      return failure(ErrorKind::unsupported, "file-lock-unsupported",
                     fmt::format("{}: cannot lock for writing: the file system has no file locks", path),
                     "use a folder on a local file system, or enable locks in its mount options");
    default:
      return system_failure(path, "lock for writing", errno);
  }
}

std::unexpected<Error> direct_unsupported(const std::string& path, std::string_view reason) {
  return failure(ErrorKind::unsupported, "file-direct-unsupported",
                 fmt::format("{}: cannot open for direct I/O: {}", path, reason),
                 "use a folder on ext4 or xfs, or buffered I/O ('direct: false')");
}

// Asks the file system what O_DIRECT demands here.
Result<DirectAlignment> direct_alignment(const FileDescriptor& descriptor, const std::string& path) {
  // Where nobody tells: no device in common use wants more, and asking for too much is slower but never
  // wrong.
  constexpr DirectAlignment cautious = {AlignedBuffer::alignment_bytes, AlignedBuffer::alignment_bytes};
  struct statx status{};
  if (::statx(descriptor.number(), "", AT_EMPTY_PATH, STATX_DIOALIGN, &status) != 0) return cautious;
  if ((status.stx_mask & STATX_DIOALIGN) == 0) return cautious;
  DirectAlignment alignment = {status.stx_dio_offset_align, status.stx_dio_mem_align};
  if (alignment.offset_bytes == 0 || alignment.memory_bytes == 0) {
    return direct_unsupported(path, "the file system does not offer it for this file");
  }
  if (alignment.memory_bytes > AlignedBuffer::alignment_bytes) {
    return direct_unsupported(
        path, fmt::format("it wants buffers aligned to {} bytes, more than the {} this program uses",
                          alignment.memory_bytes, AlignedBuffer::alignment_bytes));
  }
  return alignment;
}

// The steps that follow the descriptor, the same for an existing and for a new file.
Result<std::unique_ptr<File>> make_file(FileDescriptor descriptor, const std::string& path, OpenMode mode,
                                        CacheMode cache) {
  TRY(require_regular_file(descriptor, path));
  if (mode == OpenMode::read_write) TRY(lock_for_writing(descriptor, path));

  // Set only now: open() with O_CREAT | O_DIRECT leaves a new file behind where O_DIRECT is refused. The call
  // also takes back the O_NONBLOCK of open().
  int flags = cache == CacheMode::direct ? O_DIRECT : 0;
  if (::fcntl(descriptor.number(), F_SETFL, flags) != 0) {
    if (cache == CacheMode::direct && errno == EINVAL)
      return direct_unsupported(path, "the file system refuses it");
    return system_failure(path, "open", errno);
  }
  if (cache != CacheMode::direct) {
    auto file = std::make_unique<PosixFile>(std::move(descriptor), path, mode);
    if (cache == CacheMode::mapped && mode == OpenMode::read_only) return MappedFile::make(std::move(file));
    return file;
  }

  DirectAlignment alignment = TRY(direct_alignment(descriptor, path));
  auto file = std::make_unique<PosixFile>(std::move(descriptor), path, mode, alignment);
  return std::make_unique<PosixDirectFile>(std::move(file));
}

}  // namespace

Result<std::unique_ptr<File>> PosixFileSystem::open(const std::string& path, OpenMode mode, CacheMode cache) {
  bool writes = mode == OpenMode::read_write;
  // O_NONBLOCK: a named pipe must be refused, not waited for.
  FileDescriptor descriptor = TRY(open_descriptor(path, (writes ? O_RDWR : O_RDONLY) | O_NONBLOCK,
                                                  writes ? "open for writing" : "open for reading"));
  return make_file(std::move(descriptor), path, mode, cache);
}

Result<std::unique_ptr<File>> PosixFileSystem::create(const std::string& path, CacheMode cache) {
  FileDescriptor descriptor = TRY(open_descriptor(path, O_RDWR | O_CREAT | O_EXCL, "create"));
  Result<std::unique_ptr<File>> file = make_file(std::move(descriptor), path, OpenMode::read_write, cache);
  // A file that cannot be used is not left behind, except one that somebody else was quick enough to open.
  if (!file && file.error().kind != ErrorKind::in_use) ::unlink(path.c_str());
  return file;
}

Result<bool> PosixFileSystem::is_being_written(const std::string& path) {
  const FileDescriptor descriptor = TRY(open_descriptor(path, O_RDONLY | O_NONBLOCK, "look at"));
  struct flock lock = writer_lock();
  // Where a file system has no locks nobody can have opened the file for writing by this program.
  if (::fcntl(descriptor.number(), F_OFD_GETLK, &lock) != 0) return false;
  return lock.l_type != F_UNLCK;
}

bool PosixFileSystem::exists(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0;
}

Result<FileIdentity> PosixFileSystem::identity(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return system_failure(path, "identify", errno);
  return FileIdentity{status.st_dev, status.st_ino};
}

Result<EntryStatus> PosixFileSystem::status(const std::string& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return system_failure(path, "look at", errno);
  const EntryKind kind = S_ISREG(status.st_mode)   ? EntryKind::file
                         : S_ISDIR(status.st_mode) ? EntryKind::folder
                         : S_ISLNK(status.st_mode) ? EntryKind::symbolic_link
                                                   : EntryKind::other;
  return EntryStatus{.kind = kind, .modified_unix_s = status.st_mtim.tv_sec};
}

Result<void> PosixFileSystem::remove(const std::string& path) {
  if (::unlink(path.c_str()) != 0) return system_failure(path, "remove", errno);
  return {};
}

Result<void> PosixFileSystem::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0)
    return system_failure(from, fmt::format("rename to {}", to), errno);
  return {};
}

Result<void> PosixFileSystem::sync_folder(const std::string& folder) {
  // A path's folder part may be empty: "disk.vhdx" lies in the current one.
  std::string path = folder.empty() ? "." : folder;
  FileDescriptor descriptor = TRY(open_descriptor(path, O_RDONLY | O_DIRECTORY, "open the folder"));
  // EINVAL: a file system that keeps no folders on a device has nothing to make durable.
  if (::fsync(descriptor.number()) != 0 && errno != EINVAL)
    return system_failure(path, "flush the folder", errno);
  return {};
}

Result<std::vector<std::string>> PosixFileSystem::list(const std::string& folder) {
  std::string path = folder.empty() ? "." : folder;
  std::error_code error;
  std::vector<std::string> names;
  for (std::filesystem::directory_iterator entry(path, error), end; !error && entry != end;
       entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  if (error) return system_failure(path, "list", error.value());
  std::ranges::sort(names);
  return names;
}

}  // namespace vhdlab
