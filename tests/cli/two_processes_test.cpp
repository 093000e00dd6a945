// Two processes on one disk: the second who would write is told who is in the way and changes nothing;
// whoever only reads the layers below may; and who looks at the very disk that is being written is told so
// rather than that it is damaged.
#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/chain/chain_open.h"
#include "engine/checkpoint/checkpoint_operations.h"
#include "tests/cli/cli_support.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

// Keeps a chain open for writing, as a running machine does.
class Writer {
 public:
  explicit Writer(const std::string& leaf)
      : chain_(open_chain(files_, leaf, {.mode = OpenMode::read_write}, random_)) {
    EXPECT_TRUE(chain_) << chain_.error().text();
  }

 private:
  PosixFileSystem files_;
  SeededRandom random_{1};
  Result<Chain> chain_;
};

TEST(TwoProcesses, TheSecondWriterIsToldAndChangesNothing) {
  // Goal: the lock holds for every command that writes. Method: this process keeps the leaf open for writing,
  // the program tries each.
  const TemporaryFolder folder;
  const TestChain chain = make_chain(folder, 2);
  write_file(folder.file("bytes"), "text");
  const Writer writer(chain.leaf());
  const FolderContents before = contents_of(folder.path());
  const std::vector<std::vector<std::string>> commands = {
      {"disk", "write", chain.leaf(), folder.file("bytes")},
      {"disk", "merge", chain.leaf(), "--all"},
      {"disk", "compact", chain.leaf()},
      {"disk", "resize", chain.leaf(), "--size", "16MiB"},
      {"disk", "relink", chain.leaf(), chain.paths[1]},
      {"disk", "repair", chain.leaf(), "--yes"},
      {"disk", "convert", chain.base(), chain.leaf(), "--force"},
  };
  for (const auto& words : commands) {
    const ProgramResult refused = vhdlab(words);
    EXPECT_EQ(refused.exit_code, 1) << words[1];
    EXPECT_NE(refused.errors.find("child2.avhdx"), std::string::npos) << words[1] << ": " << refused.errors;
    EXPECT_NE(refused.errors.find("another"), std::string::npos) << words[1] << ": " << refused.errors;
    EXPECT_TRUE(contents_of(folder.path()) == before) << words[1];
  }
}

TEST(TwoProcesses, ReadersOfTheParentsAreWelcomeUnderALiveChild) {
  // Goal: looking at what a running machine stands on is allowed. Method: as above, commands that read.
  const TemporaryFolder folder;
  const TestChain chain = make_chain(folder, 2);
  const Writer writer(chain.leaf());
  for (const std::string& path : {chain.base(), chain.paths[1]}) {
    for (const char* command : {"info", "chain", "map", "check"})
      EXPECT_EQ(vhdlab({"disk", command, path}).exit_code, 0) << command << " " << path;
    EXPECT_EQ(vhdlab({"disk", "convert", path, folder.file("copy.vhdx"), "--force"}).exit_code, 0);
  }
  EXPECT_EQ(vhdlab({"disk", "create", folder.file("branch.avhdx"), "--parent", chain.paths[1]}).exit_code, 0)
      << "another child of a parent in use";
}

