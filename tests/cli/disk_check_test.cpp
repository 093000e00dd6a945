// vhdlab disk check, repair and relink as a user meets them: what they print, their exit codes, and that
// nothing is written unasked.
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "engine/chain/chain_open.h"
#include "engine/format/vhdx/layout.h"
#include "engine/io/memory_file_system.h"
#include "scenarios/cli/commands.h"
#include "scenarios/cli/program.h"

namespace vhdlab::scenarios {
namespace {

constexpr Command commands[] = {
    {"disk check", "", disk_check::syntax, disk_check::run},
    {"disk repair", "", disk_repair::syntax, disk_repair::run},
    {"disk relink", "", disk_relink::syntax, disk_relink::run},
};

class DiskCheckCommands : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(create_disk(files_, "/base.vhdx", {.disk_size_bytes = 8 * mib, .block_size_bytes = 1 * mib},
                            random_));
    ASSERT_TRUE(create_child(files_, "/base.vhdx", "/now.avhdx", {}, random_));
  }

  ExitCode run(std::vector<std::string> words) {
    out_.str({});
    err_.str({});
    const CommandContext context{
        .files = files_,
        .random = random_,
        .out = out_,
        .err = err_,
        .terminal = {},
        .build = {},
        .stop = [] { return false; },
        .now = [] { return Nanoseconds(0); },
        .free_space_bytes = [](const std::string&) { return Result<uint64_t>(1 * tib); },
        .library_folder = {},
        .confirm = confirm_};
    return run_program(commands, words, context);
  }

  std::vector<std::byte> bytes_of(const std::string& path) {
    auto file = *files_.open(path, OpenMode::read_only);
    std::vector<std::byte> bytes(*file->size_bytes());
    EXPECT_TRUE(file->read(0, bytes));
    return bytes;
  }

  void poke(uint64_t offset, uint64_t value) {
    const le64 stored = value;
    ASSERT_TRUE((*files_.open("/base.vhdx", OpenMode::read_write))
                    ->write(offset, std::as_bytes(std::span(&stored, 1))));
  }
  void tear_header() { poke(vhdx::header_offsets[0] + 100, 7); }
  void break_table() { poke(3 * mib, 4); }

  std::string undo_path() {
    const auto names = *files_.list("/");
    for (const std::string& name : names) {
      if (name.ends_with(".undo")) return "/" + name;
    }
    return {};
  }

  MemoryFileSystem files_;
  SeededRandom random_{3};
  std::ostringstream out_;
  std::ostringstream err_;
  std::function<bool(const std::string&)> confirm_;
};

TEST_F(DiskCheckCommands, CheckEndsWithOneOnDamageOnly) {
  // Goal: the exit codes of clean, risky and damaged disks. Method: damage by and by.
  EXPECT_EQ(run({"disk", "check", "/base.vhdx"}), ExitCode::done) << out_.str();
  tear_header();
  EXPECT_EQ(run({"disk", "check", "/base.vhdx"}), ExitCode::done);
  EXPECT_NE(out_.str().find("vhdx-header-torn"), std::string::npos) << out_.str();
  EXPECT_NE(out_.str().find("'vhdlab disk repair /base.vhdx' mends 1 of them"), std::string::npos)
      << out_.str();
  break_table();
  EXPECT_EQ(run({"disk", "check", "/base.vhdx"}), ExitCode::failed);
  EXPECT_EQ(out_.str().find("damage "), 0) << "worst first: " << out_.str();
}

TEST_F(DiskCheckCommands, CheckSpeaksJsonForFilesAndChains) {
  // Goal: programs can read it. Method: parse both shapes.
  break_table();
  EXPECT_EQ(run({"disk", "check", "/base.vhdx", "--format", "json"}), ExitCode::failed);
  const auto file = nlohmann::json::parse(out_.str());
  EXPECT_FALSE(file["ok"].get<bool>());
  EXPECT_EQ(file["findings"][0]["name"], "vhdx-block-state");
  EXPECT_EQ(file["count_by_name"]["vhdx-block-state"], 1);
  EXPECT_EQ(run({"disk", "check", "/now.avhdx", "--chain", "--format", "json"}), ExitCode::failed);
  const auto chain = nlohmann::json::parse(out_.str());
  ASSERT_EQ(chain["layers"].size(), 2);
  EXPECT_TRUE(chain["layers"][0]["ok"].get<bool>());
  EXPECT_FALSE(chain["layers"][1]["ok"].get<bool>());
}

