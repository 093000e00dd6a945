// A permutation must be exactly that, at every size: the promise behind "amount: 2% changes 2 % of the
// blocks".
#include "scenarios/workload/permutation.h"

#include <vector>

#include <gtest/gtest.h>

namespace vhdlab::scenarios {
namespace {

TEST(Permutation, MapsEveryNumberToADifferentOneAtEverySmallSize) {
  // Goal: bijection. Method: all sizes to 300, and sizes around powers of two and four, each number marked
  // once.
  std::vector<uint64_t> sizes = {1023, 1024, 1025, 4095, 4096, 4097, 65536, 100003};
  for (uint64_t size = 1; size <= 300; ++size)
    sizes.push_back(size);
  for (uint64_t size : sizes) {
    const Permutation permutation(size, 42);
    std::vector<bool> seen(size, false);
    for (uint64_t i = 0; i < size; ++i) {
      const uint64_t image = permutation.at(i);
      ASSERT_LT(image, size);
      ASSERT_FALSE(seen[image]) << "size " << size << ", index " << i;
      seen[image] = true;
    }
  }
}

TEST(Permutation, StaysInsideTheLargestDomains) {
  // Goal: no overflow near 2^62. Method: the ends of domains too large to enumerate.
  for (uint64_t size : {uint64_t{1} << 40, (uint64_t{1} << 61) + 12345, uint64_t{1} << 62}) {
    const Permutation permutation(size, 7);
    for (uint64_t i : {uint64_t{0}, uint64_t{1}, size / 2, size - 2, size - 1})
      EXPECT_LT(permutation.at(i), size);
  }
}

TEST(Permutation, DiffersBetweenSeedsAndLeavesNeighboursApart) {
  // Goal: looks random. Method: count fixed points against another seed and images that stay neighbours; both
  // expect about one in a permutation drawn at random.
  constexpr uint64_t size = 10000;
  const Permutation one(size, 1);
  const Permutation two(size, 2);
  int equal = 0;
  int neighbours = 0;
  for (uint64_t i = 0; i + 1 < size; ++i) {
    equal += one.at(i) == two.at(i) ? 1 : 0;
    neighbours += one.at(i) + 1 == one.at(i + 1) ? 1 : 0;
  }
  EXPECT_LT(equal, 12);
  EXPECT_LT(neighbours, 12);
}

}  // namespace
}  // namespace vhdlab::scenarios
