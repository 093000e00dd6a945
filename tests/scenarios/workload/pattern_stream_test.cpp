// Pattern streams: the promises a scenario's words make, and that a stream is a function of its number.
#include "scenarios/workload/pattern_stream.h"

#include <algorithm>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace vhdlab::scenarios {
namespace {

PatternSettings settings_of(AccessPattern pattern) {
  PatternSettings settings;
  settings.pattern = pattern;
  settings.range = {0, 64 * mib};
  settings.block_size_bytes = 64 * kib;
  return settings;
}

std::unique_ptr<OperationStream> stream_of(const PatternSettings& settings,
                                           StreamSeeds seeds = stream_seeds(42, 1)) {
  auto stream = make_pattern_stream(settings, seeds);
  EXPECT_TRUE(stream.has_value());
  return std::move(*stream);
}

TEST(PatternStream, IsTheSameForTheSameSeedAndDiffersForAnother) {
  // Goal: operations follow from seed and step alone. Method: compare two makes, then another seed and
  // another step.
  for (AccessPattern pattern : {AccessPattern::random, AccessPattern::zipf}) {
    PatternSettings settings = settings_of(pattern);
    settings.read_percentage = 70;
    const auto first = stream_of(settings);
    const auto again = stream_of(settings);
    const auto other_seed = stream_of(settings, stream_seeds(43, 1));
    const auto other_step = stream_of(settings, stream_seeds(42, 2));
    int equal_to_seed = 0;
    int equal_to_step = 0;
    for (uint64_t i = 0; i < 1000; ++i) {
      EXPECT_EQ(first->at(i), again->at(i));
      equal_to_seed += first->at(i).offset_bytes == other_seed->at(i).offset_bytes ? 1 : 0;
      equal_to_step += first->at(i).offset_bytes == other_step->at(i).offset_bytes ? 1 : 0;
    }
    EXPECT_LT(equal_to_seed, 100);
    EXPECT_LT(equal_to_step, 100);
  }
}

TEST(PatternStream, KeepsItsFirstOperationsForEver) {
  // Goal: results of two versions of the program stay comparable: this sequence must never change. Method:
  // literals.
  const auto stream = stream_of(settings_of(AccessPattern::random));
  std::vector<uint64_t> blocks;
  for (uint64_t i = 0; i < 4; ++i)
    blocks.push_back(stream->at(i).offset_bytes / (64 * kib));
  EXPECT_EQ(blocks, (std::vector<uint64_t>{73, 229, 647, 580}));
}

TEST(PatternStream, SequentialRunsThroughTheRangeAndRoundAgain) {
  // Goal: order, offset and the shorter last block. Method: a range of two and a half blocks off the disk's
  // start.
  PatternSettings settings = settings_of(AccessPattern::sequential);
  settings.range = {mib, 160 * kib};
  settings.read_percentage = 0;
  const auto stream = stream_of(settings);
  EXPECT_EQ(stream->at(0), (Operation{OperationKind::write, mib, 64 * kib}));
  EXPECT_EQ(stream->at(1), (Operation{OperationKind::write, mib + 64 * kib, 64 * kib}));
  EXPECT_EQ(stream->at(2), (Operation{OperationKind::write, mib + 128 * kib, 32 * kib}));
  EXPECT_EQ(stream->at(3), stream->at(0));
  EXPECT_EQ(stream->length(), endless);
}

TEST(PatternStream, EachBlockOnceChangesExactlyTheAmount) {
  // Goal: n operations touch n blocks, and a second pass covers all again in another order. Method: count
  // distinct blocks.
  PatternSettings settings = settings_of(AccessPattern::random);
  settings.each_block_once = true;
  const uint64_t blocks = block_count(settings);
  ASSERT_EQ(blocks, 1024U);
  const auto stream = stream_of(settings);
  std::set<uint64_t> first_part;
  std::set<uint64_t> second_pass;
  bool orders_differ = false;
  for (uint64_t i = 0; i < 200; ++i)
    first_part.insert(stream->at(i).offset_bytes);
  for (uint64_t i = 0; i < blocks; ++i) {
    second_pass.insert(stream->at(blocks + i).offset_bytes);
    orders_differ |= stream->at(i) != stream->at(blocks + i);
  }
  EXPECT_EQ(first_part.size(), 200U);
  EXPECT_EQ(second_pass.size(), blocks);
  EXPECT_TRUE(orders_differ);
}

TEST(PatternStream, RandomDrawsAreEven) {
  // Goal: with replacement, uniform. Method: 64 draws a block on average; all counts within six standard
  // deviations (8).
  const auto stream = stream_of(settings_of(AccessPattern::random));
  std::vector<int> counts(1024, 0);
  for (uint64_t i = 0; i < 64 * 1024; ++i)
    ++counts[stream->at(i).offset_bytes / (64 * kib)];
  const auto [least, most] = std::ranges::minmax(counts);
  EXPECT_GT(least, 64 - 48);
  EXPECT_LT(most, 64 + 48);
}

TEST(PatternStream, ReadPercentageIsKept) {
  // Goal: 70 % reads means 70 %. Method: 100,000 draws, 0.5 percentage points of slack (over three standard
  // deviations).
  PatternSettings settings = settings_of(AccessPattern::random);
  settings.read_percentage = 70;
  const auto stream = stream_of(settings);
  int reads = 0;
  for (uint64_t i = 0; i < 100000; ++i)
    reads += stream->at(i).kind == OperationKind::read ? 1 : 0;
  EXPECT_NEAR(reads, 70000, 500);
}

TEST(PatternStream, FlushesComeAfterEveryRunAndCountInTheLength) {
  // Goal: flush_every 3 over 7 operations is 3, flush, 3, flush, 1. Method: kinds by number, data as without
  // flushes.
  PatternSettings settings = settings_of(AccessPattern::random);
  settings.read_percentage = 0;
  settings.operations = 7;
  const auto plain = stream_of(settings);
  settings.flush_every = 3;
  const auto flushing = stream_of(settings);
  ASSERT_EQ(flushing->length(), 9U);
  uint64_t data = 0;
  for (uint64_t i = 0; i < flushing->length(); ++i) {
    if (i == 3 || i == 7) {
      EXPECT_EQ(flushing->at(i), (Operation{OperationKind::flush, 0, 0}));
    } else {
      EXPECT_EQ(flushing->at(i), plain->at(data++));
    }
  }
  EXPECT_EQ(data, 7U);
}

TEST(PatternStream, ZipfKeepsItsHotBlocksFromStepToStepAndScattersThem) {
  // Goal: steps of one run share hot blocks, which are not neighbours. Method: the ten hottest of two steps.
  const auto hottest = [](StreamSeeds seeds) {
    PatternSettings settings = settings_of(AccessPattern::zipf);
    settings.zipf_theta = 1.2;
    const auto stream = stream_of(settings, seeds);
    std::map<uint64_t, int> counts;
    for (uint64_t i = 0; i < 50000; ++i)
      ++counts[stream->at(i).offset_bytes / (64 * kib)];
    std::vector<std::pair<int, uint64_t>> order;
    for (const auto& [block, count] : counts)
      order.emplace_back(count, block);
    std::ranges::sort(order, std::greater{});
    return std::vector<uint64_t>{order[0].second, order[1].second, order[2].second};
  };
  const auto one = hottest(stream_seeds(42, 1));
  EXPECT_EQ(one, hottest(stream_seeds(42, 9)));
  EXPECT_NE(one, hottest(stream_seeds(43, 1)));
  EXPECT_GT(std::max(one[0], one[1]) - std::min(one[0], one[1]), 1U);
}

TEST(PatternStream, RefusesSettingsThatMakeNoSense) {
  // Goal: named fault, not undefined behaviour. Method: each setting out of range in turn.
  const auto fault_of = [](auto change) {
    PatternSettings settings = settings_of(AccessPattern::random);
    change(settings);
    const auto stream = make_pattern_stream(settings, {});
    return stream ? std::string("none") : stream.error().fault;
  };
  EXPECT_EQ(fault_of([](auto& s) { s.range.length = 0; }), "pattern-settings");
  EXPECT_EQ(fault_of([](auto& s) { s.range.offset = UINT64_MAX; }), "pattern-settings");
  EXPECT_EQ(fault_of([](auto& s) { s.block_size_bytes = 0; }), "pattern-settings");
  EXPECT_EQ(fault_of([](auto& s) { s.read_percentage = 101; }), "pattern-settings");
  EXPECT_EQ(fault_of([](auto& s) { s.zipf_theta = 0; }), "pattern-settings");
  EXPECT_EQ(fault_of([](auto&) {}), "none");
}

TEST(OperationCursor, GivesEachNumberToOneWorker) {
  // Goal: workers share a stream without doubles or gaps. Method: four threads claim 40,000 numbers.
  OperationCursor cursor(40000);
  std::vector<std::vector<uint64_t>> claimed(4);
  {
    std::vector<std::jthread> workers;
    for (auto& mine : claimed) {
      workers.emplace_back([&] {
        while (const auto index = cursor.claim())
          mine.push_back(*index);
      });
    }
  }
  std::vector<uint64_t> all;
  for (const auto& mine : claimed)
    all.insert(all.end(), mine.begin(), mine.end());
  std::ranges::sort(all);
  ASSERT_EQ(all.size(), 40000U);
  for (uint64_t i = 0; i < all.size(); ++i)
    ASSERT_EQ(all[i], i);
}

}  // namespace
}  // namespace vhdlab::scenarios
