// The disk whose power can be cut: keeps the rules of every file system, and leaves after a cut what it
// promises.
#include "tests/crash/power_cut_file_system.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

#include "tests/conformance/file_conformance.h"

namespace vhdlab::tests {
namespace {

class PowerCutWorld final : public FileWorld {
 public:
  FileSystem& files() override { return files_; }
  std::string folder() override { return "/disks"; }

 private:
  PowerCutFileSystem files_;
};

INSTANTIATE_TEST_SUITE_P(PowerCut, FileConformance,
                         testing::Values(FileImplementation{"power_cut",
                                                            []() -> Result<std::unique_ptr<FileWorld>> {
                                                              return std::make_unique<PowerCutWorld>();
                                                            }}));

std::vector<std::byte> sector_of(char letter) {
  return std::vector<std::byte>(device_sector_bytes, static_cast<std::byte>(letter));
}

// The first byte of each sector, a dot for zero; "-" where there is no such file.
std::string letters_of(FileSystem& files, const std::string& path) {
  auto file = files.open(path, OpenMode::read_only);
  if (!file) return "-";
  std::vector<std::byte> bytes((*file)->size_bytes().value());
  EXPECT_TRUE((*file)->read(0, bytes));
  std::string letters;
  for (size_t at = 0; at < bytes.size(); at += device_sector_bytes)
    letters.push_back(bytes[at] == std::byte{0} ? '.' : static_cast<char>(bytes[at]));
  return letters;
}

std::set<std::string> letters_after_each_cut(const PowerCutFileSystem& disk, const std::string& path) {
  std::set<std::string> found;
  const auto questions = disk.open_questions();
  Cut cut(questions.size());
  for (;;) {
    found.insert(letters_of(*disk.after_cut(cut), path));
    size_t i = 0;
    while (i < cut.size() && ++cut[i] == questions[i])
      cut[i++] = 0;
    if (i == cut.size()) return found;
  }
}

class PowerCut : public testing::Test {
 protected:
  void SetUp() override {
    file_ = disk_.create("/disks/a").value();
    write(0, 'a');
    write(1, 'b');
    ASSERT_TRUE(file_->flush());
    ASSERT_TRUE(disk_.sync_folder("/disks"));
  }

  void write(uint64_t sector, char letter) {
    ASSERT_TRUE(file_->write(sector * device_sector_bytes, sector_of(letter)));
  }

  PowerCutFileSystem disk_;
  std::unique_ptr<File> file_;
};

TEST_F(PowerCut, LosesNothingThatWasFlushed) {
  // Goal: flush means flush. Method: nothing waits after it, and the only state is the live one.
  EXPECT_TRUE(disk_.open_questions().empty());
  EXPECT_EQ(letters_after_each_cut(disk_, "/disks/a"), std::set<std::string>{"ab"});
}

TEST_F(PowerCut, LeavesEachUnflushedSectorInAnyOfItsVersions) {
  // Goal: sectors are independent and keep every version since the flush. Method: all states of two sectors.
  write(0, 'c');
  write(0, 'd');
  write(1, 'e');
  EXPECT_EQ(letters_after_each_cut(disk_, "/disks/a"),
            (std::set<std::string>{"ab", "cb", "db", "ae", "ce", "de"}));
}

TEST_F(PowerCut, LeavesTheSizeApartFromTheSectors) {
  // Goal: growth and bytes in it are separate. Method: all states of one sector past the end.
  write(2, 'c');
  EXPECT_EQ(letters_after_each_cut(disk_, "/disks/a"), (std::set<std::string>{"ab", "ab.", "abc"}));
}

TEST_F(PowerCut, LeavesAPunchedSectorAsItWasOrZero) {
  // Goal: holes wait for the flush like writes. Method: all states of one hole.
  ASSERT_TRUE(file_->punch_hole({0, device_sector_bytes}));
  EXPECT_EQ(letters_after_each_cut(disk_, "/disks/a"), (std::set<std::string>{"ab", ".b"}));
}

TEST_F(PowerCut, ChangesNamesInOrder) {
  // Goal: names change in order and last from sync_folder on. Method: a removal after a creation.
  ASSERT_TRUE(disk_.create("/disks/b"));
  ASSERT_TRUE(disk_.remove("/disks/a"));
  EXPECT_EQ(disk_.open_questions().front(), 3U);
  for (uint32_t happened = 0; happened < 3; ++happened) {
    auto found = disk_.after_cut({happened});
    EXPECT_EQ(found->exists("/disks/b"), happened >= 1);
    EXPECT_EQ(found->exists("/disks/a"), happened < 2);
  }
  ASSERT_TRUE(disk_.sync_folder("/disks"));
  EXPECT_TRUE(disk_.open_questions().empty());
}

TEST_F(PowerCut, KeepsADiskApartFromItsStates) {
  // Goal: states share no bytes with the disk they came from. Method: write to both.
  auto found = disk_.copy();
  ASSERT_TRUE(found->open("/disks/a", OpenMode::read_write).value()->write(0, sector_of('x')));
  write(1, 'y');
  EXPECT_EQ(letters_of(*found, "/disks/a"), "xb");
  EXPECT_EQ(letters_of(disk_, "/disks/a"), "ay");
}

}  // namespace
}  // namespace vhdlab::tests
