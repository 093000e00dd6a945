// Ctrl-C at any moment: no half-made file stays, and every disk reads as before.
#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/bytes.h"
#include "engine/chain/chain_open.h"
#include "engine/merge/merge_record.h"
#include "scenarios/cli/commands.h"
#include "scenarios/cli/stop_signals.h"
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
  // Beside the files there may stand the record of how far the merge has come, and nothing else.
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
      std::vector<std::string> names = names_in(folder.path());
      std::erase(names, "child3.avhdx.merge");
      EXPECT_EQ(names.size(), 4U);
    }
  }
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"base.vhdx"});
  EXPECT_TRUE(disk_content(chain.base()) == chain.content);
}

TEST(Interruption, AMergeStopsInsideALongRunOfBytes) {
  // Goal: 12 MiB that stand together are one step of the plan, and a stop need not wait for their end.
  const TemporaryFolder folder;
  ASSERT_EQ(vhdlab({"disk", "create", folder.file("base.vhdx"), "--size", "16MiB"}).exit_code, 0);
  ASSERT_EQ(
      vhdlab({"disk", "create", folder.file("now.avhdx"), "--parent", folder.file("base.vhdx")}).exit_code,
      0);
  const std::string change = noise(12 * mib, 1);
  {
    PosixFileSystem files;
    SeededRandom random(3);
    auto chain = open_chain(files, folder.file("now.avhdx"), {.mode = OpenMode::read_write}, random);
    ASSERT_TRUE(chain.has_value()) << chain.error().text();
    WritePlan plan;
    ASSERT_TRUE(chain->write(0, std::as_bytes(std::span(change)), plan).has_value());
    ASSERT_TRUE(chain->close().has_value());
  }

  TestWorld world;
  world.stop_after_questions = 1;
  const auto merged = scenarios::disk_merge::run(
      world.context(), *parse_arguments("", scenarios::disk_merge::syntax(), {folder.file("now.avhdx")}));
  ASSERT_FALSE(merged.has_value());
  EXPECT_EQ(merged.error().fault, "merge-interrupted");
  EXPECT_TRUE(disk_content(folder.file("now.avhdx")) == change + std::string(4 * mib, '\0'));
}

TEST(Interruption, AMergeThatWasKilledAtItsEndIsFinishedByTheNextCall) {
  // Goal: the next call clears up and merges nothing more. Method: merges two of three children, then brings
  // their files and the merge's record back, as a kill before the removal leaves them.
  const TemporaryFolder folder;
  const TestChain chain = make_chain(folder, 3);
  auto identity_of = [](const std::string& path) {
    return Guid::parse(vhdlab_json({"disk", "info", path})["data_write_guid"].get<std::string>()).value();
  };
  MergeRecord record{.range = {.target = 0, .top = 2},
                     .target = {"base.vhdx", {}},
                     .sources = {{"child1.avhdx", identity_of(chain.paths[1])},
                                 {"child2.avhdx", identity_of(chain.paths[2])}},
                     .child_path = "child3.avhdx"};
  const std::string child1 = read_file(chain.paths[1]);
  const std::string child2 = read_file(chain.paths[2]);
  ASSERT_EQ(vhdlab({"disk", "merge", chain.leaf(), "--top", chain.paths[2], "--layers", "2"}).exit_code, 0);
  record.target.identity = identity_of(chain.base());
  write_file(chain.paths[1], child1);
  write_file(chain.paths[2], child2);
  PosixFileSystem files;
  ASSERT_TRUE(write_merge_record(files, chain.leaf(), record).has_value());

  const auto finished =
      vhdlab_json({"disk", "merge", chain.leaf(), "--top", chain.paths[2], "--layers", "2"});
  EXPECT_EQ(finished["was_interrupted"], true);
  EXPECT_EQ(finished["removed_paths"].size(), 2U);
  EXPECT_EQ(names_in(folder.path()), (std::vector<std::string>{"base.vhdx", "child3.avhdx"}));
  EXPECT_TRUE(disk_content(chain.leaf()) == chain.content);
}

bool has_partial_file(const std::filesystem::path& folder) {
  return std::ranges::any_of(names_in(folder),
                             [](const std::string& name) { return name.ends_with(".partial"); });
}

// Sends the signal to the program while it copies `source` into `target`, and returns how it ended. `ignored`
// is a signal it is started deaf to, as nohup does; 0 for none.
int status_after_signal(const std::string& source, const std::string& target, int signal_number,
                        int ignored = 0) {
  const std::filesystem::path folder = std::filesystem::path(target).parent_path();
  const pid_t child = ::fork();
  if (child == 0) {
    if (ignored != 0) std::signal(ignored, SIG_IGN);
    ::execl(VHDLAB_PROGRAM, VHDLAB_PROGRAM, "disk", "convert", source.c_str(), target.c_str(), "--quiet",
            nullptr);
    ::_exit(127);
  }
  int status = 0;
  bool ended = false;
  while (!has_partial_file(folder) && !ended) {
    ended = ::waitpid(child, &status, WNOHANG) != 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  if (!ended) {
    ::kill(child, signal_number);
    ::waitpid(child, &status, 0);
  }
  return status;
}

TEST(Interruption, TheProgramCleansUpAndEndsByTheSignal) {
  // Goal: real signals while the program copies: Ctrl-C, a request to end, a terminal that is closed. Should
  // it be faster than the signal, it must have finished whole.
  for (const int signal_number : {SIGINT, SIGTERM, SIGHUP}) {
    const TemporaryFolder folder;
    const std::string source = folder.file("disk.img");
    const std::string target = folder.file("disk.vhdx");
    write_file(source, noise(128 * mib, 5));
    const int status = status_after_signal(source, target, signal_number);
    EXPECT_FALSE(has_partial_file(folder.path())) << signal_number;
    if (WIFSIGNALED(status)) {
      EXPECT_EQ(WTERMSIG(status), signal_number);
      EXPECT_FALSE(std::filesystem::exists(target));
    } else {
      EXPECT_EQ(WEXITSTATUS(status), 0);
      EXPECT_TRUE(disk_content(target) == read_file(source));
    }
  }
}

TEST(Interruption, ATerminalThatGoesAwayAsksToStopHoweverOftenItIsTold) {
  // Goal: the shell and the system may both tell of one hang-up. Method: a process that raises it twice.
  const pid_t child = ::fork();
  if (child == 0) {
    scenarios::watch_stop_signals();
    std::raise(SIGHUP);
    std::raise(SIGHUP);
    ::_exit(scenarios::stop_signal() == SIGHUP ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status)) << "ended by the signal";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Interruption, AProgramUnderNohupGoesOnWhenItsTerminalIsClosed) {
  // Goal: who starts a long run under nohup means it. Method: a hang-up to a program that ignores it.
  const TemporaryFolder folder;
  const std::string source = folder.file("disk.img");
  const std::string target = folder.file("disk.vhdx");
  write_file(source, noise(32 * mib, 5));
  const int status = status_after_signal(source, target, SIGHUP, SIGHUP);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_TRUE(disk_content(target) == read_file(source));
}

}  // namespace
}  // namespace vhdlab::tests
