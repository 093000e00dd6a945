// Merges that stop on the way: what they moved for good is not moved again, unless a file has changed since.
#include <gmock/gmock.h>

#include "engine/merge/merge_record.h"
#include "engine/merge/merge_run.h"
#include "tests/engine/chain/chain_workbench.h"

namespace vhdlab::tests {
namespace {

using testing::HasSubstr;

constexpr uint64_t disk_bytes = 64 * mib;

class ResumedMerge : public testing::Test {
 protected:
  // A base and three layers, each with a run of its own every 2 MiB: 96 runs of 64 KiB.
  void SetUp() override {
    bench_.create_base({.disk_size_bytes = disk_bytes, .block_size_bytes = 2 * mib});
    for (uint8_t layer = 1; layer <= 3; ++layer) {
      bench_.checkpoint({.block_size_bytes = 2 * mib});
      for (uint64_t at = 0; at < disk_bytes; at += 2 * mib)
        bench_.fill({at + (layer - 1) * 512 * kib, 64 * kib}, static_cast<uint8_t>(at / mib + layer));
    }
    bench_.close();
  }

  // Moves in pieces of at most 64 KiB, each recorded, and stops after some of them.
  MergeOptions stopping_after(uint64_t bytes) {
    MergeOptions options{.rate_limit_bytes_per_s = 640 * kib, .bytes_between_records = 64 * kib};
    options.clock = &clock_;
    moved_ = 0;
    options.progress = [this](uint64_t done, uint64_t) { moved_ = done; };
    options.stop = [this, bytes] { return moved_ >= bytes; };
    return options;
  }

  // Time passes when somebody waits for it.
  class WaitingClock final : public Clock {
   public:
    Nanoseconds now() override { return now_; }
    void sleep(Nanoseconds duration) override { now_ += duration; }

   private:
    Nanoseconds now_{0};
  };

  void stop_half_way() {
    const auto stopped = bench_.merge({0, 3}, stopping_after(3 * mib));
    ASSERT_FALSE(stopped);
    ASSERT_EQ(stopped.error().fault, "merge-interrupted");
    ASSERT_EQ(bench_.difference(), "");
    bench_.close();
  }

  static constexpr uint64_t bytes_in_all = 6 * mib;

