// The arithmetic of chains, held against the engine: how many layers a read asks, how many blocks random
// writes leave in a layer, how many bytes each order of merging moves. Data is drawn from a seed; where a law
// speaks of a mean, the bound is five standard deviations of that mean, which one run in two million misses.
#include <algorithm>
#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "tests/engine/chain/chain_workbench.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

constexpr uint64_t grain = 64 * kib;

// The chance that exactly k layers are asked, k from 1 to depth + 1, as (mean, variance).
struct Moments {
  double mean = 0;
  double variance = 0;
};
Moments moments_of(const std::vector<double>& chance_of_probes) {
  Moments moments;
  double square = 0;
  for (size_t i = 0; i < chance_of_probes.size(); ++i) {
    const auto probes = static_cast<double>(i + 1);
    moments.mean += probes * chance_of_probes[i];
    square += probes * probes * chance_of_probes[i];
  }
  moments.variance = square - moments.mean * moments.mean;
  return moments;
}

class ChainLaws : public testing::Test {
 protected:
  // Puts one byte pattern into every grain that `holds(layer, grain)` chooses, layer after layer.
  template <typename Holds>
  void build(uint64_t grains, uint32_t depth, Holds holds) {
    bench.create_base({.disk_size_bytes = grains * grain});
    for (uint32_t layer = 0; layer <= depth; ++layer) {
      if (layer > 0) bench.checkpoint();
      for (uint64_t i = 0; i < grains; ++i) {
        if (holds(layer, i)) bench.fill({i * grain, grain}, static_cast<uint8_t>(1 + layer));
      }
    }
  }

  // Layers asked by a read of every grain, on average.
  double mean_probes(uint64_t grains) {
    ReadPlan plan;
    uint64_t probes = 0;
    for (uint64_t i = 0; i < grains; ++i) {
      must(bench.chain->resolve({i * grain + 4096, 4096}, plan));
      probes += plan.layers_probed;
    }
    return static_cast<double>(probes) / static_cast<double>(grains);
  }

  const uint64_t seed = test_seed();
  SeededRandom random{seed};
  MemoryFileSystem files;
  ChainWorkbench bench{files, "/vm", 7};
};

TEST_F(ChainLaws, DataSpreadEvenlyOverTheFilesIsFoundAfterOnePlusHalfTheDepth) {
  // Goal: mean files probed 1 + d/2. Method: each of 1024 grains in a file drawn at random, each read once.
  constexpr uint64_t grains = 1024;
  constexpr uint32_t depth = 10;
  std::vector<uint32_t> owner(grains);
  for (uint32_t& layer : owner)
    layer = static_cast<uint32_t>(random.next_u64() % (depth + 1));
  build(grains, depth, [&](uint32_t layer, uint64_t i) { return owner[i] == layer; });
  const Moments law = moments_of(std::vector<double>(depth + 1, 1.0 / (depth + 1)));
  EXPECT_DOUBLE_EQ(law.mean, 1 + depth / 2.0);
  EXPECT_NEAR(mean_probes(grains), law.mean, 5 * std::sqrt(law.variance / grains));
}

TEST_F(ChainLaws, EmptyLayersAreAllAskedAndThenTheBase) {
  // Goal: d + 1, exactly, at depths up to 100.
  build(64, 0, [](uint32_t, uint64_t) { return true; });
  for (uint32_t depth = 1; depth <= 100; ++depth) {
    bench.checkpoint();
    ASSERT_DOUBLE_EQ(mean_probes(64), depth + 1.0);
  }
}

TEST_F(ChainLaws, LayersThatHoldAShareEachAreProbedAsTheGeometricLawSays) {
  // Goal: (1 - (1-p)^d) / p + (1-p)^d for layers that hold each grain with chance p. Method: d = 12, p = 0.2,
  // a full base.
  constexpr uint64_t grains = 1024;
  constexpr uint32_t depth = 12;
  constexpr double p = 0.2;
  build(grains, depth,
        [&](uint32_t layer, uint64_t) { return layer == 0 || random.next_u64() % 1000 < 1000 * p; });
  std::vector<double> chance;
  for (uint32_t k = 0; k < depth; ++k)
    chance.push_back(std::pow(1 - p, k) * p);
  chance.push_back(std::pow(1 - p, depth));
  const Moments law = moments_of(chance);
  EXPECT_NEAR(law.mean, (1 - std::pow(1 - p, depth)) / p + std::pow(1 - p, depth), 1e-9);
  EXPECT_NEAR(mean_probes(grains), law.mean, 5 * std::sqrt(law.variance / grains));
}

