// Rounding, the search for non-zero bytes, and aligned buffers.
#include "engine/base/bytes.h"

#include <cstdint>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace vhdlab {
namespace {

TEST(Rounding, KeepsMultiplesAndMovesTheRest) {
  // The values around one multiple.
  EXPECT_EQ(round_down(4095, 4096), 0u);
  EXPECT_EQ(round_down(4096, 4096), 4096u);
  EXPECT_EQ(round_up(4096, 4096), 4096u);
  EXPECT_EQ(round_up(4097, 4096), 8192u);
  EXPECT_EQ(divide_up(0, 512), 0u);
  EXPECT_EQ(divide_up(UINT64_MAX, 2), uint64_t{1} << 63);
}

TEST(AllZero, FindsASingleByteAnywhere) {
  // Every position in buffers of every small length, one byte set at a time.
  EXPECT_TRUE(all_zero({}));
  for (size_t length = 1; length < 70; ++length) {
    std::vector<std::byte> bytes(length);
    ASSERT_TRUE(all_zero(bytes)) << length;
    for (std::byte& byte : bytes) {
      byte = std::byte{0x80};
      ASSERT_FALSE(all_zero(bytes)) << length << " bytes, at " << &byte - bytes.data();
      byte = std::byte{0};
    }
  }
}

TEST(AlignedBuffer, IsAlignedZeroedAndOfTheSizeAsked) {
  // Sizes on and off the alignment.
  for (size_t size : {1u, 511u, 4096u, 4097u, 1u << 20}) {
    AlignedBuffer buffer(size);
    EXPECT_EQ(buffer.size(), size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.bytes().data()) % AlignedBuffer::alignment_bytes, 0u);
    EXPECT_TRUE(all_zero(buffer.bytes()));
  }
}

TEST(AlignedBuffer, LeavesNothingBehindWhenMoved) {
  // The source of a move must not claim bytes it no longer has.
  AlignedBuffer first(100);
  AlignedBuffer second(std::move(first));
  EXPECT_EQ(first.size(), 0u);  // NOLINT(bugprone-use-after-move): that is the question
  EXPECT_EQ(second.size(), 100u);
  first = std::move(second);
  EXPECT_EQ(second.size(), 0u);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(first.size(), 100u);
}

}  // namespace
}  // namespace vhdlab
