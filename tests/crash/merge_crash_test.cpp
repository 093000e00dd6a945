// Merges and copies with the power cut before every barrier: whatever the moment, the disk's content is
// there, through the old chain or the merged one, and the same merge run again finishes and leaves nothing
// behind.
#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/merge/merge_record.h"
#include "engine/merge/merge_run.h"
#include "tests/crash/crash_check.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {
namespace {

const std::string folder = "/disks";

struct LayerShape {
  uint64_t disk_size_bytes = 4 * mib;
  uint32_t block_size_bytes = 1 * mib;
};

struct MergeCase {
  std::string name;
  std::vector<LayerShape> layers;  // base first
  MergeRange range;
  uint32_t sector_size_bytes = 512;
  bool fixed_base = false;

  friend void PrintTo(const MergeCase& merge_case, std::ostream* to) { *to << merge_case.name; }
};

// Progress kept every MiB, so that merges this small have some.
const MergeOptions frequent_records{.bytes_between_records = 1 * mib};

std::string path_of(size_t layer) {
  return layer == 0 ? folder + "/base.vhdx" : fmt::format("{}/{}.avhdx", folder, layer);
}

// A chain with random writes and zeros in every layer, all closed.
std::unique_ptr<PowerCutFileSystem> make_chain(const MergeCase& shape, RandomSource& random) {
  auto files = std::make_unique<PowerCutFileSystem>();
  vhdx::DiskMetadata metadata;
  metadata.disk_size_bytes = shape.layers[0].disk_size_bytes;
  metadata.block_size_bytes = shape.layers[0].block_size_bytes;
  metadata.logical_sector_size_bytes = shape.sector_size_bytes;
  metadata.leave_blocks_allocated = shape.fixed_base;
  metadata.virtual_disk_id = Guid::make_random(random);
  EXPECT_TRUE(create_disk(*files, path_of(0), metadata, random));
  for (size_t layer = 0; layer < shape.layers.size(); ++layer) {
    if (layer > 0) {
      const ChildOptions options{.block_size_bytes = shape.layers[layer].block_size_bytes,
                                 .disk_size_bytes = shape.layers[layer].disk_size_bytes};
      EXPECT_TRUE(create_child(*files, path_of(layer - 1), path_of(layer), options, random));
    }
    auto chain = open_chain(*files, path_of(layer), {.mode = OpenMode::read_write}, random).value();
    const uint64_t sector = chain.sector_size_bytes();
    WritePlan plan;
    for (int i = 0; i < 6; ++i) {
      const uint64_t count = 1 + pick(random, happens(random, 0.2) ? mib / sector : 4);
      const uint64_t offset = pick(random, chain.disk_size_bytes() / sector - count + 1) * sector;
      if (happens(random, 0.2)) {
        EXPECT_TRUE(chain.zero({offset, count * sector}, plan));
      } else {
        EXPECT_TRUE(chain.write(offset, random_bytes(count * sector, random), plan));
      }
    }
    if (layer > 0 && happens(random, 0.5)) {
      EXPECT_TRUE(chain.zero({1 * mib, 1 * mib}, plan));
    }
    EXPECT_TRUE(chain.close());
  }
  EXPECT_TRUE(files->sync_folder(folder));
  return files->copy();
}

// What is wrong with the disk after a cut or a failure: nothing, where it reads as `content` and the same
// merge, run again, brings it to its end.
std::optional<std::string> judge(PowerCutFileSystem& files, const MergeCase& merge_case, Bytes content,
                                 RandomSource& random) {
  const std::string leaf = path_of(merge_case.layers.size() - 1);
  const std::string target = path_of(merge_case.range.target);
  const bool takes_leaf = merge_case.range.top + 1 == merge_case.layers.size();
  const std::string disk = takes_leaf && !files.exists(leaf) ? target : leaf;
  const auto found = read_disk(files, disk, OpenMode::read_only, random);
  if (!found) return fmt::format("{} after the cut: {}", disk, found.error().text());
  if (auto difference = first_difference(*found, content)) return "after the cut: " + *difference;
  if (auto fault = fault_found_by_check(files, disk, Leaf::as_the_cut_left_it)) return fault;

  const bool done = !files.exists(path_of(merge_case.range.top)) && !files.exists(merge_record_path(leaf));
  if (!done) {
    const auto again = merge(files, leaf, merge_case.range, {}, random);
    if (!again) return "merged again: " + again.error().text();
  }
  for (LayerIndex layer = merge_case.range.target + 1; layer <= merge_case.range.top; ++layer) {
    if (files.exists(path_of(layer))) return path_of(layer) + " is left behind";
  }
  if (files.exists(merge_record_path(leaf))) return "the record is left behind";
  const auto last = read_disk(files, takes_leaf ? target : leaf, OpenMode::read_write, random);
  if (!last) return "after the merge: " + last.error().text();
  if (auto difference = first_difference(*last, content)) return "after the merge: " + *difference;
  return fault_found_by_check(files, takes_leaf ? target : leaf, Leaf::settled);
}

// Cuts a merge at every barrier; each state is judged, and of a share of them the second merge is cut as
// well.
void cut_merge(const MergeCase& merge_case, const CutLimits& limits, double second_share, uint64_t seed,
               CrashTally& tally) {
  SeededRandom random(seed);
  SeededRandom cutting(mix64(seed));
  const auto files = make_chain(merge_case, random);
  const std::string leaf = path_of(merge_case.layers.size() - 1);
  const auto content = read_disk(*files, leaf, OpenMode::read_only, random).value();
  auto look = [&] {
    if (tally.trouble) return;
    ++tally.moments;
    const uint64_t cuts = explore_cuts(*files, limits, cutting, [&](auto disk) {
      if (happens(cutting, second_share)) {
        disk->set_before_barrier([&] {
          if (happens(cutting, 1 - std::max(second_share, 0.3))) return;
          tally.second_cuts += explore_cuts(*disk, {.exhaustive_max = 2, .random_cuts = 1, .singles_max = 0},
                                            cutting, [&](auto second) {
                                              if (!tally.trouble)
                                                tally.trouble = judge(*second, merge_case, content, cutting);
                                              return !tally.trouble;
                                            });
        });
      }
      auto trouble = judge(*disk, merge_case, content, cutting);
      disk->set_before_barrier({});
      if (!tally.trouble) tally.trouble = std::move(trouble);
      return !tally.trouble;
    });
    tally.cuts += cuts;
    uint64_t states = 1;
    for (uint32_t answers : files->open_questions())
      states = std::min(states * answers, uint64_t{1} << 32);
    if (states == cuts) ++tally.moments_exhausted;
  };
  files->set_before_barrier(look);
  const auto merged = merge(*files, leaf, merge_case.range, frequent_records, random);
  files->set_before_barrier({});
  if (!merged && !tally.trouble) tally.trouble = "the merge itself: " + merged.error().text();
  if (!tally.trouble) tally.trouble = judge(*files, merge_case, content, cutting);
}

class EveryCutOfAMerge : public testing::TestWithParam<MergeCase> {};

TEST_P(EveryCutOfAMerge, KeepsTheContentAndCanBeRunAgain) {
  // Goal: no cut of a merge harms the disk. Method: every barrier, every subset up to a bound.
  CrashTally tally;
  cut_merge(GetParam(),
            {.exhaustive_max = number_from_environment("VHDLAB_CRASH_SUBSETS", 64),
             .random_cuts = 8,
             .singles_max = 8},
            0.1, 7, tally);
  tally.print(GetParam().name);
  EXPECT_FALSE(tally.trouble) << *tally.trouble;
}

TEST(CutsOfAMergeRunAgain, KeepTheContentAndCanBeRunAgain) {
  // Goal: a merge that is run again is as safe as the first. Method: few states at each barrier of the first
  // run, and a cut at each barrier of the second.
  CrashTally tally;
  for (const MergeRange range : {MergeRange{0, 2}, MergeRange{1, 3}}) {
    const MergeCase merge_case{.name = {}, .layers = std::vector<LayerShape>(4), .range = range};
    cut_merge(merge_case, {.exhaustive_max = 1, .random_cuts = 0, .singles_max = 0}, 0.4, 7, tally);
  }
  tally.print("merges run again");
  EXPECT_FALSE(tally.trouble) << *tally.trouble;
}

std::vector<MergeCase> merge_cases() {
  const std::vector<LayerShape> even(4);
  const LayerShape small{.disk_size_bytes = 3 * mib + 512 * kib};
  const LayerShape large{.disk_size_bytes = 6 * mib};
  const LayerShape coarse{.block_size_bytes = 2 * mib};
  const LayerShape coarsest{.disk_size_bytes = 5 * mib, .block_size_bytes = 4 * mib};
  return {
      {"leaf", even, {2, 3}},
      {"middle", even, {1, 2}},
      {"range_with_leaf", even, {1, 3}},
      {"range_without_leaf", even, {0, 2}},
      {"whole_chain", even, {0, 3}},
      {"sectors_of_4k", even, {1, 3}, 4096},
      {"into_a_fixed_base", even, {0, 2}, 512, true},
      {"other_block_sizes", {{}, coarse, {}, coarse}, {1, 3}},
      {"into_a_smaller_base", {{}, large, large, large}, {0, 2}},
      {"into_a_smaller_middle", {large, small, large, large}, {1, 2}},
      {"into_a_smaller_middle_of_4k", {large, small, large, large}, {1, 3}, 4096},
      {"into_a_larger_base", {large, small, small, {}}, {0, 2}},
      {"leaf_into_a_smaller_middle_in_one_block", {large, coarsest, large}, {1, 2}},
      {"leaf_into_a_larger_middle", {{}, large, large, small}, {2, 3}},
      {"range_into_a_larger_middle_of_4k", {{}, large, large, small}, {1, 3}, 4096},
  };
}

INSTANTIATE_TEST_SUITE_P(Merges, EveryCutOfAMerge, testing::ValuesIn(merge_cases()),
                         [](const auto& instance) { return instance.param.name; });

TEST(RandomCutsOfMerges, KeepTheContentAndCanBeRunAgain) {
  // Goal: what the fixed cases cannot meet. Method: random chains and ranges, random cuts.
  const uint64_t seed = test_seed();
  const uint64_t wanted = number_from_environment("VHDLAB_CRASH_CUTS", 1000) / 2;
  CrashTally tally;
  uint64_t merges = 0;
  for (; tally.cuts < wanted; ++merges) {
    SeededRandom random(mix64(seed + merges));
    MergeCase merge_case;
    const size_t layers = 2 + pick(random, 4);
    for (size_t layer = 0; layer < layers; ++layer) {
      merge_case.layers.push_back({.disk_size_bytes = 3 * mib + pick(random, 6) * 512 * kib,
                                   .block_size_bytes = static_cast<uint32_t>(mib << pick(random, 2))});
    }
    merge_case.range.target = static_cast<LayerIndex>(pick(random, layers - 1));
    merge_case.range.top = static_cast<LayerIndex>(merge_case.range.target + 1 +
                                                   pick(random, layers - 1 - merge_case.range.target));
    if (happens(random, 0.3)) merge_case.sector_size_bytes = 4096;
    merge_case.fixed_base = happens(random, 0.2);
    cut_merge(merge_case, {.exhaustive_max = 6, .random_cuts = 4, .singles_max = 0}, 0.1, random.next_u64(),
              tally);
    ASSERT_FALSE(tally.trouble) << *tally.trouble << "\nseed " << seed << ", merge " << merges << ": layers "
                                << merge_case.range.target + 1 << " to " << merge_case.range.top << " into "
                                << merge_case.range.target << " of " << layers;
  }
  tally.print(std::to_string(merges) + " random merges");
}

// ---- What a user sees of an interrupted merge ----

class InterruptedMergeTest : public testing::Test {
 protected:
  // The states in which a cut before some barrier of the merge left the record with nothing else waiting.
  std::vector<std::unique_ptr<PowerCutFileSystem>> states_of(MergeRange range) {
    MergeCase merge_case{.name = {}, .layers = std::vector<LayerShape>(4), .range = range};
    auto files = make_chain(merge_case, random_);
    std::vector<std::unique_ptr<PowerCutFileSystem>> states;
    files->set_before_barrier([&] {
      if (files->exists(merge_record_path(leaf_))) states.push_back(files->copy());
    });
    EXPECT_TRUE(merge(*files, leaf_, range, {}, random_));
    return states;
  }

