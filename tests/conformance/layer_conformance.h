// What every Layer must do, written once. An implementation joins by saying how to make one of it:
//
//   INSTANTIATE_TEST_SUITE_P(Raw, LayerConformance, testing::Values(LayerImplementation{"Raw", make_raw}));
//
// Layers that have a parent answer "absent" and are held to the same through a chain; here a layer stands
// alone and never does.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/random.h"
#include "engine/io/memory_file_system.h"
#include "engine/layer/layer.h"
#include "tests/support/test_seed.h"

namespace vhdlab::tests {

struct LayerImplementation {
  std::string name;
  // Makes a disk of this size, a multiple of its sector, that reads as zeros, at "/disk".
  std::function<void(MemoryFileSystem&, uint64_t disk_size_bytes)> make;
  std::function<Result<std::unique_ptr<Layer>>(MemoryFileSystem&, OpenMode)> open;

  friend void PrintTo(const LayerImplementation& implementation, std::ostream* to) {
    *to << implementation.name;
  }
};

class LayerConformance : public testing::TestWithParam<LayerImplementation> {
 protected:
  static constexpr uint64_t disk_size = 9 * mib + 4096;  // ends inside a block of any size

  void SetUp() override {
    GetParam().make(files_, disk_size);
    open(OpenMode::read_write);
    model_.assign(disk_size, std::byte{0});
  }

  void open(OpenMode mode) {
    layer_.reset();
    auto opened = GetParam().open(files_, mode);
    ASSERT_TRUE(opened) << opened.error().text();
    layer_ = *std::move(opened);
  }

  [[nodiscard]] uint64_t sector() const { return layer_->sector_size_bytes(); }

  void write(uint64_t offset, uint64_t length, uint8_t value) {
    const std::vector<std::byte> data(length, std::byte{value});
    const auto planned = layer_->plan_write({offset, length}, plan_);
    ASSERT_TRUE(planned) << planned.error().text();
    const auto done = carry_out(*layer_, plan_, offset, data);
    ASSERT_TRUE(done) << done.error().text();
    std::memcpy(model_.data() + offset, data.data(), length);
  }

  void zero(uint64_t offset, uint64_t length) {
    ASSERT_TRUE(layer_->plan_zero({offset, length}, plan_));
    ASSERT_TRUE(carry_out(*layer_, plan_, offset, {}));
    std::memset(model_.data() + offset, 0, length);
  }

  [[nodiscard]] std::vector<std::byte> read(ByteRange range) {
    std::vector<Extent> extents;
    std::vector<std::byte> data(range.length, std::byte{0xcc});
    if (!layer_->resolve(range, extents)) return {};
    for (const Extent& extent : extents) {
      const MutableBytes part =
          MutableBytes(data).subspan(extent.virtual_offset - range.offset, extent.length);
      if (extent.kind == ExtentKind::zero) std::memset(part.data(), 0, part.size());
      if (extent.kind == ExtentKind::data && !layer_->file().read(extent.file_offset, part)) return {};
    }
    return data;
  }

  [[nodiscard]] bool reads_as_the_model() {
    const auto data = read({0, disk_size});
    return data.size() == disk_size && std::memcmp(data.data(), model_.data(), disk_size) == 0;
  }

