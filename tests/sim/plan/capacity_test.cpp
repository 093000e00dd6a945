// Two dates from straight lines: when a volume is full, and when the last merge still fits.
#include "sim/plan/capacity.h"

#include <gtest/gtest.h>

#include "engine/base/bytes.h"

namespace vhdlab::sim {
namespace {

constexpr double day = 86400;

// 100 GiB free; a disk that grows by 1 GiB a day; 40 GiB to merge, of which the base has room for 30.
GrowingVolume one_disk() {
  return {.free_bytes = 100 * gib,
          .disks = {{.growth_bytes_per_s = static_cast<double>(gib) / day,
                     .growth_left_bytes = tib,
                     .merge_bytes = 40 * gib,
                     .merge_space_bytes = 10 * gib,
                     .merge_freed_bytes = 40 * gib,
                     .new_share = 0.25}}};
}

TEST(Capacity, TellsWhenTheVolumeIsFullAndWhenTheLastMergeFits) {
  // Goal: the two crossings of the head's picture. Method: numbers whose answers are (F / g) and
  // (F - S) / (g (1 + f)).
  const CapacityForecast forecast = forecast_capacity(one_disk());
  EXPECT_TRUE(forecast.merge_fits_now);
  ASSERT_TRUE(forecast.full_after_s && forecast.merge_fits_until_s);
  EXPECT_NEAR(*forecast.full_after_s / day, 100, 1e-3);
  EXPECT_NEAR(*forecast.merge_fits_until_s / day, 90 / 1.25, 1e-3);
}

TEST(Capacity, CountsWhatTheGuestWritesWhileTheMergeRuns) {
  // Goal: a merge under a running machine needs room for what comes meanwhile: g (M + g t) / (C - g). Method:
  // a copy rate of nine times the growth, where that is an eighth of what there is to move.
  GrowingVolume volume = one_disk();
  volume.disks[0].new_share = 0;
  volume.copy_bytes_per_s = 9 * volume.disks[0].growth_bytes_per_s;
  const CapacityForecast forecast = forecast_capacity(volume);
  // 100 - t = 10 + (40 + t) / 8
  EXPECT_NEAR(*forecast.merge_fits_until_s / day, 85 / 1.125, 1e-3);
  EXPECT_TRUE(forecast.merge_ends);
  volume.copy_bytes_per_s = volume.disks[0].growth_bytes_per_s;
  EXPECT_FALSE(forecast_capacity(volume).merge_ends) << "the guest writes as fast as the merge copies";
}

TEST(Capacity, KnowsThatALeafCannotOutgrowItsDisk) {
  // Goal: no date where there is none. Method: a leaf that has less left to take than is free, with room for
  // the merge of all of it, and without.
  GrowingVolume volume = one_disk();
  volume.disks[0].growth_left_bytes = 50 * gib;
  EXPECT_FALSE(forecast_capacity(volume).full_after_s);
  EXPECT_FALSE(forecast_capacity(volume).merge_fits_until_s);
  volume.disks[0].new_share = 1;
  EXPECT_FALSE(forecast_capacity(volume).full_after_s);
  // 100 - t = 10 + t, before the 50th day
  EXPECT_NEAR(*forecast_capacity(volume).merge_fits_until_s / day, 45, 1e-3);
}

TEST(Capacity, SaysWhenAMergeDoesNotEvenFitNow) {
  GrowingVolume volume = one_disk();
  volume.free_bytes = 9 * gib;
  const CapacityForecast forecast = forecast_capacity(volume);
  EXPECT_FALSE(forecast.merge_fits_now);
  EXPECT_EQ(forecast.merge_fits_until_s, 0.0);
  EXPECT_NEAR(*forecast.full_after_s / day, 9, 1e-3);
}

TEST(Capacity, LetsOneMergeMakeRoomForTheNext) {
  // Goal: merges go one after the other, the least needy first. Method: 12 GiB free; one disk needs 10 and
  // gives 40 back, the other needs 35.
  GrowingVolume volume = one_disk();
  volume.free_bytes = 12 * gib;
  volume.disks.push_back(volume.disks[0]);
  volume.disks[1].merge_space_bytes = 35 * gib;
  EXPECT_TRUE(merges_fit_after(volume, 0));
  volume.disks[0].merge_freed_bytes = 20 * gib;
  EXPECT_FALSE(merges_fit_after(volume, 0));
}

TEST(Capacity, StandsStillWhereNothingChanges) {
  GrowingVolume volume = one_disk();
  volume.disks[0].growth_bytes_per_s = 0;
  const CapacityForecast forecast = forecast_capacity(volume);
  EXPECT_FALSE(forecast.full_after_s);
  EXPECT_FALSE(forecast.merge_fits_until_s);
  EXPECT_TRUE(forecast.merge_fits_now);
}

TEST(Capacity, TakesGrowthFromTheFilesOverTimeEnough) {
  // Goal: layers that were made over days give a rate, files copied a minute ago do not. Method: three layers
  // over four days, the last one still written to.
  const std::vector<LayerGrowth> layers = {{0, 3 * gib}, {day, 5 * gib}, {2 * day, 4 * gib}};
  const auto growth = growth_of(layers, 4 * day);
  ASSERT_TRUE(growth);
  EXPECT_DOUBLE_EQ(*growth * day, 3.0 * gib);
  EXPECT_FALSE(growth_of(std::vector<LayerGrowth>{{0, gib}}, 60));
  EXPECT_FALSE(growth_of({}, day));
}

}  // namespace
}  // namespace vhdlab::sim
