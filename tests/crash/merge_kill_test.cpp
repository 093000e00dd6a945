// kill -9 in the middle of merges on real files: a child process merges, and is killed at a random moment.
// What it had written is there (a kill is no power cut), but nothing after it happened. VHDLAB_CRASH_KILLS
// kills; 1000 make the long run.
#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/io/posix_file_system.h"
#include "engine/merge/merge_record.h"
#include "engine/merge/merge_run.h"
#include "tests/crash/chain_to_kill.h"
#include "tests/crash/crash_check.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

namespace filesystem = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr LayerIndex depth = 4;

// Progress kept every 256 KiB, so that a merge this small has some.
const MergeOptions frequent_records{.bytes_between_records = 256 * kib};

struct Ended {
  bool killed = false;
  bool succeeded = false;
};

// Merges in a process of its own and kills it after `delay`, if it has not ended by then.
Ended merge_and_kill(const std::string& leaf, MergeRange range, std::chrono::microseconds delay,
                     uint64_t seed) {
  const pid_t child = fork();
  if (child == 0) {
    PosixFileSystem files;
    SeededRandom random(seed);
    const bool merged = merge(files, leaf, range, frequent_records, random).has_value();
    _exit(merged ? 0 : 1);
  }
  std::this_thread::sleep_for(delay);
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  return {.killed = WIFSIGNALED(status), .succeeded = WIFEXITED(status) && WEXITSTATUS(status) == 0};
}

TEST(KilledMerge, KeepsTheContentAndCanBeRunAgain) {
  // Goal: kill -9 at any moment of a merge harms nothing. Method: kill merges of random ranges at random
  // moments, up to three times in a row, compare, merge again to the end, compare.
  const uint64_t seed = test_seed();
  SeededRandom random(seed);
  const uint64_t kills_wanted = number_from_environment("VHDLAB_CRASH_KILLS", 40);
  TemporaryFolder folder;
  const filesystem::path original = folder.path() / "original";
  const filesystem::path work = folder.path() / "work";
  filesystem::create_directory(original);
  make_chain_to_kill(original, depth, 24, random);
  if (HasFatalFailure()) return;
  PosixFileSystem files;
  const auto content = read_disk(files, original / layer_name(depth), OpenMode::read_only, random).value();

  copy_chain(original, work, depth);
  const auto begin = Clock::now();
  ASSERT_TRUE(merge(files, work / layer_name(depth), {0, depth}, {}, random));
  const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin);

  uint64_t kills = 0;
  uint64_t runs_too_short = 0;
  uint64_t records_found = 0;
  uint64_t judged_by_qemu = 0;
  uint64_t went_on = 0;
  uint64_t bytes_saved = 0;
  const bool qemu = has_program("qemu-img");
  while (kills < kills_wanted) {
    copy_chain(original, work, depth);
    const auto target = static_cast<LayerIndex>(pick(random, depth));
    const MergeRange range{.target = target,
                           .top = static_cast<LayerIndex>(target + 1 + pick(random, depth - target))};
    const std::string leaf = work / layer_name(depth);
    const auto trace = [&] {
      return fmt::format("seed {}, after {} kills: layers {} to {} into {}", seed, kills, range.target + 1,
                         range.top, range.target);
    };
    bool finished = false;
    for (int run = 0; run < 3 && !finished; ++run) {
      const std::chrono::microseconds delay(pick(random, static_cast<uint64_t>(whole.count()) * 5 / 4 + 1));
      const Ended ended = merge_and_kill(leaf, range, delay, random.next_u64());
      ASSERT_TRUE(ended.killed || ended.succeeded) << "the merge failed; " << trace();
      kills += ended.killed ? 1 : 0;
      runs_too_short += ended.killed ? 0 : 1;
      finished = !ended.killed;
      records_found += files.exists(merge_record_path(leaf)) ? 1 : 0;

      const std::string disk =
          range.top == depth && !files.exists(leaf) ? (work / layer_name(target)).string() : leaf;
      const auto found = read_disk(files, disk, OpenMode::read_only, random);
      ASSERT_TRUE(found) << found.error().text() << "; " << trace();
      ASSERT_EQ(first_difference(*found, content), std::nullopt) << trace();
      // A killed run that had done everything but end is finished too: run again it would merge other layers.
      if (!files.exists(work / layer_name(range.top)) && !files.exists(merge_record_path(leaf)))
        finished = true;
    }
    if (!finished) {
      const auto record = read_merge_record(files, leaf).value();
      const auto again = merge(files, leaf, range, {}, random);
      ASSERT_TRUE(again) << again.error().text() << "; " << trace();
      if (record && record->progress) {
        ASSERT_EQ(again->bytes_moved_before, record->progress->bytes_moved) << "moved again; " << trace();
      }
      went_on += again->bytes_moved_before > 0 ? 1 : 0;
      bytes_saved += again->bytes_moved_before;
    }
    for (LayerIndex layer = range.target + 1; layer <= range.top; ++layer)
      ASSERT_FALSE(files.exists(work / layer_name(layer))) << trace();
    ASSERT_FALSE(files.exists(merge_record_path(leaf))) << trace();
    const std::string disk = range.top == depth ? (work / layer_name(target)).string() : leaf;
    const auto last = read_disk(files, disk, OpenMode::read_write, random);
    ASSERT_TRUE(last) << last.error().text() << "; " << trace();
    ASSERT_EQ(first_difference(*last, content), std::nullopt) << trace();
    ASSERT_EQ(fault_found_by_check(files, disk, Leaf::settled), std::nullopt) << trace();
    if (qemu) {
      const auto judged = run_program({"qemu-img", "check", work / layer_name(0)});
      ASSERT_TRUE(judged && judged->succeeded())
          << (judged ? judged->output + judged->errors : judged.error().text()) << "; " << trace();
      ++judged_by_qemu;
    }
  }
  fmt::print(
      "{} kills of merges of {} us; {} runs ended before the kill, {} left a record, qemu-img checked "
      "{} bases; {} merges went on behind {} KiB an earlier run had moved\n",
      kills, whole.count(), runs_too_short, records_found, judged_by_qemu, went_on, bytes_saved / kib);
  if (kills >= 200) {  // of fewer, none may have come between two records
    EXPECT_GT(went_on, 0U);
  }
}

}  // namespace
}  // namespace vhdlab::tests
