// Runs of values, against the plainest map there is: one value for each byte.
#include "engine/layer/extent_map.h"

#include <vector>

#include <gtest/gtest.h>

#include "engine/base/random.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

struct Place {
  uint64_t at = 0;
  [[nodiscard]] Place advanced(uint64_t bytes) const { return {at + bytes}; }
  friend bool operator==(const Place&, const Place&) = default;
};

TEST(ExtentMap, AnswersAsAMapOfBytesWould) {
  // Goal: assign, erase and next are right at every edge. Method: random ranges over 200 bytes; the values
  // are few, so that neighbours often continue each other; the map is frozen now and then.
  SeededRandom random(test_seed());
  ExtentMap<Place> map;
  std::vector<uint64_t> model(200, 0);  // 0: nothing
  for (int step = 0; step < 20000; ++step) {
    const uint64_t begin = random.next_u64() % 200;
    const ByteRange range{begin, random.next_u64() % (200 - begin) % 40};
    if (random.next_u64() % 3 == 0) {
      map.erase(range);
      for (uint64_t i = range.offset; i < range.end(); ++i)
        model[i] = 0;
    } else {
      const uint64_t base = 1000 * (1 + random.next_u64() % 3);
      map.assign(range, {base + range.offset});
      for (uint64_t i = range.offset; i < range.end(); ++i)
        model[i] = base + i;
    }
    if (random.next_u64() % 4 == 0) map.freeze();
    std::vector<uint64_t> found(200, 0);
    const uint64_t from = random.next_u64() % 200;
    const uint64_t end = from + random.next_u64() % (201 - from);
    for (auto run = map.next(from, end); run; run = map.next(run->range.end(), end)) {
      ASSERT_GT(run->range.length, 0U);
      for (uint64_t i = 0; i < run->range.length; ++i)
        found[run->range.offset + i] = run->value.at + i;
    }
    for (uint64_t i = from; i < end; ++i)
      ASSERT_EQ(found[i], model[i]) << "byte " << i << " after step " << step;
  }
}

TEST(ExtentMap, JoinsWhatContinues) {
  // Goal: what is filled in order takes one run, in whatever order its pieces meet.
  ExtentMap<Place> map;
  for (uint64_t i = 0; i < 100; ++i)
    map.assign({(i * 37 % 100) * 10, 10}, {5000 + i * 37 % 100 * 10});
  EXPECT_EQ(map.run_count(), 1U);
  map.assign({500, 1}, {0});
  EXPECT_EQ(map.run_count(), 3U);
}

}  // namespace
}  // namespace vhdlab::tests
