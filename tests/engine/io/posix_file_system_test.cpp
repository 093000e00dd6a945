// What only the host's files have: the system's refusals by their names, locks between processes, direct I/O.
#include "engine/io/posix_file_system.h"

#include <csignal>
#include <cstring>
#include <filesystem>
#include <functional>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/io/posix_file.h"
#include "tests/support/temporary_folder.h"

namespace vhdlab::tests {
namespace {

template <typename T>
std::string fault_of(const Result<T>& result) {
  return result ? "none" : result.error().fault;
}

// A limit of this process, put back at the end.
class ResourceLimit {
 public:
  ResourceLimit(__rlimit_resource resource, rlim_t soft) : resource_(resource) {
    getrlimit(resource_, &before_);
    rlimit limit = {std::min(soft, before_.rlim_max), before_.rlim_max};
    setrlimit(resource_, &limit);
  }
  ~ResourceLimit() { setrlimit(resource_, &before_); }
  ResourceLimit(const ResourceLimit&) = delete;
  ResourceLimit& operator=(const ResourceLimit&) = delete;

 private:
  __rlimit_resource resource_;
  rlimit before_{};
};

// Runs `body` where a tmpfs of 1 MiB is mounted on `folder`, seen by no other process; false where that is
// not allowed.
bool with_small_file_system(const std::filesystem::path& folder, const std::function<void()>& body) {
  bool mounted = false;
  std::thread([&] {
    if (unshare(CLONE_NEWNS) != 0) return;
    if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return;
    if (mount("vhdlab-test", folder.c_str(), "tmpfs", 0, "size=1m") != 0) return;
    mounted = true;
    body();
  }).join();
  return mounted;
}

TEST(PosixFileSystem, RefusesWhatIsNotARegularFile) {
  // A folder, a pipe nobody reads (which must not block), a device; for reading and for writing.
  TemporaryFolder folder;
  PosixFileSystem files;
  std::string pipe = folder.file("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  for (const std::string& path : {folder.path().string(), pipe, std::string("/dev/null")}) {
    EXPECT_EQ(fault_of(files.open(path, OpenMode::read_only)), "file-not-regular") << path;
    EXPECT_EQ(fault_of(files.open(path, OpenMode::read_write)), "file-not-regular") << path;
  }
  EXPECT_EQ(fault_of(files.remove(folder.path().string())), "file-not-regular");
}

TEST(MappedFile, AFileCutShortUnderItsMapIsNamedAndNobodyDies) {
  // Read whole, cut by another descriptor, read before, across and behind the cut, by several threads at
  // once.
  TemporaryFolder folder;
  PosixFileSystem files;
  auto writer = *files.create(folder.file("disk"));
  ASSERT_TRUE(writer->write(0, std::vector<std::byte>(64 * kib, std::byte{7})));
  auto mapped = *files.open(folder.file("disk"), OpenMode::read_only, CacheMode::mapped);
  std::vector<std::byte> bytes(64 * kib);
  ASSERT_TRUE(mapped->read(0, bytes));
  EXPECT_EQ(bytes.back(), std::byte{7});
  ASSERT_TRUE(writer->resize(4096));
  std::vector<std::jthread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      std::vector<std::byte> into(8192);
      for (int round = 0; round < 100; ++round) {
        EXPECT_EQ(fault_of(mapped->read(0, std::span(into).first(4096))), "none");
        EXPECT_EQ(fault_of(mapped->read(0, into)), "file-too-short");
        EXPECT_EQ(fault_of(mapped->read(32 * kib, into)), "file-too-short");
      }
    });
  }
}

TEST(MappedFile, ReadsWhatTheFileGrewByThroughTheFile) {
  // Mapped at one block, grown to two by its writer.
  TemporaryFolder folder;
  PosixFileSystem files;
  auto writer = *files.create(folder.file("disk"));
  ASSERT_TRUE(writer->write(0, std::vector<std::byte>(4096, std::byte{1})));
  auto mapped = *files.open(folder.file("disk"), OpenMode::read_only, CacheMode::mapped);
  ASSERT_TRUE(writer->write(4096, std::vector<std::byte>(4096, std::byte{2})));
  std::vector<std::byte> bytes(8192);
  ASSERT_TRUE(mapped->read(0, bytes));
  EXPECT_EQ(bytes[0], std::byte{1});
  EXPECT_EQ(bytes[8191], std::byte{2});
}

