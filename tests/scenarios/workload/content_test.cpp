// Content must be judged right and explained well when wrong.
#include "scenarios/workload/content.h"

#include <cstring>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace vhdlab::scenarios {
namespace {

std::vector<std::byte> content(uint64_t seed, uint64_t offset, uint32_t generation, size_t size) {
  std::vector<std::byte> bytes(size);
  fill_content(seed, offset, generation, bytes);
  return bytes;
}

TEST(Content, IsAcceptedWhereItWasWrittenInAnyPieces) {
  // Goal: content follows from the disk offset, not from the request. Method: a whole fill equals fills of
  // its parts.
  const auto whole = content(42, 4096, 3, 8192);
  const auto part = content(42, 8192, 3, 1024);
  EXPECT_EQ(std::memcmp(whole.data() + 4096, part.data(), part.size()), 0);
  EXPECT_EQ(check_content(42, 4096, 3, whole), std::nullopt) << "its own content";
}

TEST(Content, OfNothingWrittenIsZeros) {
  // Goal: generation 0 is zeros. Method: fill and check.
  EXPECT_TRUE(all_zero(content(42, 0, 0, 2048)));
  EXPECT_FALSE(check_content(42, 0, 0, content(42, 0, 0, 2048)).has_value());
  EXPECT_TRUE(check_content(42, 0, 0, content(42, 0, 1, 2048)).has_value());
}

TEST(Content, FindsAWrongByteAnywhere) {
  // Goal: no byte of a sector goes unchecked. Method: flip each byte of one sector in turn.
  auto bytes = content(42, 512, 7, 1024);
  for (size_t i = 512; i < 1024; ++i) {
    bytes[i] ^= std::byte{0x10};
    const auto fault = check_content(42, 512, 7, bytes);
    ASSERT_TRUE(fault) << "byte " << i;
    EXPECT_EQ(fault->offset_bytes, 1024U);
    bytes[i] ^= std::byte{0x10};
  }
}

TEST(Content, ExplainsWhatAWrongSectorHolds) {
  // Goal: the sentence names the likely cause. Method: one sector for each way of being wrong.
  const auto explanation = [](uint32_t generation, std::vector<std::byte> found) {
    const auto fault = check_content(42, 0x2000, generation, found);
    return fault ? fault->explanation : std::string();
  };
  EXPECT_EQ(explanation(5, content(42, 0x2000, 3, 512)),
            "sector at 0x2000 holds generation 3, expected generation 5");
  EXPECT_EQ(explanation(5, content(42, 0x6000, 5, 512)),
            "sector at 0x2000 holds generation 5 of offset 0x6000, expected generation 5");
  EXPECT_EQ(explanation(5, content(7, 0x2000, 5, 512)),
            "sector at 0x2000 holds generation 5 of a run with seed 7, expected generation 5");
  EXPECT_EQ(explanation(5, std::vector<std::byte>(512)),
            "sector at 0x2000 holds zeros, expected generation 5");
  EXPECT_EQ(explanation(0, std::vector<std::byte>(512, std::byte{1})),
            "sector at 0x2000 holds bytes no write of this run left, expected zeros (never written)");
  auto torn = content(42, 0x2000, 5, 512);
  torn[300] ^= std::byte{1};
  EXPECT_EQ(explanation(5, torn),
            "sector at 0x2000 holds generation 5 with a wrong byte at 300, expected generation 5");
}

TEST(Content, HasNoWordTwiceInAMebibyte) {
  // Goal: nothing compresses or repeats by accident. Method: all fill words of 2048 sectors are distinct.
  const auto bytes = content(1, 0, 1, mib);
  std::set<uint64_t> words;
  for (size_t sector = 0; sector < bytes.size(); sector += 512) {
    for (size_t at = 32; at < 512; at += 8) {
      uint64_t word = 0;
      std::memcpy(&word, bytes.data() + sector + at, sizeof word);
      words.insert(word);
    }
  }
  EXPECT_EQ(words.size(), 2048U * 60);
}

}  // namespace
}  // namespace vhdlab::scenarios
