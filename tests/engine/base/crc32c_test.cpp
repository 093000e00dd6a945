// CRC-32C against published values, and its ways against each other.
#include "engine/base/crc32c.h"

#include <span>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/crc32c_paths.h"
#include "engine/base/random.h"
#include "tests/support/test_seed.h"

namespace vhdlab {
namespace {

Bytes bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::vector<Crc32cFunction> available_ways() {
  std::vector<Crc32cFunction> ways = {crc32c, crc32c_by_tables};
  if (crc32c_by_instruction() != nullptr) ways.push_back(crc32c_by_instruction());
  return ways;
}

uint32_t crc32c_bit_by_bit(Bytes bytes) {
  uint32_t crc = 0xffffffff;
  for (std::byte byte : bytes) {
    crc ^= static_cast<uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit)
      crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
  }
  return ~crc;
}

TEST(Crc32c, GivesThePublishedValues) {
  // The check value of the algorithm's catalogue entry and the examples of RFC 3720 B.4, by every way there
  // is.
  std::vector<std::byte> zeros(32);
  std::vector<std::byte> ones(32, std::byte{0xff});
  std::vector<std::byte> ascending;
  for (int i = 0; i < 32; ++i)
    ascending.push_back(static_cast<std::byte>(i));
  for (Crc32cFunction way : available_ways()) {
    EXPECT_EQ(way({}, 0), 0u);
    EXPECT_EQ(way(bytes_of("123456789"), 0), 0xe3069283u);
    EXPECT_EQ(way(zeros, 0), 0x8a9136aau);
    EXPECT_EQ(way(ones, 0), 0x62a8ab43u);
    EXPECT_EQ(way(ascending, 0), 0x46dd794eu);
  }
}

TEST(Crc32c, IsTheSameByEveryWayAtEveryLengthAndAddress) {
  // Random bytes, cut at random places, against the definition computed bit by bit.
  SeededRandom random(tests::test_seed());
  std::vector<std::byte> bytes(5000);
  for (std::byte& byte : bytes)
    byte = static_cast<std::byte>(random.next_u64());
  for (int round = 0; round < 500; ++round) {
    size_t offset = random.next_u64() % 64;
    size_t length = random.next_u64() % (round < 250 ? 40 : bytes.size() - 64);
    Bytes piece = Bytes(bytes).subspan(offset, length);
    uint32_t expected = crc32c_bit_by_bit(piece);
    for (Crc32cFunction way : available_ways())
      ASSERT_EQ(way(piece, 0), expected) << offset << "+" << length;
  }
}

TEST(Crc32c, GoesOnFromAPreviousValue) {
  // A CRC over two pieces equals the CRC over both, wherever the cut is.
  Bytes whole = bytes_of("the quick brown fox jumps over the lazy dog");
  for (size_t cut = 0; cut <= whole.size(); ++cut) {
    for (Crc32cFunction way : available_ways()) {
      EXPECT_EQ(way(whole.subspan(cut), way(whole.first(cut), 0)), crc32c(whole)) << cut;
    }
  }
}

}  // namespace
}  // namespace vhdlab