  SeededRandom random_{11};
  const std::string leaf_ = path_of(3);
};

TEST_F(InterruptedMergeTest, OfALeafThatIsGoneIsFinishedByItsOldName) {
  // Goal: the leaf's file is removed first, and the same command still finishes. Method: the state after it.
  for (auto& files : states_of({0, 3})) {
    if (files->exists(leaf_)) continue;
    const auto finished = merge(*files, leaf_, {0, 3}, {}, random_);
    ASSERT_TRUE(finished) << finished.error().text();
    EXPECT_TRUE(finished->was_interrupted);
    EXPECT_EQ(finished->layers_merged, 3U);
    EXPECT_EQ(finished->target_path, path_of(0));
    EXPECT_EQ(files->list(folder).value(), std::vector<std::string>{"base.vhdx"});
    const auto after_that = merge(*files, leaf_, {0, 3}, {}, random_);
    ASSERT_FALSE(after_that);
    EXPECT_EQ(after_that.error().fault, "merge-leaf-gone");
  }
}

TEST_F(InterruptedMergeTest, DoesNotMergeOtherLayersInstead) {
  // Goal: run again with the same numbers, which by then mean other layers, it only clears up. Method: the
  // states after the disk above was re-pointed.
  int cleared_up = 0;
  for (auto& files : states_of({0, 1})) {
    const auto finished = merge(*files, leaf_, {0, 1}, {}, random_);
    ASSERT_TRUE(finished) << finished.error().text();
    cleared_up += finished->was_interrupted ? 1 : 0;
    EXPECT_EQ(files->list(folder).value(), (std::vector<std::string>{"2.avhdx", "3.avhdx", "base.vhdx"}));
  }
  EXPECT_GT(cleared_up, 0);
}

TEST_F(InterruptedMergeTest, KeepsALeftoverThatWasWrittenTo) {
  // Goal: clearing up never deletes what a user wrote. Method: write into a leftover source, run again.
  bool seen = false;
  for (auto& files : states_of({0, 2})) {
    auto chain = open_chain(*files, leaf_, {}, random_).value();
    if (chain.depth() != 1 || !files->exists(path_of(2))) continue;
    seen = true;
    {
      auto leftover = open_chain(*files, path_of(2), {.mode = OpenMode::read_write}, random_).value();
      WritePlan plan;
      ASSERT_TRUE(leftover.write(0, random_bytes(512, random_), plan));
      ASSERT_TRUE(leftover.close());
      const auto in_use = merge(*files, leaf_, {0, 2}, {}, random_);
      ASSERT_FALSE(in_use);
      EXPECT_EQ(in_use.error().fault, "file-in-use");
    }
    const auto refused = merge(*files, leaf_, {0, 2}, {}, random_);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().fault, "merge-source-changed");
    EXPECT_TRUE(files->exists(path_of(2)));
    EXPECT_TRUE(files->exists(path_of(1)));
  }
  EXPECT_TRUE(seen);
}

