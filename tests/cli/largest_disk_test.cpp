// The largest disk there is, 64 TiB in blocks of 1 MiB, through the program: every command within one bound
// of memory, though its table alone has 2^26 entries (512 MiB).
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/cli/cli_support.h"

namespace vhdlab::tests {
namespace {

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which take terabytes of addresses

// What a command may have in memory of its own, stacks of its threads included.
constexpr const char* data_limit = "--data=67108864";

TEST(LargestDisk, EveryCommandKeepsTo64MiBOfMemory) {
  // Goal: memory follows what was written, not the disk's size. Method: a chain of three written at both ends
  // and in the middle; each command under a limit of the system on its data.
  const TemporaryFolder folder;
  const std::string base = folder.file("base.vhdx");
  const std::string middle = folder.file("middle.avhdx");
  const std::string leaf = folder.file("leaf.avhdx");
  write_file(folder.file("bytes"), noise(8 * kib, 3));
  const std::string end = std::to_string((uint64_t{64} << 40) - 8 * kib);
  const std::string centre = std::to_string((uint64_t{32} << 40) - 4 * kib);
  const auto run = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"prlimit", data_limit, VHDLAB_PROGRAM, "disk"});
    const auto result = run_program(words);
    ASSERT_TRUE(result) << result.error().text();
    EXPECT_EQ(result->exit_code, 0) << words[4] << ": " << result->errors;
  };
  run({"create", base, "--size", "64TiB", "--block-size", "1MiB"});
  run({"create", middle, "--parent", base, "--block-size", "1MiB"});
  for (const std::string& offset : {std::string("0"), centre, end})
    run({"write", middle, folder.file("bytes"), "--offset", offset});
  run({"create", leaf, "--parent", middle});
  for (const std::string& offset : {std::string("4096"), centre})
    run({"write", leaf, folder.file("bytes"), "--offset", offset});
  for (const char* command : {"info", "chain", "map", "check", "compact"})
    run({command, leaf});
  run({"map", leaf, "--summary"});
  run({"check", leaf, "--chain"});
  run({"merge", leaf, "--all", "--dry-run"});
  run({"convert", leaf, folder.file("flat.vhdx"), "--block-size", "1MiB"});
  run({"merge", leaf, "--all"});
  run({"check", base});
  run({"compact", base});
  run({"resize", base, "--size", "63TiB", "--force"});
  run({"resize", base, "--size", "64TiB"});
  EXPECT_EQ(names_in(folder.path()), (std::vector<std::string>{"base.vhdx", "bytes", "flat.vhdx"}));
}

#endif

}  // namespace
}  // namespace vhdlab::tests
