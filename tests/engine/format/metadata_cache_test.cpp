// The metadata cache: its limit holds, what waits to be durable stays, a miss holds up nobody else, and two
// misses on one page read it once.
#include "engine/format/metadata_cache.h"

#include <cmath>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <thread>

#include <gtest/gtest.h>

#include "engine/base/endian.h"
#include "engine/base/random.h"
#include "engine/io/memory_file_system.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

// A file of numbered pages: each word says its page and its place. Counts reads, and holds up those of one
// page until told to let them go.
class NumberedFile final : public File {
 public:
  static uint64_t word(uint64_t page, uint64_t index) { return page * 1'000'000 + index; }

  Result<void> read(uint64_t offset, MutableBytes into) override {
    ++reads;
    const uint64_t page = offset / table_page_length;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return page != held_page_; });
    }
    for (uint64_t i = 0; i < into.size() / 8; ++i) {
      const le64 stored = word(page, i);
      std::memcpy(into.data() + i * 8, &stored, 8);
    }
    return {};
  }
  void hold(uint64_t page) {
    const std::lock_guard lock(mutex_);
    held_page_ = page;
  }
  void let_go() {
    const std::lock_guard lock(mutex_);
    held_page_ = ~uint64_t{0};
    changed_.notify_all();
  }

  const std::string& name() const override { return name_; }
  Result<void> write(uint64_t, Bytes) override { return {}; }
  Result<void> flush() override { return {}; }
  Result<uint64_t> size_bytes() override { return 0; }
  Result<void> resize(uint64_t) override { return {}; }
  Result<void> punch_hole(ByteRange) override { return {}; }
  Result<std::optional<ByteRange>> next_data(uint64_t) override { return std::nullopt; }
  Result<uint64_t> allocated_bytes() override { return 0; }

  std::atomic<int> reads = 0;

 private:
  std::string name_ = "numbered";
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t held_page_ = ~uint64_t{0};
};

class MetadataCacheTest : public testing::Test {
 protected:
  void limit(uint64_t pages) { cache = std::make_shared<MetadataCache>(pages * table_page_length); }

  // Looks a word up as a table does, and checks it. True where the page was read.
  bool look(uint64_t page, uint64_t index = 3) {
    if (const auto word = cache->peek(slots[page], index)) {
      EXPECT_EQ(*word, NumberedFile::word(page, index));
      return false;
    }
    bool was_read = false;
    const auto word = cache->load(slots[page], index, file, page * table_page_length, was_read);
    EXPECT_TRUE(word);
    EXPECT_EQ(*word, NumberedFile::word(page, index));
    return was_read;
  }

  // Looks at random words of the first five pages, 30,000 times in each thread.
  static void from_three_threads(const std::function<void(uint64_t page, uint64_t index)>& look_at) {
    const uint64_t seed = test_seed();
    std::vector<std::jthread> threads;
    for (uint64_t mine = 0; mine < 3; ++mine) {
      threads.emplace_back([&look_at, seed, mine] {
        SeededRandom random(seed + mine);
        for (int i = 0; i < 30'000; ++i) {
          const uint64_t draw = random.next_u64();
          look_at(draw % 5, draw / 8 % table_words_per_page);
        }
      });
    }
  }

  NumberedFile file;
  std::vector<TableSlot> slots = std::vector<TableSlot>(64);
  std::shared_ptr<MetadataCache> cache = std::make_shared<MetadataCache>();
};

TEST_F(MetadataCacheTest, WithoutALimitEveryPageIsReadOnce) {
  for (int round = 0; round < 3; ++round) {
    for (uint64_t page = 0; page < slots.size(); ++page)
      EXPECT_EQ(look(page), round == 0);
  }
  EXPECT_EQ(file.reads, 64);
}

TEST_F(MetadataCacheTest, LimitHoldsAndWhatIsUsedStays) {
  // Goal: replacement by use. Method: one page is looked at between all others, in a cache of 8 of 64 pages.
  limit(8);
  look(0);
  for (uint64_t page = 1; page < slots.size(); ++page) {
    EXPECT_TRUE(look(page));
    EXPECT_FALSE(look(0)) << "after page " << page;
    EXPECT_LE(cache->memory_bytes(), 8 * sizeof(TableFrame));
  }
}