TEST(PosixFileSystem, TellsWhatStandsUnderANameWithoutFollowingLinks) {
  // A file with a known time, a pipe, links to a file, to a folder and to nothing.
  TemporaryFolder folder;
  PosixFileSystem files;
  ASSERT_TRUE(files.create(folder.file("file")));
  const timespec times[2] = {{1000, 0}, {1'700'000'000, 5}};
  ASSERT_EQ(utimensat(AT_FDCWD, folder.file("file").c_str(), times, 0), 0);
  EXPECT_EQ(*files.status(folder.file("file")), (EntryStatus{EntryKind::file, 1'700'000'000}));
  ASSERT_EQ(mkfifo(folder.file("pipe").c_str(), 0600), 0);
  EXPECT_EQ(files.status(folder.file("pipe"))->kind, EntryKind::other);
  for (const char* target : {"file", ".", "nowhere"}) {
    const std::string link = folder.file(std::string("to-") + target);
    ASSERT_EQ(symlink(target, link.c_str()), 0);
    EXPECT_EQ(files.status(link)->kind, EntryKind::symbolic_link) << target;
  }
}

TEST(PosixFileSystem, AMissingFolderIsNotFound) {
  // Creation, listing and syncing below a folder that is not there, or is a file.
  TemporaryFolder folder;
  PosixFileSystem files;
  ASSERT_TRUE(files.create(folder.file("file")));
  EXPECT_EQ(fault_of(files.create(folder.file("no/disk"))), "file-not-found");
  EXPECT_EQ(fault_of(files.create(folder.file("file/disk"))), "file-not-found");
  EXPECT_EQ(fault_of(files.list(folder.file("no"))), "file-not-found");
  EXPECT_EQ(fault_of(files.sync_folder(folder.file("no"))), "file-not-found");
}

TEST(PosixFileSystem, NewFilesAreReadableByOthersUnderTheUmask) {
  // Two masks, two modes.
  TemporaryFolder folder;
  PosixFileSystem files;
  for (mode_t mask : {0022u, 0077u}) {
    std::string path = folder.file(std::to_string(mask));
    mode_t before = umask(mask);
    ASSERT_TRUE(files.create(path));
    umask(before);
    struct stat status{};
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0644u & ~mask);
  }
}

TEST(PosixFileSystem, KeepsAnotherProcessFromWriting) {
  // A child process tries while this one holds the file, and again afterwards.
  TemporaryFolder folder;
  PosixFileSystem files;
  std::string path = folder.file("disk");
  auto child_can_write = [&] {
    pid_t child = fork();
    if (child == 0) _exit(PosixFileSystem().open(path, OpenMode::read_write) ? 0 : 1);
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  };
  auto writer = files.create(path);
  ASSERT_TRUE(writer);
  EXPECT_FALSE(child_can_write());
  writer->reset();
  EXPECT_TRUE(child_can_write());
}

TEST(PosixFileSystem, SaysHowToRaiseTheLimitOfOpenFiles) {
  // The limit is lowered below what is open already.
  TemporaryFolder folder;
  PosixFileSystem files;
  ASSERT_TRUE(files.create(folder.file("disk")));
  auto open_at_the_limit = [&] {
    ResourceLimit limit(RLIMIT_NOFILE, 3);  // back before anything else happens: sanitizers open files too
    return files.open(folder.file("disk"), OpenMode::read_only);
  };
  auto file = open_at_the_limit();
  ASSERT_EQ(fault_of(file), "file-too-many-open");
  EXPECT_THAT(file.error().message, testing::HasSubstr("may have 3 files open"));
  EXPECT_THAT(file.error().hint, testing::HasSubstr("ulimit -n"));
}

TEST(PosixFileSystem, NamesAFileTheSystemWillNotLetGrow) {
  // The process's limit on file sizes stands for a file system's.
  TemporaryFolder folder;
  PosixFileSystem files;
  auto file = files.create(folder.file("disk"));
  ASSERT_TRUE(file);
  auto* before = std::signal(SIGXFSZ, SIG_IGN);
  {
    ResourceLimit limit(RLIMIT_FSIZE, 1 * mib);
    EXPECT_EQ(fault_of((*file)->resize(2 * mib)), "file-too-large");
    EXPECT_EQ(fault_of((*file)->write(1 * mib, AlignedBuffer(4096).bytes())), "file-too-large");
  }
  std::signal(SIGXFSZ, before);
}

TEST(PosixFileSystem, NamesAFullDevice) {
  // A file system of 1 MiB, filled through both kinds of file; what was written before stays readable.
  TemporaryFolder folder;
  bool allowed = with_small_file_system(folder.path(), [&] {
    PosixFileSystem files;
    for (CacheMode cache : {CacheMode::buffered, CacheMode::direct}) {
      auto file = files.create(folder.file("disk"), cache);
      if (!file && file.error().fault == "file-direct-unsupported") continue;
      ASSERT_TRUE(file) << file.error().text();
      ASSERT_TRUE((*file)->write(0, AlignedBuffer(64 * kib).bytes()));
      auto full = (*file)->write(64 * kib + 1, AlignedBuffer(2 * mib).bytes());
      ASSERT_EQ(fault_of(full), "file-no-space");
      EXPECT_EQ(full.error().kind, ErrorKind::no_space);
      EXPECT_TRUE(full.error().message.starts_with((*file)->name())) << full.error().message;
      AlignedBuffer back(64 * kib);
      EXPECT_TRUE((*file)->read(0, back.bytes()));
      ASSERT_TRUE(files.remove(folder.file("disk")));
    }
  });
  if (!allowed) GTEST_SKIP() << "mounting a file system needs more rights";
}

TEST(PosixFileSystem, NamesAReadOnlyFileSystem) {
  // The same small file system, remounted read-only with a file on it.
  TemporaryFolder folder;
  bool allowed = with_small_file_system(folder.path(), [&] {
    PosixFileSystem files;
    ASSERT_TRUE(files.create(folder.file("disk")));
    ASSERT_EQ(mount(nullptr, folder.path().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
    EXPECT_EQ(fault_of(files.open(folder.file("disk"), OpenMode::read_write)), "file-permission");
    EXPECT_EQ(fault_of(files.create(folder.file("other"))), "file-permission");
    EXPECT_EQ(fault_of(files.remove(folder.file("disk"))), "file-permission");
    EXPECT_EQ(fault_of(files.open(folder.file("disk"), OpenMode::read_only)), "none");
  });
  if (!allowed) GTEST_SKIP() << "mounting a file system needs more rights";
}

TEST(PosixFileSystem, NamesAFileItMayNotOpen) {
  // A file without any permission; root would open it all the same.
  if (geteuid() == 0) GTEST_SKIP() << "root may open every file";
  TemporaryFolder folder;
  PosixFileSystem files;
  ASSERT_TRUE(files.create(folder.file("disk")));
  ASSERT_EQ(chmod(folder.file("disk").c_str(), 0), 0);
  EXPECT_EQ(fault_of(files.open(folder.file("disk"), OpenMode::read_only)), "file-permission");
}

TEST(PosixFileSystem, DirectFilesReallyBypassTheCache) {
  // The descriptor carries O_DIRECT, and none of the flags used only while opening.
  TemporaryFolder folder;
  PosixFileSystem files;
  auto file = files.create(folder.file("disk"), CacheMode::direct);
  if (!file && file.error().fault == "file-direct-unsupported") GTEST_SKIP() << file.error().text();
  ASSERT_TRUE(file) << file.error().text();
  auto* direct = dynamic_cast<PosixDirectFile*>(file->get());
  ASSERT_NE(direct, nullptr);
  int flags = fcntl(direct->descriptor(), F_GETFL);
  EXPECT_NE(flags & O_DIRECT, 0);
  EXPECT_EQ(flags & O_NONBLOCK, 0);
  EXPECT_NE(fcntl(direct->descriptor(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_GE(direct->alignment().offset_bytes, 512u);
}

TEST(PosixFileSystem, SaysWhereDirectFilesAreRefused) {
  // A file of the kernel's own has no device to go to directly.
  PosixFileSystem files;
  if (!files.exists("/proc/self/status")) GTEST_SKIP() << "no /proc here";
  auto file = files.open("/proc/self/status", OpenMode::read_only, CacheMode::direct);
  ASSERT_EQ(fault_of(file), "file-direct-unsupported");
  EXPECT_THAT(file.error().hint, testing::HasSubstr("buffered"));
}

}  // namespace
}  // namespace vhdlab::tests
