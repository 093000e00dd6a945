// Prices of merge orders: the laws for equal and for disjoint layers, every order of small runs against a
// model that carries the merges out, and prices of real chains against what merging them moved.
#include "engine/merge/merge_order.h"

#include <functional>
#include <limits>
#include <numeric>

#include <gmock/gmock.h>

#include "tests/engine/chain/chain_workbench.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

constexpr uint64_t no_limit = std::numeric_limits<uint64_t>::max();
constexpr uint64_t unit = 1 * mib;

uint64_t pick(RandomSource& random, uint64_t count) {
  return random.next_u64() % count;
}

// What layers say of a disk of a few units: '.' nothing, '#' data, '0' zeros. Row 0 is the target.
using Rows = std::vector<std::string>;

LayerCensus census_of(const Rows& rows) {
  LayerCensus census;
  census.source_count = static_cast<uint32_t>(rows.size() - 1);
  for (const std::string& row : rows) {
    census.allocated_bytes.push_back(static_cast<uint64_t>(std::ranges::count(row, '#')) * unit);
    census.table_growth_bytes.push_back(0);
  }
  for (size_t at = 0; at < rows[0].size(); ++at) {
    LayerColumn column;
    for (uint32_t layer = 0; layer < rows.size(); ++layer) {
      if (rows[layer][at] != '.') column.push_back({layer, rows[layer][at] == '0'});
    }
    if (!column.empty()) census.add(column, {at * unit, unit});
  }
  return census;
}

// Carries merges out on rows, knowing nothing of how they are priced. A file keeps the space it began with.
struct ModelFile {
  std::string says;
  std::string began_with;

  [[nodiscard]] uint64_t space() const {
    uint64_t units = 0;
    for (size_t at = 0; at < says.size(); ++at)
      units += says[at] == '#' || began_with[at] == '#' ? 1 : 0;
    return units * unit;
  }
};

struct ModelCost {
  uint64_t bytes = 0;
  uint64_t peak = 0;
};

// Merges files first .. last of `files` into the one before them; adds what it costs.
std::vector<ModelFile> merged(std::vector<ModelFile> files, size_t first, size_t last, uint64_t at_start,
                              ModelCost& cost) {
  uint64_t before = 0;
  for (const ModelFile& file : files)
    before += file.space();
  ModelFile& target = files[first - 1];
  uint64_t growth = 0;
  for (size_t at = 0; at < target.says.size(); ++at) {
    char newest = '.';
    for (size_t source = first; source <= last; ++source)
      newest = files[source].says[at] != '.' ? files[source].says[at] : newest;
    if (newest == '.') continue;
    if (newest == '#') {
      cost.bytes += unit;
      growth += target.says[at] == '#' || target.began_with[at] == '#' ? 0 : unit;
    }
    target.says[at] = newest;
  }
  cost.peak = std::max(cost.peak, before + growth - std::min(before + growth, at_start));
  files.erase(files.begin() + static_cast<ptrdiff_t>(first),
              files.begin() + static_cast<ptrdiff_t>(last) + 1);
  return files;
}

// Calls `visit` with the cost of every order there is.
void every_order(const std::vector<ModelFile>& files, uint64_t at_start, ModelCost cost,
                 const std::function<void(const ModelCost&)>& visit) {
  if (files.size() == 1) visit(cost);
  for (size_t first = 1; first < files.size(); ++first) {
    for (size_t last = first; last < files.size(); ++last) {
      ModelCost further = cost;
      const auto left = merged(files, first, last, at_start, further);
      every_order(left, at_start, further, visit);
    }
  }
}

void compare_with_every_order(const Rows& rows) {
  std::vector<ModelFile> files;
  uint64_t at_start = 0;
  for (const std::string& row : rows) {
    files.push_back({row, row});
    at_start += files.back().space();
  }
  std::vector<ModelCost> all;
  every_order(files, at_start, {}, [&](const ModelCost& cost) { all.push_back(cost); });
  const LayerCensus census = census_of(rows);
  MergePrices prices(census);
  uint64_t least_peak = no_limit;
  for (const ModelCost& cost : all)
    least_peak = std::min(least_peak, cost.peak);
  for (uint64_t limit : {no_limit, least_peak, least_peak + unit, least_peak + 2 * unit}) {
    uint64_t fewest = no_limit;
    uint64_t its_peak = no_limit;
    for (const ModelCost& cost : all) {
      if (cost.peak > limit || std::pair(cost.bytes, cost.peak) >= std::pair(fewest, its_peak)) continue;
      fewest = cost.bytes;
      its_peak = cost.peak;
    }
    const auto found = prices.cheapest(limit);
    ASSERT_TRUE(found.has_value()) << testing::PrintToString(rows) << " limit " << limit;
    ASSERT_EQ(found->bytes_to_copy, fewest) << testing::PrintToString(rows) << " limit " << limit;
    ASSERT_EQ(found->peak_bytes, its_peak) << testing::PrintToString(rows) << " limit " << limit;
  }
  if (least_peak > 0) {
    ASSERT_FALSE(prices.cheapest(least_peak - 1).has_value()) << testing::PrintToString(rows);
  }
  ASSERT_EQ(prices.least_space().peak_bytes, least_peak) << testing::PrintToString(rows);
}

