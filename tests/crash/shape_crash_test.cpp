// Changes of a disk's shape with the power cut before every barrier: compacting changes nothing a reader
// sees, and a disk that is resized has its old size or its new one, with its content either way.
#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/chain/compact_disk.h"
#include "tests/crash/crash_check.h"

namespace vhdlab::tests {
namespace {

const std::string base_path = "/disks/base.vhdx";
const std::string leaf_path = "/disks/leaf.avhdx";
constexpr uint64_t disk_size = 4 * mib + 512 * kib;  // ends inside a block

// A dynamic base, and where `differencing` a child on it; every file with gaps from blocks zeroed again.
std::unique_ptr<PowerCutFileSystem> make_disk(bool differencing, RandomSource& random) {
  auto files = std::make_unique<PowerCutFileSystem>();
  vhdx::DiskMetadata metadata;
  metadata.disk_size_bytes = disk_size;
  metadata.block_size_bytes = 1 * mib;
  metadata.virtual_disk_id = Guid::make_random(random);
  EXPECT_TRUE(create_disk(*files, base_path, metadata, random));
  if (differencing) {
    EXPECT_TRUE(create_child(*files, base_path, leaf_path, {.block_size_bytes = 1 * mib}, random));
  }
  auto chain =
      open_chain(*files, differencing ? leaf_path : base_path, {.mode = OpenMode::read_write}, random)
          .value();
  WritePlan plan;
  for (const uint64_t block : {3, 0, 4, 1, 2})
    EXPECT_TRUE(chain.write(block * mib + 8 * kib, random_bytes(8 * kib, random), plan));
  EXPECT_TRUE(chain.flush());
  EXPECT_TRUE(chain.zero({0, 1 * mib}, plan));
  EXPECT_TRUE(chain.zero({3 * mib, 1 * mib}, plan));
  EXPECT_TRUE(chain.close());
  return files->copy();
}

constexpr CutLimits limits{.exhaustive_max = 256, .random_cuts = 32};

class EveryCutOfAShapeChange : public testing::TestWithParam<bool> {
 protected:
  [[nodiscard]] std::string path() const { return GetParam() ? leaf_path : base_path; }