TEST_F(MetadataCacheTest, UniformLookupsHitAsOftenAsTheCacheIsLarge) {
  // Goal: the hit share of uniform random lookups is cache over table, whatever the policy. Method: 20,000
  // lookups in 64 pages with 16 in memory; 4 standard deviations of a binomial count around a quarter.
  limit(16);
  SeededRandom random(test_seed());
  constexpr int lookups = 20'000;
  int hits = 0;
  for (int i = 0; i < lookups; ++i)
    hits += look(random.next_u64() % slots.size()) ? 0 : 1;
  EXPECT_NEAR(hits, lookups / 4.0, 4 * std::sqrt(lookups * 0.25 * 0.75) + 16);
}

TEST_F(MetadataCacheTest, PinnedPagesStayBeyondTheLimitAndGoWhenTheyAreLetGo) {
  limit(2);
  bool was_read = false;
  {
    std::vector<PinnedPage> pins;
    for (uint64_t page = 0; page < 5; ++page) {
      pins.push_back(*cache->pin(slots[page], file, page * table_page_length, was_read));
      pins.back().set_word(3, NumberedFile::word(page, 3));
    }
    for (uint64_t page = 5; page < 20; ++page)
      look(page);
    for (uint64_t page = 0; page < 5; ++page)
      EXPECT_FALSE(look(page)) << page;
  }
  int in_memory = 0;
  for (uint64_t page = 0; page < slots.size(); ++page)
    in_memory += cache->peek(slots[page], 0) ? 1 : 0;
  EXPECT_LE(in_memory, 2);
}

TEST_F(MetadataCacheTest, PinOutlivesItsTable) {
  bool was_read = false;
  const PinnedPage pin = *cache->pin(slots[1], file, table_page_length, was_read);
  cache->release(slots);
  EXPECT_EQ(pin.word(7), NumberedFile::word(1, 7));
  EXPECT_EQ(cache->peek(slots[1], 0), std::nullopt);
}

TEST_F(MetadataCacheTest, MissHoldsUpNobodyButThoseWhoWantThePage) {
  // Goal: no lock is held while a page is read. Method: the read of page 1 hangs; others are read and looked
  // up meanwhile; two more ask for page 1, and it is read once for all three.
  limit(8);
  file.hold(1);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 3; ++i)
      threads.emplace_back([&] { look(1); });
    while (file.reads == 0)
      std::this_thread::yield();
    EXPECT_TRUE(look(2));
    EXPECT_FALSE(look(2));
    file.let_go();
  }
  EXPECT_EQ(file.reads, 2);
}

TEST_F(MetadataCacheTest, ReadersNeverSeeAnotherPagesWords) {
  // Goal: lookups without a lock are right while frames change hands. Method: three threads look at random
  // pages in a cache of three frames; each word says whose it is.
  limit(3);
  from_three_threads([this](uint64_t page, uint64_t index) { look(page, index); });
}

TEST_F(MetadataCacheTest, RunsEndWhereAnotherWordStandsAndAtTheEndAskedFor) {
  EXPECT_EQ(cache->peek_past(slots[1], 0, 10, 0), std::nullopt);  // not in memory
  look(1);
  EXPECT_EQ(cache->peek_past(slots[1], 5, 10, NumberedFile::word(1, 5)), 6U);
  EXPECT_EQ(cache->peek_past(slots[1], 5, 10, NumberedFile::word(1, 6)), 5U);
  EXPECT_EQ(cache->peek_past(slots[1], 9, 10, NumberedFile::word(1, 9)), 10U);
}

TEST_F(MetadataCacheTest, ReadersNeverTakeAnotherPagesRun) {
  // As above, for runs: each word differs from the next, so that a run of its own page is one word long.
  limit(3);
  from_three_threads([this](uint64_t page, uint64_t index) {
    const auto past =
        cache->peek_past(slots[page], index, table_words_per_page, NumberedFile::word(page, index));
    EXPECT_EQ(past.value_or(index + 1), index + 1);
    look(page, index);
  });
}

}  // namespace
}  // namespace vhdlab::tests
