// What files in memory have beyond the conformance suite: a capacity, implied folders, and holes that cost
// nothing.
#include "engine/io/memory_file_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vhdlab {
namespace {

constexpr uint64_t page = MemoryFileSystem::page_size_bytes;

template <typename T>
std::string fault_of(const Result<T>& result) {
  return result ? "none" : result.error().fault;
}

TEST(MemoryFileSystem, AFullDeviceRefusesAWriteAndKeepsTheFile) {
  // Room for four pages: three are taken, two more do not fit, and not one of the two is written.
  MemoryFileSystem files(4 * page);
  auto file = std::move(*files.create("/a"));
  ASSERT_TRUE(file->write(0, std::vector<std::byte>(3 * page, std::byte{1})));
  EXPECT_EQ(fault_of(file->write(3 * page - 10, std::vector<std::byte>(page + 20))), "file-no-space");
  EXPECT_EQ(*file->size_bytes(), 3 * page);
  std::vector<std::byte> tail(10);
  ASSERT_TRUE(file->read(3 * page - 10, tail));
  EXPECT_EQ(tail, std::vector<std::byte>(10, std::byte{1}));
  EXPECT_TRUE(file->write(0, std::vector<std::byte>(3 * page, std::byte{2}))) << "rewriting takes no space";
}

TEST(MemoryFileSystem, SpaceComesBackFromHolesCutsAndRemovedFiles) {
  // Each way of giving back, watched at the device; a removed file counts until it is closed.
  MemoryFileSystem files(8 * page);
  auto file = std::move(*files.create("/a"));
  ASSERT_TRUE(file->write(0, std::vector<std::byte>(8 * page)));
  EXPECT_EQ(files.used_bytes(), 8 * page);
  ASSERT_TRUE(file->punch_hole({page / 2, 2 * page}));
  EXPECT_EQ(files.used_bytes(), 7 * page);
  ASSERT_TRUE(file->resize(4 * page + 1));
  EXPECT_EQ(files.used_bytes(), 4 * page);
  EXPECT_EQ(*file->allocated_bytes(), 4 * page);
  ASSERT_TRUE(files.remove("/a"));
  EXPECT_EQ(files.used_bytes(), 4 * page);
  file.reset();
  EXPECT_EQ(files.used_bytes(), 0u);
}

TEST(MemoryFileSystem, ALargeSparseFileCostsOnlyItsPages) {
  // 64 TiB with one byte at the end: cut, punched and walked without touching what is not there.
  MemoryFileSystem files;
  auto file = std::move(*files.create("/huge"));
  ASSERT_TRUE(file->write(64 * tib - 1, std::vector<std::byte>(1, std::byte{1})));
  EXPECT_EQ(*file->size_bytes(), 64 * tib);
  EXPECT_EQ(files.used_bytes(), page);
  EXPECT_EQ(**file->next_data(0), (ByteRange{64 * tib - page, page}));
  ASSERT_TRUE(file->punch_hole({0, 64 * tib}));
  EXPECT_EQ(files.used_bytes(), 0u);
  EXPECT_EQ(*file->next_data(0), std::nullopt);
}

TEST(MemoryFileSystem, PathsThatMeanTheSameAreTheSame) {
  // Dots, doubled slashes, relative paths; and a folder exists because a file lies in it.
  MemoryFileSystem files;
  ASSERT_TRUE(files.create("/vm/disks/base.vhdx"));
  EXPECT_TRUE(files.exists("/vm/disks/../disks/./base.vhdx"));
  EXPECT_TRUE(files.exists("vm//disks/base.vhdx"));
  EXPECT_FALSE(files.exists("/vm/base.vhdx"));
  ASSERT_TRUE(files.create("/vm/readme"));
  EXPECT_THAT(*files.list("/vm/"), testing::ElementsAre("disks", "readme"));
  EXPECT_THAT(*files.list("/"), testing::ElementsAre("vm"));
  EXPECT_THAT(*files.list("/empty"), testing::IsEmpty());
}

TEST(MemoryFileSystem, AnOpenFileOutlivesTheFileSystem) {
  // The file system goes first.
  std::unique_ptr<File> file;
  {
    MemoryFileSystem files;
    file = std::move(*files.create("/a"));
  }
  EXPECT_TRUE(file->write(0, std::vector<std::byte>(10)));
  EXPECT_EQ(*file->size_bytes(), 10u);
}

}  // namespace
}  // namespace vhdlab