TEST_F(DiskCheckCommands, RepairWritesNothingUnasked) {
  // Goal: a dry run, a no, and nobody to ask leave the file as it is, with the plan shown. Method: compare
  // bytes.
  tear_header();
  const auto before = bytes_of("/base.vhdx");
  EXPECT_EQ(run({"disk", "repair", "/base.vhdx", "--dry-run"}), ExitCode::done);
  EXPECT_NE(out_.str().find("write 4096 bytes at 0x10000"), std::string::npos) << out_.str();
  EXPECT_EQ(run({"disk", "repair", "/base.vhdx"}), ExitCode::wrong_use);
  EXPECT_NE(out_.str().find("write 4096 bytes at 0x10000"), std::string::npos) << out_.str();
  confirm_ = [](const std::string&) { return false; };
  EXPECT_EQ(run({"disk", "repair", "/base.vhdx"}), ExitCode::done);
  EXPECT_EQ(bytes_of("/base.vhdx"), before);
  EXPECT_EQ(undo_path(), "");
}

TEST_F(DiskCheckCommands, RepairMendsAndUndoBringsTheDamageBack) {
  // Goal: the whole way there and back. Method: repair with --yes, check, undo, compare bytes.
  tear_header();
  const auto before = bytes_of("/base.vhdx");
  EXPECT_EQ(run({"disk", "repair", "/base.vhdx", "--yes"}), ExitCode::done) << err_.str();
  EXPECT_NE(out_.str().find("0 damage, 0 risks"), std::string::npos) << out_.str();
  ASSERT_NE(undo_path(), "");
  EXPECT_TRUE(open_chain(files_, "/now.avhdx", {}, random_)) << "the child still fits";
  EXPECT_EQ(run({"disk", "repair", "/base.vhdx", "--yes", "--undo", undo_path()}), ExitCode::done)
      << err_.str();
  EXPECT_EQ(bytes_of("/base.vhdx"), before);
}

TEST_F(DiskCheckCommands, RepairSaysWhatItLeaves) {
  // Goal: what would be a guess is named and stays, with exit code 1. Method: an impossible block state.
  break_table();
  EXPECT_EQ(run({"disk", "repair", "/base.vhdx", "--yes"}), ExitCode::failed);
  EXPECT_NE(out_.str().find("damage vhdx-block-state: block 0"), std::string::npos) << out_.str();
}

TEST_F(DiskCheckCommands, RelinkFollowsAMovedParent) {
  // Goal: the command reaches the engine. Method: move the base, relink, open; and a wrong parent refused.
  ASSERT_TRUE(files_.rename("/base.vhdx", "/moved/renamed.vhdx"));
  EXPECT_EQ(run({"disk", "check", "/now.avhdx", "--chain"}), ExitCode::failed);
  EXPECT_EQ(run({"disk", "relink", "/now.avhdx", "/moved/renamed.vhdx"}), ExitCode::done) << err_.str();
  EXPECT_TRUE(open_chain(files_, "/now.avhdx", {}, random_));
  ASSERT_TRUE(
      create_disk(files_, "/other.vhdx", {.disk_size_bytes = 8 * mib, .block_size_bytes = 1 * mib}, random_));
  EXPECT_EQ(run({"disk", "relink", "/now.avhdx", "/other.vhdx"}), ExitCode::failed);
  EXPECT_EQ(run({"disk", "relink", "/now.avhdx", "/other.vhdx", "--ignore-id-mismatch", "--format", "json"}),
            ExitCode::done);
  EXPECT_EQ(nlohmann::json::parse(out_.str())["parent_path"], "/other.vhdx");
}

}  // namespace
}  // namespace vhdlab::scenarios