  SeededRandom random_{1};
  SeededRandom cutting_{2};
  CrashTally tally_;
};

TEST_P(EveryCutOfAShapeChange, CompactingChangesNothingAReaderSees) {
  // Goal: blocks that move are found before and after. Method: cut a compaction, compare, compact again.
  const auto files = make_disk(GetParam(), random_);
  const auto content = read_disk(*files, path(), OpenMode::read_only, random_).value();
  const DiskOracle oracle(content);
  files->set_before_barrier([&] {
    ++tally_.moments;
    tally_.cuts += explore_cuts(*files, limits, cutting_, [&](auto disk) {
      check_state(*disk->copy(), path(), oracle, 0.1, cutting_, tally_);
      if (tally_.trouble) return false;
      const auto again = compact_disk(*disk, path(), cutting_, {}, {});
      if (!again) tally_.trouble = "compacted again: " + again.error().text();
      check_state(*disk, path(), oracle, 0, cutting_, tally_);
      return !tally_.trouble;
    });
  });
  const auto compacted = compact_disk(*files, path(), random_, {}, {});
  files->set_before_barrier({});
  ASSERT_TRUE(compacted) << compacted.error().text();
  tally_.print(GetParam() ? "compaction of a child" : "compaction");
  EXPECT_FALSE(tally_.trouble) << *tally_.trouble;
}

TEST_P(EveryCutOfAShapeChange, ResizingKeepsWhatBothSizesHave) {
  // Goal: a cut leaves the old size or the new one, never old bytes in the new space. Method: shrink into the
  // middle of a block and grow again, cut at every barrier, compare what both sizes have; the grown part is
  // zeros, or was not given up yet.
  for (const uint64_t size : {2 * mib + 256 * kib, 6 * mib}) {
    const auto files = make_disk(GetParam(), random_);
    const auto content = read_disk(*files, path(), OpenMode::read_only, random_).value();
    const auto judge = [&](PowerCutFileSystem& disk) -> std::optional<std::string> {
      const auto found = read_disk(disk, path(), OpenMode::read_only, cutting_);
      if (!found) return found.error().text();
      if (found->size() != content.size() && found->size() != size) return "a size nobody asked for";
      const uint64_t both = std::min(found->size(), content.size());
      if (auto difference = first_difference(Bytes(*found).first(std::min(both, size)),
                                             Bytes(content).first(std::min(both, size))))
        return difference;
      if (!all_zero(Bytes(*found).subspan(both))) return "the grown part is not zeros";
      return std::nullopt;
    };
    files->set_before_barrier([&] {
      ++tally_.moments;
      tally_.cuts += explore_cuts(*files, limits, cutting_, [&](auto disk) {
        tally_.trouble = judge(*disk);
        if (tally_.trouble) return false;
        tally_.trouble = fault_found_by_check(*disk, path(), Leaf::as_the_cut_left_it);
        if (tally_.trouble) return false;
        // Whatever happened, growing from here brings nothing back.
        auto layer = open_vhdx(*disk, path(), OpenMode::read_write, CacheMode::buffered, cutting_);
        if (!layer) {
          tally_.trouble = layer.error().text();
          return false;
        }
        const uint64_t end = (*layer)->disk_size_bytes();
        // The power is cut while it grows, too: old size or new one, and zeros behind the old end.
        disk->set_before_barrier([&] {
          if (tally_.trouble || happens(cutting_, 0.8)) return;
          tally_.second_cuts += explore_cuts(
              *disk, {.exhaustive_max = 4, .random_cuts = 2, .singles_max = 1}, cutting_, [&](auto second) {
                const auto after = read_disk(*second, path(), OpenMode::read_only, cutting_);
                if (!after) {
                  tally_.trouble = "after a second cut: " + after.error().text();
                } else if (after->size() != end && after->size() != 8 * mib) {
                  tally_.trouble = "after a second cut: a size nobody asked for";
                } else if (!all_zero(Bytes(*after).subspan(end))) {
                  tally_.trouble = "after a second cut: old bytes behind the old end";
                } else {
                  tally_.trouble = fault_found_by_check(*second, path(), Leaf::as_the_cut_left_it);
                }
                return !tally_.trouble;
              });
        });
        const auto grown = (*layer)->image().set_disk_size(8 * mib);
        const auto closed = (*layer)->close();
        disk->set_before_barrier({});
        if (tally_.trouble) return false;
        if (!grown || !closed) tally_.trouble = (grown ? closed : grown).error().text();
        layer->reset();
        if (auto fault = fault_found_by_check(*disk, path(), Leaf::as_the_cut_left_it))
          tally_.trouble = fault;
        const auto found = read_disk(*disk, path(), OpenMode::read_only, cutting_);
        if (!found) {
          tally_.trouble = found.error().text();
        } else if (!all_zero(Bytes(*found).subspan(end))) {
          tally_.trouble = "growing brought old bytes back";
        }
        return !tally_.trouble;
      });
    });
    auto layer = open_vhdx(*files, path(), OpenMode::read_write, CacheMode::buffered, random_).value();
    const auto resized = layer->image().set_disk_size(size);
    const auto closed = layer->close();
    files->set_before_barrier({});
    ASSERT_TRUE(resized) << resized.error().text();
    ASSERT_TRUE(closed) << closed.error().text();
    ASSERT_FALSE(tally_.trouble) << *tally_.trouble << ", resizing to " << size;
  }
  tally_.print(GetParam() ? "resizing of a child" : "resizing");
}

INSTANTIATE_TEST_SUITE_P(Disks, EveryCutOfAShapeChange, testing::Bool(), [](const auto& instance) {
  return std::string(instance.param ? "differencing" : "dynamic");
});

}  // namespace
}  // namespace vhdlab::tests
