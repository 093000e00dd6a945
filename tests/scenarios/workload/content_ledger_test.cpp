// The ledger against a plain array, and its sample.
#include "scenarios/workload/content_ledger.h"

#include <cstdlib>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/random.h"

namespace vhdlab::scenarios {
namespace {

uint64_t test_seed() {
  const char* text = std::getenv("VHDLAB_TEST_SEED");
  return text == nullptr ? 20240601 : std::strtoull(text, nullptr, 0);
}

TEST(ContentLedger, AgreesWithAPlainArray) {
  // Goal: the last generation of every sector. Method: 400 random writes of rising generation beside an
  // array.
  const uint64_t seed = test_seed();
  SCOPED_TRACE(testing::Message() << "VHDLAB_TEST_SEED=" << seed);
  constexpr uint64_t sectors = 5 * 2048 + 100;
  ContentLedger ledger(sectors * 512);
  std::vector<uint32_t> model(sectors, 0);
  SeededRandom random(seed);
  for (uint32_t generation = 1; generation <= 400; ++generation) {
    const uint64_t first = random.next_u64() % sectors;
    const uint64_t count = 1 + random.next_u64() % std::min<uint64_t>(sectors - first, 3000);
    ledger.record({first * 512, count * 512}, generation);
    for (uint64_t i = first; i < first + count; ++i)
      model[i] = generation;
  }
  uint64_t written = 0;
  for (uint64_t i = 0; i < sectors; ++i) {
    ASSERT_EQ(ledger.generation_at(i * 512), model[i]) << "sector " << i;
    written += model[i] != 0 ? 1 : 0;
  }
  EXPECT_EQ(ledger.written_sectors(), written);
}

TEST(ContentLedger, ChecksWhatItExpects) {
  // Goal: expected_content and check are two sides of one thing. Method: a range over three generations, then
  // one flip.
  ContentLedger ledger(2 * mib);
  ledger.record({0, 4096}, 1);
  ledger.record({1024, 512}, 2);
  std::vector<std::byte> bytes(8192);
  ledger.expected_content(42, {0, 8192}, bytes);
  EXPECT_FALSE(ledger.check(42, {0, 8192}, bytes));
  bytes[1030] ^= std::byte{4};
  const auto fault = ledger.check(42, {0, 8192}, bytes);
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->offset_bytes, 1024U);
  EXPECT_EQ(fault->expected_generation, 2U);
}

TEST(ContentLedger, CountsEveryWriteOfManyThreads) {
  // Goal: concurrent first touches of the same pages lose nothing. Method: four threads write interleaved
  // sectors.
  ContentLedger ledger(16 * mib);
  {
    std::vector<std::jthread> writers;
    for (uint64_t writer = 0; writer < 4; ++writer) {
      writers.emplace_back([&ledger, writer] {
        for (uint64_t sector = writer; sector < 16 * mib / 512; sector += 4)
          ledger.record({sector * 512, 512}, 9);
      });
    }
  }
  EXPECT_EQ(ledger.written_sectors(), 16 * mib / 512);
}

TEST(ContentLedger, TakesALargeDiskWithoutTakingMemoryForIt) {
  // Goal: 64 TiB sparse. Method: touch both ends.
  ContentLedger ledger(64 * tib);
  ledger.record({0, 512}, 1);
  ledger.record({64 * tib - 512, 512}, 65535);
  EXPECT_EQ(ledger.generation_at(64 * tib - 512), 65535U);
  EXPECT_EQ(ledger.generation_at(32 * tib), 0U);
  EXPECT_EQ(ledger.sample(1, 16, 4096).size(), 16U);
}

TEST(ContentLedger, SamplesMostlyWhatWasWrittenAndTheSameEachTime) {
  // Goal: verification looks where data is. Method: a disk with 1 MiB of 1 GiB written; three of four ranges
  // begin there.
  ContentLedger ledger(gib);
  EXPECT_EQ(ledger.sample(5, 8, 4096).size(), 8U) << "also of an empty disk";
  ledger.record({512 * mib + 64 * kib, 512 * kib}, 3);
  const auto ranges = ledger.sample(5, 100, 64 * kib);
  int begin_written = 0;
  for (const ByteRange& range : ranges) {
    EXPECT_LE(range.end(), gib);
    EXPECT_EQ(range.offset % 512, 0U);
    begin_written += ledger.generation_at(range.offset) != 0 ? 1 : 0;
  }
  EXPECT_GE(begin_written, 75);
  EXPECT_LE(begin_written, 80);
  EXPECT_EQ(ranges, ledger.sample(5, 100, 64 * kib));
  EXPECT_NE(ranges, ledger.sample(6, 100, 64 * kib));
}

}  // namespace
}  // namespace vhdlab::scenarios