TEST(MergeOrder, EqualAndDisjointLayersFollowTheLaws) {
  // Goal: newest first costs (d+1)/2 times one pass where layers are disjoint, d times where they are
  // identical; oldest first the sum. Method: 1 to 20 layers of one unit.
  for (uint32_t d = 1; d <= 20; ++d) {
    Rows disjoint(d + 1, std::string(d, '.'));
    Rows identical(d + 1, "#");
    identical[0] = ".";
    for (uint32_t layer = 1; layer <= d; ++layer)
      disjoint[layer][layer - 1] = '#';
    for (const bool is_disjoint : {true, false}) {
      const LayerCensus census = census_of(is_disjoint ? disjoint : identical);
      MergePrices prices(census);
      const uint64_t one_pass = prices.one_pass().bytes_to_copy;
      EXPECT_EQ(one_pass, is_disjoint ? d * unit : unit);
      EXPECT_EQ(prices.oldest_first().bytes_to_copy, d * unit);
      EXPECT_EQ(2 * prices.newest_first().bytes_to_copy, is_disjoint ? (d + 1) * one_pass : 2 * d * one_pass);
      EXPECT_EQ(prices.cheapest(no_limit)->bytes_to_copy, one_pass);
    }
  }
}

TEST(MergeOrder, OldestFirstNeedsSpaceForOneLayerWhereOnePassNeedsItForAll) {
  // Four disjoint layers of two units over an empty base: the same bytes, a quarter of the space.
  const LayerCensus census = census_of({"........", "##......", "..##....", "....##..", "......##"});
  MergePrices prices(census);
  EXPECT_EQ(prices.one_pass().peak_bytes, 8 * unit);
  EXPECT_EQ(prices.oldest_first().peak_bytes, 2 * unit);
  EXPECT_EQ(prices.cheapest(no_limit)->peak_bytes, 2 * unit);
  EXPECT_EQ(prices.cheapest(no_limit)->bytes_to_copy, prices.one_pass().bytes_to_copy);
  EXPECT_EQ(prices.cheapest(unit), std::nullopt);
}

TEST(MergeOrder, LittleSpaceIsPaidForWithBytes) {
  // Goal: where one pass does not fit, the order that does is dearer, and is found. Method: two layers that
  // change the same units over an empty base: merging them first frees what the second merge needs.
  const LayerCensus census = census_of({"....", "###.", "####"});
  MergePrices prices(census);
  EXPECT_EQ(prices.cheapest(4 * unit)->bytes_to_copy, 4 * unit);
  EXPECT_EQ(prices.cheapest(3 * unit)->bytes_to_copy, 7 * unit);
  EXPECT_LT(prices.least_space().peak_bytes, 3 * unit);
}

