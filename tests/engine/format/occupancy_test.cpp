// The map of taken space: overlaps are seen, and hostile sizes cost no memory.
#include "engine/format/vhdx/occupancy.h"

#include <gtest/gtest.h>

namespace vhdlab::tests {
namespace {

using vhdx::Occupancy;

TEST(Occupancy, KnowsTheHeaderSectionAndEveryClaim) {
  Occupancy occupancy;
  EXPECT_EQ(occupancy.end(), 1 * mib);
  EXPECT_FALSE(occupancy.claim({0, 1 * mib}));
  EXPECT_TRUE(occupancy.claim({4 * mib, 2 * mib}));
  EXPECT_EQ(occupancy.end(), 6 * mib);
  EXPECT_FALSE(occupancy.claim({5 * mib, 1 * mib}));
  EXPECT_FALSE(occupancy.claim({3 * mib, 2 * mib}));
  EXPECT_TRUE(occupancy.claim({3 * mib, 1 * mib})) << "a refused claim took something";
  EXPECT_TRUE(occupancy.claim({6 * mib, 1 * mib}));
}

TEST(Occupancy, TakesRangesFarOut) {
  Occupancy occupancy;
  EXPECT_TRUE(occupancy.claim({1 * tib, 256 * mib}));
  EXPECT_FALSE(occupancy.claim({1 * tib + 255 * mib, 1 * mib}));
  EXPECT_EQ(occupancy.end(), 1 * tib + 256 * mib);
}

TEST(Occupancy, TakesMemoryForWhatIsClaimedNotForWhereItLies) {
  // Goal: a sparse file of exbibytes, easily made, must not make an open fail for memory. Method: one claim
  // far out; a map of all that lies before it would be 256 GiB.
  Occupancy occupancy;
  EXPECT_TRUE(occupancy.claim({uint64_t{1} << 61, 1 * mib}));
  EXPECT_FALSE(occupancy.claim({uint64_t{1} << 61, 1 * mib}));
}

}  // namespace
}  // namespace vhdlab::tests
