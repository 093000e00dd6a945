// Simulated files by name: what is sent, under which number, and when a number goes.
#include "sim/device/simulated_file_system.h"

#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/io/memory_file_system.h"

namespace vhdlab::tests {
namespace {

using testing::ElementsAre;

class Notes final : public sim::RequestSink {
 public:
  std::vector<std::string> lines;
  Result<void> take(const sim::FileRequest& request, Bytes) override {
    const char* kind = request.kind == sim::RequestKind::read    ? "read"
                       : request.kind == sim::RequestKind::write ? "write"
                                                                 : "flush";
    lines.push_back(fmt::format("{} {} {}", kind, request.file, request.length_bytes));
    return {};
  }
};

struct World {
  MemoryFileSystem content;
  Notes notes;
  uint32_t next = 10;
  sim::SimulatedFileSystem files{
      content,
      notes,
      {.add =
           [this](const std::string& path) {
             notes.lines.push_back("add " + path);
             return next++;
           },
       .remove = [this](uint32_t number) { notes.lines.push_back(fmt::format("gone {}", number)); }}};
};

TEST(SimulatedFileSystem, SendsRequestsUnderTheFilesNumber) {
  // Goal: a file keeps its number however often it is opened, and its content. Method: written, opened again,
  // read.
  World world;
  const std::vector<std::byte> data(4096, std::byte{7});
  {
    const auto file = *world.files.create("/m/a", CacheMode::buffered);
    ASSERT_TRUE(file->write(0, data));
    ASSERT_TRUE(file->flush());
  }
  const auto again = *world.files.open("/m/a", OpenMode::read_only, CacheMode::buffered);
  std::vector<std::byte> found(4096);
  ASSERT_TRUE(again->read(0, found));
  EXPECT_EQ(found, data);
  EXPECT_THAT(world.notes.lines, ElementsAre("add /m/a", "write 10 4096", "flush 10 0", "read 10 4096"));
}

TEST(SimulatedFileSystem, MovesANumberWithItsName) {
  // Goal: a manifest that replaces another keeps its space on the device, the replaced one gives it back.
  // Method: the engine's way to replace a file.
  World world;
  (void)*world.files.create("/m/manifest", CacheMode::buffered);
  (void)*world.files.create("/m/manifest.new", CacheMode::buffered);
  ASSERT_TRUE(world.files.rename("/m/manifest.new", "/m/manifest"));
  ASSERT_TRUE(world.files.sync_folder("/m"));
  const auto file = *world.files.open("/m/manifest", OpenMode::read_write, CacheMode::buffered);
  ASSERT_TRUE(file->flush());
  ASSERT_TRUE(world.files.remove("/m/manifest"));
  EXPECT_THAT(world.notes.lines, ElementsAre("add /m/manifest", "add /m/manifest.new", "gone 10", "add /m",
                                             "flush 12 0", "flush 11 0", "gone 11"));
}

TEST(SimulatedFileSystem, TakesAFileThatHasANumberAlready) {
  // Goal: a target's own file and the machine's are one to the device. Method: a number given beforehand.
  World world;
  world.files.expect("/m/base", 3);
  const auto file = *world.files.create("/m/base", CacheMode::buffered);
  ASSERT_TRUE(file->flush());
  EXPECT_THAT(world.notes.lines, ElementsAre("flush 3 0"));
}

}  // namespace
}  // namespace vhdlab::tests