TEST(MergeOrder, FindsTheBestOfEveryOrderOfAllSmallRuns) {
  // Goal: nothing is cheaper than what is found, within any space. Method: every content of a target and two
  // sources of two units, and of a target and three sources of one unit, against all orders.
  constexpr std::string_view says = ".#0";
  for (const auto& [layers, units] : {std::pair<size_t, size_t>{3, 2}, {4, 1}}) {
    const size_t cells = layers * units;
    size_t count = 1;
    for (size_t cell = 0; cell < cells; ++cell)
      count *= says.size();
    for (size_t number = 0; number < count; ++number) {
      Rows rows(layers, std::string(units, '.'));
      size_t rest = number;
      for (size_t cell = 0; cell < cells; ++cell, rest /= says.size())
        rows[cell / units][cell % units] = says[rest % says.size()];
      compare_with_every_order(rows);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(MergeOrder, FindsTheBestOfEveryOrderOfRandomRuns) {
  // As above, up to five sources of up to eight units, data more often than zeros.
  SeededRandom random(test_seed());
  for (int round = 0; round < 300; ++round) {
    Rows rows(2 + pick(random, 5), std::string(1 + pick(random, 8), '.'));
    for (std::string& row : rows) {
      for (char& cell : row)
        cell = "...##0"[pick(random, 6)];
    }
    compare_with_every_order(rows);
    if (HasFatalFailure()) return;
  }
}

TEST(MergeOrder, ManySourcesGoInGroupsAndStillMoveEachByteOnce) {
  // Goal: beyond what is searched exhaustively the cheapest is one pass's bytes, and space still counts.
  // Method: 50 sources with two units of their own each and one they all change.
  Rows rows(51, std::string(101, '.'));
  for (size_t layer = 1; layer <= 50; ++layer)
    rows[layer][2 * layer - 2] = rows[layer][2 * layer - 1] = rows[layer][100] = '#';
  const LayerCensus census = census_of(rows);
  MergePrices prices(census);
  EXPECT_EQ(prices.cheapest(no_limit)->bytes_to_copy, 101 * unit);
  const auto tight = prices.cheapest(10 * unit);
  ASSERT_TRUE(tight.has_value());
  EXPECT_LE(tight->peak_bytes, 10 * unit);
  EXPECT_GT(tight->bytes_to_copy, 101 * unit);
  EXPECT_LT(tight->bytes_to_copy, prices.newest_first().bytes_to_copy);
}

TEST(MergeOrder, PricesOfARealChainAreWhatItsMergesMove) {
  // Goal: the census sees what a merge sees: parts of blocks, zeros, other sizes. Method: random chains; all
  // three orders priced, then carried out on a copy each; bytes copied and zeroed are compared, with those of
  // disks of different sizes as an upper bound.
  SeededRandom random(test_seed());
  for (int round = 0; round < 8; ++round) {
    const uint64_t seed = random.next_u64();
    const uint32_t depth = 1 + static_cast<uint32_t>(pick(random, 4));
    for (const int which : {0, 1, 2}) {
      MemoryFileSystem files;
      ChainWorkbench bench(files, "/vm", seed);
      SeededRandom content(seed);
      bool has_other_sizes = false;
      bench.create_base({});
      for (uint32_t layer = 0; layer <= depth; ++layer) {
        if (layer > 0) {
          const uint64_t size = pick(content, 4) == 0 ? (8 + pick(content, 8)) * mib : 0;
          has_other_sizes = has_other_sizes || size != 0;
          bench.checkpoint({.block_size_bytes = static_cast<uint32_t>((1 + pick(content, 2)) * mib),
                            .disk_size_bytes = size});
        }
        for (int change = 0; change < 6; ++change) {
          const uint64_t length = (1 + pick(content, 512)) * 512;
          const uint64_t offset = pick(content, (bench.model.size() - length) / 512) * 512;
          if (pick(content, 4) == 0) {
            bench.zero({offset, length});
          } else {
            bench.fill({offset, length}, static_cast<uint8_t>(1 + pick(content, 200)));
          }
        }
      }
      bench.close();
      bench.open(OpenMode::read_only);
      const LayerCensus census = must(take_census(*bench.chain, {0, depth}, {}));
      MergePrices prices(census);
      const MergeOrder order = which == 0   ? prices.one_pass()
                               : which == 1 ? prices.oldest_first()
                                            : prices.newest_first();
      std::vector<uint32_t> bottoms(depth + 1);
      std::iota(bottoms.begin(), bottoms.end(), 0);
      for (const PricedMove& priced : order.moves) {
        const auto target = std::ranges::find(bottoms, priced.move.target) - bottoms.begin();
        auto last = target;
        while (last + 1 < static_cast<ptrdiff_t>(bottoms.size()) &&
               bottoms[static_cast<size_t>(last) + 1] <= priced.move.top)
          ++last;
        const MergeOutcome outcome =
            must(bench.merge({static_cast<LayerIndex>(target), static_cast<LayerIndex>(last)}));
        bottoms.erase(bottoms.begin() + target + 1, bottoms.begin() + last + 1);
        if (has_other_sizes) {
          ASSERT_LE(outcome.bytes_copied + outcome.bytes_zeroed, priced.bytes_to_copy + priced.bytes_to_zero)
              << "seed " << seed << " order " << which;
        } else {
          ASSERT_EQ(outcome.bytes_copied, priced.bytes_to_copy) << "seed " << seed << " order " << which;
          ASSERT_EQ(outcome.bytes_zeroed, priced.bytes_to_zero) << "seed " << seed << " order " << which;
        }
      }
      ASSERT_EQ(bench.difference(), "") << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace vhdlab::tests
