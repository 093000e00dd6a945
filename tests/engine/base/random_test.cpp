// The seeded generator is part of every result: its sequence may never change.
#include "engine/base/random.h"

#include <gtest/gtest.h>

namespace vhdlab {
namespace {

TEST(SeededRandom, GivesThePublishedSequence) {
  // The first values of SplitMix64 from two seeds, as the generator's authors' code gives them.
  SeededRandom random(1234567);
  for (uint64_t expected : {6457827717110365317ULL, 3203168211198807973ULL, 9817491932198370423ULL,
                            4593380528125082431ULL, 16408922859458223821ULL}) {
    EXPECT_EQ(random.next_u64(), expected);
  }
  EXPECT_EQ(SeededRandom(0).next_u64(), 0xe220a8397b1dcdafULL);
  EXPECT_EQ(mix64(0), 0xe220a8397b1dcdafULL);
}

TEST(SystemRandom, DoesNotRepeat) {
  // Two equal values of 64 bits would be a broken source, not luck.
  EXPECT_NE(SystemRandom().next_u64(), SystemRandom().next_u64());
}

}  // namespace
}  // namespace vhdlab