TEST_F(InterruptedMergeTest, IsNotFinishedWithoutItsTarget) {
  // Goal: leftovers stay while the file that holds their content is missing. Method: take it away.
  for (auto& files : states_of({0, 3})) {
    if (files->exists(leaf_)) continue;
    ASSERT_TRUE(files->remove(path_of(0)));
    const auto refused = merge(*files, leaf_, {0, 3}, {}, random_);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().fault, "merge-target-missing");
  }
}

TEST_F(InterruptedMergeTest, TakesWhatWasWrittenToTheLeafInTheMeantime) {
  // Goal: a leaf merge cut before the leaf is gone moves the leaf's newest content. Method: write to the leaf
  // in each such state, merge again, compare.
  int tried = 0;
  for (auto& files : states_of({0, 3})) {
    if (!files->exists(leaf_)) continue;
    {
      auto chain = open_chain(*files, leaf_, {.mode = OpenMode::read_write}, random_).value();
      WritePlan plan;
      ASSERT_TRUE(chain.write(2048, random_bytes(1024, random_), plan));
      ASSERT_TRUE(chain.close());
      const auto in_use = merge(*files, leaf_, {0, 3}, {}, random_);
      ASSERT_FALSE(in_use);
      EXPECT_EQ(in_use.error().fault, "file-in-use");
    }
    const auto content = read_disk(*files, leaf_, OpenMode::read_only, random_).value();
    const auto merged = merge(*files, leaf_, {0, 3}, {}, random_);
    ASSERT_TRUE(merged) << merged.error().text();
    EXPECT_EQ(first_difference(read_disk(*files, path_of(0), OpenMode::read_only, random_).value(), content),
              std::nullopt);
    ++tried;
  }
  EXPECT_GT(tried, 0);
}