  MemoryFileSystem files_;
  ChainWorkbench bench_{files_, "/vm", 31};
  WaitingClock clock_;
  uint64_t moved_ = 0;
};

TEST_F(ResumedMerge, MovesNothingTwice) {
  // Goal: what a stopped merge moved is not moved again. Method: stop half way, run again, add up.
  stop_half_way();
  const auto again = bench_.merge({0, 3});
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(again->bytes_moved_before, 3 * mib);
  EXPECT_EQ(again->bytes_copied, bytes_in_all - 3 * mib);
  EXPECT_EQ(bench_.difference(), "");
}

TEST_F(ResumedMerge, CountsItsProgressFromWhereItStopped) {
  stop_half_way();
  std::vector<uint64_t> told;
  const auto again = bench_.merge({0, 3}, {.progress = [&](uint64_t done, uint64_t total) {
                                    told.push_back(done);
                                    EXPECT_EQ(total, bytes_in_all);
                                  }});
  ASSERT_TRUE(again);
  EXPECT_EQ(told.front(), 3 * mib);
  EXPECT_EQ(told.back(), bytes_in_all);
}

TEST_F(ResumedMerge, ManyStopsInARowComeToTheEnd) {
  // Goal: each run goes on from the last. Method: stop a MiB further each time.
  uint64_t copied = 0;
  for (uint64_t bytes = mib; bytes < bytes_in_all; bytes += mib) {
    ASSERT_FALSE(bench_.merge({0, 3}, stopping_after(bytes)));
    ASSERT_EQ(bench_.difference(), "") << bytes;
  }
  const auto last = bench_.merge({0, 3});
  ASSERT_TRUE(last);
  EXPECT_EQ(last->bytes_copied, mib);
  copied = last->bytes_moved_before + last->bytes_copied;
  EXPECT_EQ(copied, bytes_in_all);
  EXPECT_EQ(bench_.difference(), "");
}

TEST_F(ResumedMerge, BeginsAnewWhereTheLeafWasWrittenToSince) {
  // Goal: what a user wrote after the stop is in the disk. Method: write where bytes were moved already.
  stop_half_way();
  bench_.open();
  bench_.fill({3 * mib, 64 * kib}, 0xab);
  const auto again = bench_.merge({0, 3});
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(again->bytes_moved_before, 0U);
  EXPECT_EQ(bench_.difference(), "");
}

TEST_F(ResumedMerge, BeginsAnewWhereTheTargetWasOpenedForWritingSince) {
  // Goal: a target put back from a copy, or changed by a tool, is not taken for the one the record speaks of.
  // Method: put back the target as it was at 2 MiB moved, when 4 are.
  ASSERT_FALSE(bench_.merge({0, 3}, stopping_after(2 * mib)));
  bench_.close();
  std::vector<std::byte> earlier;
  {
    const auto file = must(files_.open(bench_.paths[0], OpenMode::read_only));
    earlier.resize(must(file->size_bytes()));
    must(file->read(0, earlier));
  }
  ASSERT_FALSE(bench_.merge({0, 3}, stopping_after(4 * mib)));
  bench_.close();
  {
    const auto file = must(files_.open(bench_.paths[0], OpenMode::read_write));
    must(file->resize(0));
    must(file->write(0, earlier));
  }
  const auto again = bench_.merge({0, 3});
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(again->bytes_moved_before, 0U);
  EXPECT_EQ(again->bytes_copied, bytes_in_all);
  EXPECT_EQ(bench_.difference(), "");
}

TEST_F(ResumedMerge, RefusesWithoutAnyFileOfTheChain) {
  // Goal: every file is still needed, and its absence named. Method: take away each in turn.
  stop_half_way();
  for (size_t layer = 0; layer < bench_.paths.size(); ++layer) {
    must(files_.rename(bench_.paths[layer], "/vm/away"));
    const auto refused = merge(files_, bench_.paths.back(), {0, 3}, {}, bench_.random);
    ASSERT_FALSE(refused) << layer;
    EXPECT_EQ(refused.error().fault, layer == 0 ? "merge-target-missing" : "merge-source-missing");
    EXPECT_THAT(refused.error().message, HasSubstr(bench_.paths[layer]));
    for (size_t other = 0; other < bench_.paths.size(); ++other)
      EXPECT_EQ(files_.exists(bench_.paths[other]), other != layer);
    must(files_.rename("/vm/away", bench_.paths[layer]));
  }
  ASSERT_TRUE(bench_.merge({0, 3}));
  EXPECT_EQ(bench_.difference(), "");
}

TEST_F(ResumedMerge, RefusesWhereAFileBelowTheLeafHasChanged) {
  // Goal: a target or a source that is another one now is refused by name. Method: change each one's identity
  // by a write, each in a fresh copy of the stopped state.
  stop_half_way();
  for (size_t layer = 0; layer < 3; ++layer) {
    std::vector<std::byte> before;
    {
      const auto file = must(files_.open(bench_.paths[layer], OpenMode::read_only));
      before.resize(must(file->size_bytes()));
      must(file->read(0, before));
    }
    {
      auto chain =
          must(open_chain(files_, bench_.paths[layer], {.mode = OpenMode::read_write}, bench_.random));
      WritePlan plan;
      must(chain.write(0, filled(512, 1), plan));
      must(chain.close());
    }
    const auto refused = merge(files_, bench_.paths.back(), {0, 3}, {}, bench_.random);
    ASSERT_FALSE(refused) << layer;
    EXPECT_EQ(refused.error().fault, "chain-parent-mismatch") << layer;
    const auto file = must(files_.open(bench_.paths[layer], OpenMode::read_write));
    must(file->resize(before.size()));
    must(file->write(0, before));
  }
  ASSERT_TRUE(bench_.merge({0, 3}));
  EXPECT_EQ(bench_.difference(), "");
}

TEST_F(ResumedMerge, OfAnotherRangeStartsItsOwn) {
  stop_half_way();
  const auto other = bench_.merge({0, 1});
  ASSERT_TRUE(other) << other.error().text();
  EXPECT_EQ(other->bytes_moved_before, 0U);
  EXPECT_EQ(bench_.difference(), "");
  EXPECT_FALSE(files_.exists(merge_record_path(bench_.paths.back())));
}

}  // namespace
}  // namespace vhdlab::tests
