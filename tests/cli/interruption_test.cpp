// Ctrl-C at any moment: no half-made file stays, and every disk reads as before.
#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/bytes.h"
#include "scenarios/cli/commands.h"
#include "tests/cli/cli_support.h"

namespace vhdlab::tests {
namespace {

using scenarios::parse_arguments;

TEST(Interruption, AStoppedConversionLeavesNothingBehind) {
  // Goal: stop at the first, second, ... question until one run is not stopped any more.
  const TemporaryFolder folder;
  const TestChain chain = make_chain(folder, 2);
  const FolderContents before = contents_of(folder.path());
  bool was_stopped = true;
  for (int question = 0; was_stopped; ++question) {
    ASSERT_LT(question, 1000) << "stops are never asked for";
    TestWorld world;
    world.stop_after_questions = question;
    const auto arguments = parse_arguments("", scenarios::disk_convert::syntax(),
                                           {chain.leaf(), folder.file("flat.vhdx"), "--block-size", "1MiB"});
    const auto converted = scenarios::disk_convert::run(world.context(), *arguments);
    was_stopped = !converted.has_value();
    if (was_stopped) {
      EXPECT_EQ(converted.error().fault, "copy-interrupted");
      EXPECT_EQ(world.out(), "");
      EXPECT_TRUE(contents_of(folder.path()) == before);
    }
  }
  EXPECT_TRUE(disk_content(folder.file("flat.vhdx")) == chain.content);
}

TEST(Interruption, AStoppedMergeLeavesTheDiskAndCanBeFinished) {
  // Goal: stop at every question in turn, on the same files: the content never changes and the last run ends.
  const TemporaryFolder folder;
  const TestChain chain = make_chain(folder, 3);
  bool was_stopped = true;
  for (int question = 0; was_stopped; ++question) {
    ASSERT_LT(question, 1000) << "stops are never asked for";
    TestWorld world;
    world.stop_after_questions = question;
    const auto merged = scenarios::disk_merge::run(
        world.context(),
        *parse_arguments("", scenarios::disk_merge::syntax(), {chain.leaf(), "--all", "--quiet"}));
    was_stopped = !merged.has_value();
    if (was_stopped) {
      EXPECT_EQ(merged.error().fault, "merge-interrupted");
      EXPECT_TRUE(disk_content(chain.leaf()) == chain.content);
      EXPECT_EQ(names_in(folder.path()).size(), 4U);
    }
  }
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"base.vhdx"});
  EXPECT_TRUE(disk_content(chain.base()) == chain.content);
}

bool has_partial_file(const std::filesystem::path& folder) {
  return std::ranges::any_of(names_in(folder),
                             [](const std::string& name) { return name.ends_with(".partial"); });
}

TEST(Interruption, TheProgramCleansUpAndEndsByTheSignal) {
  // Goal: a real SIGINT while the program copies. Should it be faster than the signal, it must have finished
  // whole.
  const TemporaryFolder folder;
  write_file(folder.file("disk.img"), noise(128 * mib, 5));
  const std::string target = folder.file("disk.vhdx");
  const std::string source = folder.file("disk.img");
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::execl(VHDLAB_PROGRAM, VHDLAB_PROGRAM, "disk", "convert", source.c_str(), target.c_str(), "--quiet",
            nullptr);
    ::_exit(127);
  }
  int status = 0;
  while (!has_partial_file(folder.path()) && ::waitpid(child, &status, WNOHANG) == 0)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  if (!WIFEXITED(status) || has_partial_file(folder.path())) {
    ::kill(child, SIGINT);
    ::waitpid(child, &status, 0);
  }
  EXPECT_FALSE(has_partial_file(folder.path()));
  if (WIFSIGNALED(status)) {
    EXPECT_EQ(WTERMSIG(status), SIGINT);
    EXPECT_FALSE(std::filesystem::exists(target));
  } else {
    EXPECT_EQ(WEXITSTATUS(status), 0);
    EXPECT_TRUE(disk_content(target) == read_file(source));
  }
}

}  // namespace
}  // namespace vhdlab::tests