// ---- Copies ----

TEST(EveryCutOfACopy, LeavesTheSourceAndAValidPartOfTheCopy) {
  // Goal: a copy cut short harms nothing and shows only bytes of the source or zeros; once done it stays.
  // Method: flatten a chain of three into a new file, every barrier, every subset up to a bound.
  SeededRandom random(5);
  SeededRandom cutting(6);
  const MergeCase shape{.name = {}, .layers = std::vector<LayerShape>(3), .range = {}};
  const auto files = make_chain(shape, random);
  const std::string copy = folder + "/copy.vhdx";
  const auto content = read_disk(*files, path_of(2), OpenMode::read_only, random).value();
  CrashTally tally;
  DiskOracle oracle(std::vector<std::byte>(content.size()));
  oracle.write(0, content);
  bool made = false;
  auto look = [&] {
    ++tally.moments;
    tally.cuts += explore_cuts(*files, {.exhaustive_max = 64, .random_cuts = 32}, cutting, [&](auto disk) {
      const auto source = read_disk(*disk, path_of(2), OpenMode::read_only, cutting);
      if (!source || first_difference(*source, content)) tally.trouble = "the source changed";
      const auto found = read_disk(*disk, copy, OpenMode::read_only, cutting);
      if (!found && made) tally.trouble = found.error().text();
      if (found && !tally.trouble) tally.trouble = oracle.judge_after_cut(*found);
      // Before it is made, a copy that opens may lack its second header.
      if (found && !tally.trouble && made) check_state(*disk, copy, DiskOracle(*found), 0.1, cutting, tally);
      return !tally.trouble;
    });
  };
  files->set_before_barrier(look);
  vhdx::DiskMetadata metadata;
  metadata.disk_size_bytes = content.size();
  metadata.block_size_bytes = 1 * mib;
  ASSERT_TRUE(create_disk(*files, copy, metadata, random));
  made = true;
  const auto source = open_chain(*files, path_of(2), {}, random).value();
  auto target = open_chain(*files, copy, {.mode = OpenMode::read_write}, random).value();
  ASSERT_TRUE(copy_disk(source, target, {}, {}));
  oracle.flushed();
  ASSERT_TRUE(target.close());
  look();
  files->set_before_barrier({});
  tally.print("copy");
  EXPECT_FALSE(tally.trouble) << *tally.trouble;
  EXPECT_EQ(first_difference(read_disk(*files->copy(), copy, OpenMode::read_only, random).value(), content),
            std::nullopt);
}

}  // namespace
}  // namespace vhdlab::tests
