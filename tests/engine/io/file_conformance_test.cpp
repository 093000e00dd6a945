// The conformance suite, run by every implementation of this floor.
#include "tests/conformance/file_conformance.h"

#include "engine/io/counted_file_system.h"
#include "engine/io/memory_file_system.h"
#include "engine/io/posix_file_system.h"
#include "tests/support/temporary_folder.h"

namespace vhdlab::tests {
namespace {

class PosixWorld final : public FileWorld {
 public:
  explicit PosixWorld(CacheMode cache) : cache_(cache) {}
  FileSystem& files() override { return files_; }
  std::string folder() override { return folder_.path().string(); }
  CacheMode cache() override { return cache_; }

 private:
  TemporaryFolder folder_;
  PosixFileSystem files_;
  CacheMode cache_;
};

class MemoryWorld final : public FileWorld {
 public:
  FileSystem& files() override { return files_; }
  std::string folder() override { return "/disks"; }

 private:
  MemoryFileSystem files_;
};

class CountedWorld final : public FileWorld {
 public:
  FileSystem& files() override { return counted_; }
  std::string folder() override { return "/disks"; }

 private:
  MemoryFileSystem files_;
  CountedFileSystem counted_{files_};
};

Result<std::unique_ptr<FileWorld>> make_buffered_world() {
  return std::make_unique<PosixWorld>(CacheMode::buffered);
}
Result<std::unique_ptr<FileWorld>> make_mapped_world() {
  return std::make_unique<PosixWorld>(CacheMode::mapped);
}
Result<std::unique_ptr<FileWorld>> make_memory_world() {
  return std::make_unique<MemoryWorld>();
}
Result<std::unique_ptr<FileWorld>> make_counted_world() {
  return std::make_unique<CountedWorld>();
}

Result<std::unique_ptr<FileWorld>> make_direct_world() {
  auto world = std::make_unique<PosixWorld>(CacheMode::direct);
  TRY(world->files().create(world->folder() + "/probe", CacheMode::direct));
  TRY(world->files().remove(world->folder() + "/probe"));
  return world;
}

INSTANTIATE_TEST_SUITE_P(Files, FileConformance,
                         testing::Values(FileImplementation{"posix_buffered", make_buffered_world},
                                         FileImplementation{"posix_direct", make_direct_world},
                                         FileImplementation{"posix_mapped", make_mapped_world},
                                         FileImplementation{"memory", make_memory_world},
                                         FileImplementation{"counted", make_counted_world}),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace vhdlab::tests
