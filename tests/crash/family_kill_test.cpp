// kill -9 in the middle of carrying out a family's merges on real files: whenever it strikes, every leaf
// reads as before, and the journal leads to the end. VHDLAB_CRASH_KILLS kills, 20 where it is not set.
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

#include "engine/chain/disk_family_scan.h"
#include "engine/io/posix_file_system.h"
#include "engine/merge/family_merge.h"
#include "tests/crash/crash_check.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

namespace filesystem = std::filesystem;

// A base, a chain on it, and a second family: several merges, two leaves.
constexpr int parents[] = {-1, 0, 1, 2, -1, 4, 5};
constexpr std::size_t leaves[] = {3, 6};

std::string name_of(std::size_t disk) {
  return fmt::format("{}.vhdx", disk);
}

void make_family(const filesystem::path& folder, RandomSource& random) {
  PosixFileSystem files;
  for (std::size_t disk = 0; disk < std::size(parents); ++disk) {
    const std::string path = folder / name_of(disk);
    if (parents[disk] < 0) {
      vhdx::DiskMetadata metadata;
      metadata.disk_size_bytes = 4 * mib;
      metadata.block_size_bytes = 1 * mib;
      ASSERT_TRUE(create_disk(files, path, metadata, random));
    } else {
      ASSERT_TRUE(create_child(files, folder / name_of(static_cast<std::size_t>(parents[disk])), path,
                               {.block_size_bytes = 1 * mib}, random));
    }
    auto chain = open_chain(files, path, {.mode = OpenMode::read_write}, random).value();
    WritePlan plan;
    for (int i = 0; i < 6; ++i) {
      const uint64_t length = (1 + pick(random, 32)) * 4 * kib;
      const uint64_t offset = pick(random, (4 * mib - length) / 512) * 512;
      ASSERT_TRUE(chain.write(offset, random_bytes(length, random), plan));
    }
    ASSERT_TRUE(chain.close());
  }
}

FamilyJournal plan_for(const std::string& folder, RandomSource& random) {
  PosixFileSystem files;
  const DiskFamilies families = make_families(scan_families(files, folder, {}, random).value().disks);
  // As if there were little space, so that there are several steps.
  const FamilyPlan plan = plan_family_merges(files, families, {.space_limit_bytes = 0}, random).value();
  FamilyJournal journal;
  for (const PlannedStep& step : plan.steps)
    journal.steps.push_back({.state = StepState::waiting, .step = step});
  return journal;
}

TEST(KilledFamilyMerge, KeepsEveryLeafAndGoesOnFromTheJournal) {
  // Goal: as the head of this file says. Method: kill at random moments, again and again on the same folder,
  // compare both leaves after each, until it is done; then a fresh copy.
  const uint64_t seed = test_seed();
  SeededRandom random(seed);
  const uint64_t kills_wanted = number_from_environment("VHDLAB_CRASH_KILLS", 20);
  TemporaryFolder folder;
  const filesystem::path original = folder.path() / "original";
  const std::string work = folder.path() / "work";
  filesystem::create_directory(original);
  make_family(original, random);
  if (HasFatalFailure()) return;
  PosixFileSystem files;
  std::vector<std::vector<std::byte>> content;
  for (const std::size_t leaf : leaves)
    content.push_back(read_disk(files, original / name_of(leaf), OpenMode::read_only, random).value());

  uint64_t kills = 0;
  uint64_t whole_us = 60'000;  // how long a run takes; the first guess is corrected by runs that end
  uint64_t rounds = 0;
  while (kills < kills_wanted) {
    filesystem::remove_all(work);
    filesystem::copy(original, work);
    const FamilyJournal planned = plan_for(work, random);
    ASSERT_GE(planned.steps.size(), 2U);
    ++rounds;
    for (bool ended = false; !ended;) {
      const pid_t child = fork();
      if (child == 0) {
        PosixFileSystem own_files;
        SeededRandom own_random(seed + kills);
        const auto journal = read_family_journal(own_files, work);
        if (!journal) _exit(2);
        _exit(merge_family(own_files, work, journal->value_or(planned), {}, own_random) ? 0 : 1);
      }
      const auto began = std::chrono::steady_clock::now();
      std::this_thread::sleep_for(std::chrono::microseconds(pick(random, whole_us)));
      kill(child, SIGKILL);
      int status = 0;
      waitpid(child, &status, 0);
      if (WIFSIGNALED(status)) {
        ++kills;
      } else {
        ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "seed " << seed << " kills " << kills;
        ended = true;
        const auto taken = std::chrono::steady_clock::now() - began;
        whole_us = std::max<uint64_t>(
            1000,
            static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(taken).count()));
      }
      for (std::size_t i = 0; i < std::size(leaves); ++i) {
        const auto found = read_disk(files, work + "/" + name_of(leaves[i]), OpenMode::read_only, random);
        ASSERT_TRUE(found) << found.error().text() << "; seed " << seed << " kills " << kills;
        ASSERT_EQ(first_difference(*found, content[i]), std::nullopt)
            << "seed " << seed << " kills " << kills;
      }
    }
    for (const JournalStep& entry : planned.steps) {
      for (const PlannedDisk& source : entry.step.sources)
        ASSERT_FALSE(files.exists(source.path)) << "seed " << seed << " kills " << kills;
    }
    ASSERT_TRUE(read_family_journal(files, work).value()->is_finished());
    ASSERT_FALSE(
        make_families(scan_families(files, work, {}, random).value().disks).has(vhdx::Severity::damage));
  }
  fmt::print("{} kills in {} families\n", kills, rounds);
}

}  // namespace
}  // namespace vhdlab::tests