  MemoryFileSystem files_;
  std::unique_ptr<Layer> layer_;
  std::vector<std::byte> model_;
  WritePlan plan_;
};

TEST_P(LayerConformance, TellsItsSizeSectorAndPath) {
  EXPECT_EQ(layer_->disk_size_bytes(), disk_size);
  EXPECT_TRUE(sector() == 512 || sector() == 4096);
  EXPECT_EQ(layer_->path(), "/disk");
}

TEST_P(LayerConformance, NewDiskReadsAsZeros) {
  EXPECT_TRUE(reads_as_the_model());
}

TEST_P(LayerConformance, ExtentsCoverAnyRangeInOrderJoinedAndNeverAbsent) {
  // Goal: the contract of resolve. Method: random ranges, also inside sectors, on a disk with some of
  // everything.
  write(0, 3 * mib, 1);
  write(5 * mib + sector(), 2 * sector(), 2);
  zero(1 * mib, 1 * mib);
  SeededRandom random(test_seed());
  std::vector<Extent> extents = {{ExtentKind::zero, 7, 7, 7}};  // somebody else's: stays
  for (int round = 0; round < 300; ++round) {
    extents.resize(1);
    const uint64_t offset = random.next_u64() % disk_size;
    const ByteRange range{offset, 1 + random.next_u64() % (disk_size - offset)};
    ASSERT_TRUE(layer_->resolve(range, extents));
    EXPECT_EQ(extents[0], (Extent{ExtentKind::zero, 7, 7, 7}));
    uint64_t at = range.offset;
    for (size_t i = 1; i < extents.size(); ++i) {
      EXPECT_EQ(extents[i].virtual_offset, at);
      EXPECT_GT(extents[i].length, 0U);
      EXPECT_NE(extents[i].kind, ExtentKind::absent);
      if (i > 1 && extents[i].kind == ExtentKind::zero) {
        EXPECT_NE(extents[i - 1].kind, ExtentKind::zero) << "two zero extents in a row";
      }
      at = extents[i].virtual_end();
    }
    EXPECT_EQ(at, range.end());
  }
}

TEST_P(LayerConformance, NothingIsAbsentOfADiskThatStandsAlone) {
  // Goal: a merge may trust absent_until to pass over nothing that is there. Method: an empty disk, then one
  // with data, asked at random places.
  SeededRandom random(test_seed());
  for (int round = 0; round < 100; ++round) {
    if (round == 50) write(3 * mib, 2 * mib, 1);
    const uint64_t offset = random.next_u64() % disk_size;
    const auto until = layer_->absent_until(offset);
    ASSERT_TRUE(until) << until.error().text();
    EXPECT_EQ(*until, offset);
  }
}

TEST_P(LayerConformance, RandomWritesAndZerosReadBackAtOnceAndAfterReopening) {
  SeededRandom random(test_seed());
  for (int step = 0; step < 150; ++step) {
    const uint64_t sectors = disk_size / sector();
    const uint64_t first = random.next_u64() % sectors;
    const uint64_t count =
        1 + random.next_u64() %
                (random.next_u64() % 6 == 0 ? sectors - first : std::min<uint64_t>(sectors - first, 60));
    if (random.next_u64() % 4 == 0) {
      zero(first * sector(), count * sector());
    } else {
      write(first * sector(), count * sector(), static_cast<uint8_t>(1 + step));
    }
    if (layer_->flush_is_due()) {
      ASSERT_TRUE(layer_->flush());
    }
    if (step % 10 == 0) {
      ASSERT_TRUE(reads_as_the_model()) << "step " << step;
    }
    if (step % 40 == 39) {
      ASSERT_TRUE(layer_->close());
      open(OpenMode::read_write);
    }
  }
  ASSERT_TRUE(layer_->close());
  open(OpenMode::read_only);
  EXPECT_TRUE(reads_as_the_model());
}

TEST_P(LayerConformance, LastSectorCanBeWrittenAndRead) {
  write(disk_size - sector(), sector(), 9);
  EXPECT_TRUE(reads_as_the_model());
  ASSERT_TRUE(layer_->close());
  open(OpenMode::read_only);
  EXPECT_TRUE(reads_as_the_model());
}

TEST_P(LayerConformance, FlushedBytesOutliveALayerThatWasNeverClosed) {
  write(2 * mib, 1 * mib, 4);
  zero(2 * mib + sector(), sector());
  ASSERT_TRUE(layer_->flush());
  open(OpenMode::read_only);
  EXPECT_TRUE(reads_as_the_model());
}

TEST_P(LayerConformance, PlansAreReplacedNotAddedTo) {
  ASSERT_TRUE(layer_->plan_write({0, sector()}, plan_));
  ASSERT_TRUE(layer_->plan_write({4 * mib, sector()}, plan_));
  ASSERT_EQ(plan_.data.size(), 1U);
  EXPECT_EQ(plan_.data[0].virtual_offset, 4 * mib);
}

TEST_P(LayerConformance, PlacementsCoverTheWriteInOrder) {
  ASSERT_TRUE(layer_->plan_write({sector(), 8 * mib}, plan_));
  uint64_t at = sector();
  for (const Placement& placement : plan_.data) {
    EXPECT_EQ(placement.virtual_offset, at);
    at += placement.length;
  }
  EXPECT_EQ(at, 8 * mib + sector());
}

TEST_P(LayerConformance, PlanNeverCarriedOutChangesNothing) {
  write(0, 2 * sector(), 7);
  ASSERT_TRUE(layer_->plan_write({0, 6 * mib}, plan_));
  EXPECT_TRUE(reads_as_the_model());
  ASSERT_TRUE(layer_->close());
  open(OpenMode::read_write);
  EXPECT_TRUE(reads_as_the_model());
  write(3 * mib, sector(), 8);
  EXPECT_TRUE(reads_as_the_model());
}

TEST_P(LayerConformance, ReadOnlyLayerCannotBeWritten) {
  write(0, sector(), 7);
  ASSERT_TRUE(layer_->close());
  open(OpenMode::read_only);
  const std::vector<std::byte> data(sector(), std::byte{1});
  const auto planned = layer_->plan_write({0, sector()}, plan_);
  const auto done = planned ? carry_out(*layer_, plan_, 0, data) : planned;
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().fault, "file-read-only");
  EXPECT_TRUE(reads_as_the_model());
}

TEST_P(LayerConformance, ThreadsThatOwnTheirSectorsDoNotDisturbOneAnother) {
  constexpr uint64_t thread_count = 3;
  std::atomic<int> failures = 0;
  {
    std::vector<std::jthread> threads;
    for (uint64_t mine = 0; mine < thread_count; ++mine) {
      threads.emplace_back([&, mine] {
        SeededRandom random(mine + 1);
        WritePlan plan;
        std::vector<std::byte> data(sector());
        for (int step = 0; step < 300; ++step) {
          const uint64_t rows = disk_size / sector() / thread_count;
          const uint64_t offset = (random.next_u64() % rows * thread_count + mine) * sector();
          std::ranges::fill(data, static_cast<std::byte>(1 + step % 250));
          if (!layer_->plan_write({offset, sector()}, plan) || !carry_out(*layer_, plan, offset, data))
            ++failures;
          std::memcpy(model_.data() + offset, data.data(), data.size());
          if (step % 50 == 0 && !layer_->flush()) ++failures;
          (void)layer_->metadata_pages_loaded();
        }
      });
    }
  }
  EXPECT_EQ(failures, 0);
  EXPECT_TRUE(reads_as_the_model());
}

}  // namespace vhdlab::tests
