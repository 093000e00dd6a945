// kill -9 in the middle of live merges on real files: a child process merges while a thread of it writes to
// the disk, and is killed at a random moment. What had been flushed by then must be there, on the chain whose
// leaf the owner had noted, and the merge can be run again. A quarter of VHDLAB_CRASH_KILLS kills.
#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/io/posix_file_system.h"
#include "engine/merge/live_merge.h"
#include "engine/merge/merge_record.h"
#include "tests/crash/chain_to_kill.h"
#include "tests/crash/crash_check.h"
#include "tests/support/same_bytes.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

namespace filesystem = std::filesystem;

constexpr LayerIndex depth = 3;
constexpr uint64_t stripe_bytes = 16 * kib;
constexpr uint64_t stripes = 128;  // the first 2 MiB, which the machine writes round and round

// What outlives the child: the owner's note, and how far its writer had come.
struct Shared {
  std::array<std::array<char, 1024>, 2> leaves{};  // the note is replaced, never written over
  std::atomic<size_t> slot = 0;
  std::atomic<uint64_t> started = 0;  // round n writes n into stripe n % stripes
  std::atomic<uint64_t> flushed = 0;

  [[nodiscard]] std::string leaf() const { return leaves[slot].data(); }
  void note(const std::string& path) {
    std::strncpy(leaves[1 - slot].data(), path.c_str(), leaves[0].size() - 1);
    slot = 1 - slot;
  }
};

// The owner of the open chain, in the child; without a writer also in the test itself.
class Owner final : public LiveDisk {
 public:
  Owner(FileSystem& files, Shared& shared, bool writes, uint64_t seed)
      : files_(files), shared_(shared), random_(seed) {
    EXPECT_TRUE(resume(shared.leaf()));
    if (writes) writer_ = std::jthread([this](const std::stop_token& stop) { write(stop); });
  }
  ~Owner() override {
    writer_ = {};
    EXPECT_TRUE(chain_->close());
  }

  std::vector<std::string> paths() const override {
    std::vector<std::string> paths;
    for (const auto& layer : chain_->layers())
      paths.push_back(layer->path());
    return paths;
  }
  Result<void> pause() override {
    mutex_.lock();
    TRY(chain_->close());
    chain_.reset();
    return {};
  }
  Result<void> resume(const std::string& leaf_path) override {
    shared_.note(leaf_path);
    chain_.emplace(TRY(open_chain(files_, leaf_path, {.mode = OpenMode::read_write}, random_)));
    if (is_running_) mutex_.unlock();
    is_running_ = true;
    return {};
  }
  std::string next_leaf_path() override {
    std::string path;
    do {
      path =
          (filesystem::path(shared_.leaf()).parent_path() / fmt::format("live-{}.avhdx", ++leaves_)).string();
    } while (files_.exists(path));
    return path;
  }
  uint64_t bytes_written() const override { return 0; }

 private:
  void write(const std::stop_token& stop) {
    WritePlan plan;
    while (!stop.stop_requested()) {
      const std::lock_guard lock(mutex_);
      const uint64_t round = shared_.started.load() + 1;
      shared_.started = round;
      std::vector<std::byte> data(stripe_bytes);
      for (size_t at = 0; at < data.size(); at += sizeof(round))
        std::memcpy(data.data() + at, &round, sizeof(round));
      if (!chain_->write(round % stripes * stripe_bytes, data, plan) || !chain_->flush()) _exit(3);
      shared_.flushed = round;
    }
  }

  FileSystem& files_;
  Shared& shared_;
  SeededRandom random_;
  std::mutex mutex_;
  std::optional<Chain> chain_;
  bool is_running_ = false;
  int leaves_ = 0;
  std::jthread writer_;
};

LiveMergeOptions frequent_records() {
  LiveMergeOptions options;
  options.merge.bytes_between_records = 256 * kib;
  options.limits.pause_bytes_max = stripes * stripe_bytes;  // all it can write: the merge always ends
  options.leaf_block_size_bytes = 1 * mib;
  return options;
}