TEST(TwoProcesses, AParentInUseIsNotMergedInto) {
  // Goal: nobody pulls the ground from under a writer. Method: the leaf is open, the layers below are merged.
  const TemporaryFolder folder;
  const TestChain chain = make_chain(folder, 3);
  const Writer writer(chain.leaf());
  const FolderContents before = contents_of(folder.path());
  const ProgramResult refused =
      vhdlab({"disk", "merge", chain.leaf(), "--top", chain.paths[2], "--layers", "2"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_TRUE(contents_of(folder.path()) == before) << refused.errors;
}

TEST(TwoProcesses, ASecondRunIntoTheSameFolderIsToldAndTheFirstKeepsItsResults) {
  // Goal: two runs never take each other's results for their own, not even with --force. Method: while one
  // runs for two seconds, others are sent into its folder; afterwards its results are whole and alone.
  const TemporaryFolder folder;
  write_file(folder.file("slow.yaml"), R"(name: slow
seed: 1
disk: { size: 8MiB, block_size: 1MiB }
setup: [create: base]
measure: [ read: { name: reads, pattern: random, block_size: 4KiB, duration: 2s } ]
)");
  const std::string results = folder.file("out");
  ProgramResult first;
  std::thread running([&] { first = vhdlab({"run", folder.file("slow.yaml"), "--output", results}); });
  while (!std::filesystem::exists(results) || names_in(results).empty())
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  for (const auto& more : std::vector<std::vector<std::string>>{{}, {"--force"}}) {
    std::vector<std::string> words = {"run", folder.file("slow.yaml"), "--seed", "2", "--output", results};
    words.insert(words.end(), more.begin(), more.end());
    const ProgramResult second = vhdlab(words);
    EXPECT_EQ(second.exit_code, 1);
    EXPECT_NE(second.errors.find(results + ": another run is at work"), std::string::npos) << second.errors;
  }
  running.join();
  EXPECT_EQ(first.exit_code, 0) << first.errors;
  EXPECT_EQ(names_in(results), (std::vector<std::string>{"report.html", "results.json"}));
  EXPECT_EQ(nlohmann::json::parse(read_file(results + "/results.json"))["seed"], 1);
  EXPECT_EQ(
      vhdlab({"run", folder.file("slow.yaml"), "--target", "sim", "--output", results, "--force"}).exit_code,
      0)
      << "the folder is free again";
}

TEST(TwoProcesses, CommandsOnOneMachineGoOneAfterTheOtherOrAreTold) {
  // Goal: commands that change a machine at the same time lose nothing: each has happened whole, or was
  // refused by name. Method: two threads of processes take, delete and merge checkpoints; what succeeded is
  // counted against the tree; a command that holds the machine refuses every other that changes it.
  const TemporaryFolder folder;
  const std::string machine = folder.file("web");
  ASSERT_EQ(vhdlab({"vm", "create", machine, "--disk", "web.vhdx=8MiB", "--block-size", "1MiB"}).exit_code,
            0);
  std::array<int, 2> taken{};
  std::array<int, 2> refused{};
  std::array<std::string, 2> trouble;
  const auto work = [&](size_t which) {
    for (int i = 0; i < 15; ++i) {
      const ProgramResult result =
          vhdlab({"vm", "checkpoint", machine, std::string(1, which == 0 ? 'a' : 'b')});
      if (result.exit_code == 0) {
        ++taken[which];
      } else if (result.exit_code == 1 &&
                 result.errors.find("another command is working") != std::string::npos) {
        ++refused[which];
      } else {
        trouble[which] += result.errors;
      }
    }
  };
  std::thread other([&] { work(1); });
  work(0);
  other.join();
  EXPECT_EQ(trouble[0] + trouble[1], "");
  EXPECT_EQ(taken[0] + taken[1] + refused[0] + refused[1], 30);
  fmt::print("{} checkpoints taken, {} refused\n", taken[0] + taken[1], refused[0] + refused[1]);
  const auto tree = vhdlab_json({"vm", "tree", machine});
  EXPECT_EQ(tree["checkpoints"].size(), static_cast<size_t>(taken[0] + taken[1]));
  EXPECT_EQ(vhdlab({"vm", "check", machine}).exit_code, 0);

  PosixFileSystem files;
  SeededRandom random(1);
  const auto held = Machine::open(files, machine, random);
  ASSERT_TRUE(held) << held.error().text();
  const FolderContents before = contents_of(machine);
  const std::vector<std::vector<std::string>> changing = {{"checkpoint", machine},
                                                          {"apply", machine, "a"},
                                                          {"delete", machine, "a"},
                                                          {"delete-subtree", machine, "a"},
                                                          {"rename", machine, "a", "c"},
                                                          {"merge", machine},
                                                          {"start", machine},
                                                          {"stop", machine},
                                                          {"remove", machine},
                                                          {"create", machine, "--disk", "more.vhdx=8MiB"},
                                                          {"adopt", machine}};
  for (std::vector<std::string> words : changing) {
    words.insert(words.begin(), "vm");
    const ProgramResult told = vhdlab(words);
    EXPECT_EQ(told.exit_code, 1) << words[1];
    EXPECT_NE(told.errors.find("another command is working on this machine"), std::string::npos)
        << words[1] << ": " << told.errors;
  }
  for (const char* looking : {"tree", "risk", "check"})
    EXPECT_EQ(vhdlab({"vm", looking, machine}).exit_code, 0) << looking;
  EXPECT_TRUE(contents_of(machine) == before);
}

constexpr uint64_t disk_size = 24 * mib;
constexpr uint64_t piece = 4 * kib;

// Writes, flushes, trims, closes and opens again until it is killed.
[[noreturn]] void write_on(const std::string& path, uint64_t seed) {
  PosixFileSystem files;
  SeededRandom random(seed);
  WritePlan plan;
  for (uint64_t generation = 1;; ++generation) {
    auto chain = open_chain(files, path, {.mode = OpenMode::read_write}, random);
    if (!chain) _exit(2);
    for (int i = 0; i < 200; ++i) {
      const uint64_t offset = random.next_u64() % (disk_size / piece) * piece;
      if (!chain->write(offset, std::vector<std::byte>(piece, std::byte{7}), plan)) _exit(3);
      if (i % 16 == 0 && !chain->flush()) _exit(4);
      if (i % 64 == 0 && !chain->trim({random.next_u64() % 24 * mib, mib}, plan)) _exit(5);
    }
    if (generation % 4 == 0 && !chain->close()) _exit(6);  // else as a process that was killed leaves it
  }
}

TEST(TwoProcesses, ADiskThatIsBeingWrittenIsNotTakenForADamagedOne) {
  // Goal: looking at a disk in use is safe and honest, copying it is refused. Method: a child process writes,
  // flushes, trims and opens anew without pause while the program looks, again and again.
  const uint64_t seed = test_seed();
  const TemporaryFolder folder;
  const std::string path = folder.file("disk.vhdx");
  PosixFileSystem files;
  SeededRandom random(seed);
  const vhdx::DiskMetadata metadata{.disk_size_bytes = disk_size, .block_size_bytes = 1 * mib};
  ASSERT_TRUE(create_disk(files, path, metadata, random));
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) write_on(path, seed);

  // Commands that look: each ends well, or says that the disk is being written.
  uint64_t looks = 0;
  uint64_t told = 0;
  std::string trouble;
  for (int round = 0; round < 40 && trouble.empty(); ++round) {
    for (const char* command : {"info", "map", "check"}) {
      const ProgramResult looked = vhdlab({"disk", command, path});
      const bool was_told =
          looked.exit_code == 1 && looked.errors.find("is writing to it") != std::string::npos;
      if (looked.exit_code != 0 && !was_told) trouble = fmt::format("{}: {}", command, looked.errors);
      ++(was_told ? told : looks);
    }
  }
  const ProgramResult copied = vhdlab({"disk", "convert", path, folder.file("copy.vhdx"), "--quiet"});
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, WNOHANG), 0) << "the writer ended with " << WEXITSTATUS(status);
  ::kill(child, SIGKILL);
  ::waitpid(child, &status, 0);
  EXPECT_EQ(trouble, "") << "seed " << seed << ", after " << looks << " looks";
  EXPECT_EQ(copied.exit_code, 1);
  EXPECT_NE(copied.errors.find("no one moment"), std::string::npos) << copied.errors;
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"disk.vhdx"});
  fmt::print("{} looks at a disk in use, {} told so\n", looks, told);
  EXPECT_GT(looks, 0U);
  auto after = open_chain(files, path, {.mode = OpenMode::read_write}, random);
  EXPECT_TRUE(after) << after.error().text();
}

}  // namespace
}  // namespace vhdlab::tests