TEST_F(ChainLaws, RandomOverwritesLeaveAsManyBlocksAsOccupancySays) {
  // Goal: N random overwrites of M blocks leave M (1 - (1-1/M)^N) blocks in the layer. Method: 300 writes of
  // a sector into 256 blocks; the variance is that of the occupancy problem.
  constexpr double blocks = 256;
  constexpr int writes = 300;
  bench.create_base({.disk_size_bytes = 256 * mib});
  bench.checkpoint();
  WritePlan plan;
  const auto sector = filled(512, 1);
  for (int i = 0; i < writes; ++i)
    must(bench.chain->write(random.next_u64() % 256 * mib + random.next_u64() % 2048 * 512, sector, plan));
  auto& leaf = dynamic_cast<VhdxLayer&>(bench.chain->leaf()).image();
  const auto found = static_cast<double>(must(leaf.census()).partially_present);
  const double missed_by_all = std::pow(1 - 1 / blocks, writes);
  const double mean = blocks * (1 - missed_by_all);
  const double variance = blocks * missed_by_all + blocks * (blocks - 1) * std::pow(1 - 2 / blocks, writes) -
                          blocks * blocks * missed_by_all * missed_by_all;
  EXPECT_NEAR(found, mean, 5 * std::sqrt(variance));
}

// ---- Bytes that each order of merging moves ----

using Grains = std::set<uint64_t>;

class MergeLaws : public testing::Test {
 protected:
  static constexpr uint64_t grains = 128;

  enum class Order { one_pass, oldest_first, newest_first };

  // Bytes moved until `layers`, oldest first, are merged into a full base.
  uint64_t moved(const std::vector<Grains>& layers, Order order) {
    MemoryFileSystem files;
    ChainWorkbench bench(files, "/vm", 9);
    bench.create_base({.disk_size_bytes = grains * grain});
    bench.fill({0, grains * grain}, 1);
    for (size_t layer = 0; layer < layers.size(); ++layer) {
      bench.checkpoint();
      for (uint64_t i : layers[layer])
        bench.fill({i * grain, grain}, static_cast<uint8_t>(2 + layer));
    }
    const auto depth = static_cast<LayerIndex>(layers.size());
    uint64_t bytes = 0;
    if (order == Order::one_pass) return must(bench.merge({0, depth})).bytes_copied;
    for (LayerIndex left = depth; left > 0; --left) {
      const MergeRange range = order == Order::oldest_first ? MergeRange{0, 1} : MergeRange{left - 1, left};
      bytes += must(bench.merge(range)).bytes_copied;
    }
    EXPECT_EQ(bench.difference(), "");
    return bytes;
  }

  static uint64_t size_of_union(std::vector<Grains>::const_iterator from,
                                std::vector<Grains>::const_iterator to) {
    Grains all;
    for (; from != to; ++from)
      all.insert(from->begin(), from->end());
    return all.size();
  }
};

TEST_F(MergeLaws, EachOrderMovesWhatItsLawSays) {
  // Goal: one pass |union|, oldest first the sum of the layers, newest first the sum of the unions of the
  // newest 1, 2, ... d; exactly. Method: five layers that hold random grains.
  const uint64_t seed = test_seed();
  SeededRandom random(seed);
  std::vector<Grains> layers(5);
  for (Grains& layer : layers) {
    for (uint64_t i = 0; i < grains; ++i) {
      if (random.next_u64() % 4 == 0) layer.insert(i);
    }
  }
  uint64_t sum = 0;
  uint64_t sum_of_unions = 0;
  for (auto layer = layers.begin(); layer != layers.end(); ++layer) {
    sum += layer->size();
    sum_of_unions += size_of_union(layer, layers.end());
  }
  EXPECT_EQ(moved(layers, Order::one_pass), size_of_union(layers.begin(), layers.end()) * grain);
  EXPECT_EQ(moved(layers, Order::oldest_first), sum * grain);
  EXPECT_EQ(moved(layers, Order::newest_first), sum_of_unions * grain);
}

TEST_F(MergeLaws, EqualDisjointLayersCostNewestFirstHalfTheirNumberMore) {
  // Goal: (d + 1) / 2 times one pass.
  std::vector<Grains> layers(7);
  for (uint64_t i = 0; i < 7 * 5; ++i)
    layers[i % 7].insert(i);
  const uint64_t once = moved(layers, Order::one_pass);
  EXPECT_EQ(once, 7 * 5 * grain);
  EXPECT_EQ(moved(layers, Order::oldest_first), once);
  EXPECT_EQ(moved(layers, Order::newest_first) * 2, once * (7 + 1));
}

TEST_F(MergeLaws, IdenticalLayersCostPairwiseTheirNumberTimesOnePass) {
  std::vector<Grains> layers(6, Grains{3, 40, 41, 99});
  const uint64_t once = moved(layers, Order::one_pass);
  EXPECT_EQ(once, 4 * grain);
  EXPECT_EQ(moved(layers, Order::oldest_first), 6 * once);
  EXPECT_EQ(moved(layers, Order::newest_first), 6 * once);
}

}  // namespace
}  // namespace vhdlab::tests