// "" where the disk is what the writer left of `original`, else what is wrong.
std::string difference(Bytes found, Bytes original, const Shared& shared) {
  for (uint64_t stripe = 0; stripe < stripes; ++stripe) {
    const Bytes here = found.subspan(stripe * stripe_bytes, stripe_bytes);
    // The last round of this stripe that was flushed, and the one that may have been under way.
    const uint64_t flushed = shared.flushed;
    const uint64_t behind = (flushed % stripes + stripes - stripe) % stripes;
    const uint64_t last = behind <= flushed ? flushed - behind : 0;
    if (last == 0 && shared.started < stripes + stripe &&
        same_bytes(here, original.subspan(stripe * stripe_bytes, stripe_bytes)))
      continue;
    const uint64_t under_way = shared.started % stripes == stripe ? shared.started.load() : last;
    bool is_good = true;
    for (size_t at = 0; at < here.size() && is_good; at += sizeof(uint64_t)) {
      uint64_t round = 0;
      std::memcpy(&round, here.data() + at, sizeof(round));
      is_good = round == last || round == under_way;
    }
    if (!is_good) return fmt::format("stripe {} does not hold round {} or {}", stripe, last, under_way);
  }
  constexpr uint64_t rest = stripes * stripe_bytes;
  const auto elsewhere = first_difference(found.subspan(rest), original.subspan(rest));
  return elsewhere ? "behind what is written: " + *elsewhere : "";
}

TEST(KilledLiveMerge, KeepsWhatWasFlushedAndCanBeRunAgain) {
  // Goal: kill -9 at any moment of a live merge harms nothing. Method: random ranges with and without the
  // leaf, a random moment; look at the disk from the leaf the owner had noted, merge all of it, look again.
  const uint64_t seed = test_seed();
  SeededRandom random(seed);
  const uint64_t kills_wanted = number_from_environment("VHDLAB_CRASH_KILLS", 40) / 4 + 1;  // a second each
  TemporaryFolder folder;
  const filesystem::path original = folder.path() / "original";
  const filesystem::path work = folder.path() / "work";
  filesystem::create_directory(original);
  make_chain_to_kill(original, depth, 16, random);
  if (HasFatalFailure()) return;
  PosixFileSystem files;
  const auto content = read_disk(files, original / layer_name(depth), OpenMode::read_only, random).value();
  void* const memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);

  uint64_t kills = 0;
  uint64_t ended = 0;
  uint64_t with_record = 0;
  while (kills < kills_wanted) {
    copy_chain(original, work, depth);
    auto& shared = *new (memory) Shared();
    shared.note(work / layer_name(depth));
    const auto target = static_cast<LayerIndex>(pick(random, depth));
    const MergeRange range{.target = target,
                           .top = static_cast<LayerIndex>(target + 1 + pick(random, depth - target))};
    const uint64_t child_seed = random.next_u64();
    const pid_t child = fork();
    if (child == 0) {
      SeededRandom child_random(child_seed);
      bool merged = false;
      {
        Owner owner(files, shared, true, child_seed + 1);
        merged = live_merge(files, owner, range, frequent_records(), child_random).has_value();
      }
      _exit(merged ? 0 : 1);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(pick(random, 120'000)));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    const auto trace = [&] {
      return fmt::format("seed {}, after {} kills: layers {} to {} into {}", seed, kills, range.target + 1,
                         range.top, range.target);
    };
    ASSERT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0) << "the merge failed; " << trace();
    kills += WIFSIGNALED(status) ? 1 : 0;
    ended += WIFSIGNALED(status) ? 0 : 1;

    const std::string leaf = shared.leaf();
    with_record += files.exists(merge_record_path(leaf)) ? 1 : 0;
    const auto found = read_disk(files, leaf, OpenMode::read_only, random);
    ASSERT_TRUE(found) << found.error().text() << "; " << trace();
    ASSERT_EQ(difference(*found, content, shared), "") << trace();

    {
      Owner owner(files, shared, false, child_seed + 2);
      const auto paths = owner.paths();
      const std::vector<std::string> names = files.list(work.string()).value();
      for (const std::string& name : names) {  // a leaf that never became one
        const std::string path = (work / name).string();
        const bool is_known = std::ranges::find(paths, path) != paths.end() || !name.starts_with("live-");
        if (!is_known && !name.ends_with(".merge")) {
          ASSERT_TRUE(files.remove(path));
        }
      }
      if (paths.size() > 1) {
        const auto again =
            live_merge(files, owner, {.target = 0, .top = static_cast<LayerIndex>(paths.size() - 1)},
                       frequent_records(), random);
        ASSERT_TRUE(again) << again.error().text() << "; " << trace();
        ASSERT_TRUE(again->finished) << trace();
      }
    }
    ASSERT_EQ(shared.leaf(), (work / layer_name(0)).string()) << trace();
    const auto last = read_disk(files, shared.leaf(), OpenMode::read_write, random);
    ASSERT_TRUE(last) << last.error().text() << "; " << trace();
    ASSERT_EQ(difference(*last, content, shared), "") << trace();
    ASSERT_EQ(first_difference(*last, *found), std::nullopt) << trace();
  }
  ::munmap(memory, sizeof(Shared));
  fmt::print("{} kills of live merges; {} ended before the kill, {} left a record at the leaf\n", kills,
             ended, with_record);
}

}  // namespace
}  // namespace vhdlab::tests
