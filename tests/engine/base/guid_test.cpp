// GUIDs in text and on disk.
#include "engine/base/guid.h"

#include <bit>
#include <set>

#include <gtest/gtest.h>

#include "engine/base/random.h"
#include "tests/support/test_seed.h"

namespace vhdlab {
namespace {

TEST(Guid, StandsOnDiskAsWindowsStoresIt) {
  // The BAT region's GUID and its sixteen bytes as they appear in every VHDX file.
  constexpr Guid guid = Guid::literal("2DC27766-F623-4200-9D64-115E9BFD4A08");
  constexpr std::array<uint8_t, 16> expected = {0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0x00, 0x42,
                                                0x9d, 0x64, 0x11, 0x5e, 0x9b, 0xfd, 0x4a, 0x08};
  EXPECT_EQ((std::bit_cast<std::array<uint8_t, 16>>(guid)), expected);
}

TEST(Guid, ParsesEveryFormItIsWrittenIn) {
  // Lower case, upper case, braces; all name the same GUID, and the text comes back.
  Guid guid = Guid::literal("2dc27766-f623-4200-9d64-115e9bfd4a08");
  EXPECT_EQ(guid.to_lower(), "2dc27766-f623-4200-9d64-115e9bfd4a08");
  EXPECT_EQ(guid.to_upper(), "2DC27766-F623-4200-9D64-115E9BFD4A08");
  EXPECT_EQ(guid.to_braced(), "{2dc27766-f623-4200-9d64-115e9bfd4a08}");
  for (const std::string& text : {guid.to_lower(), guid.to_upper(), guid.to_braced()}) {
    auto parsed = Guid::parse(text);
    ASSERT_TRUE(parsed) << parsed.error().text();
    EXPECT_EQ(*parsed, guid);
  }
}

TEST(Guid, RefusesWhatIsNotOne) {
  // Too short, too long, a wrong digit, hyphens out of place, half a pair of braces.
  for (const char* text : {"", "{}", "{", "2dc27766", "2dc27766-f623-4200-9d64-115e9bfd4a0",
                           "2dc27766-f623-4200-9d64-115e9bfd4a088", "2dc27766-f623-4200-9d64-115e9bfd4a0g",
                           "2dc27766f-623-4200-9d64-115e9bfd4a08", "{2dc27766-f623-4200-9d64-115e9bfd4a08",
                           "2dc27766-f623-4200-9d64-115e9bfd4a08}", "2dc27766f623420009d64115e9bfd4a08000"}) {
    auto parsed = Guid::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().fault, "guid-syntax");
  }
}

TEST(Guid, RandomOnesAreDistinctSurviveTextAndSayTheyAreRandom) {
  // A thousand from one seed: version 4, the RFC's variant, and back from text.
  SeededRandom random(tests::test_seed());
  std::set<Guid> seen;
  for (int i = 0; i < 1000; ++i) {
    Guid guid = Guid::make_random(random);
    EXPECT_TRUE(seen.insert(guid).second);
    std::string text = guid.to_lower();
    EXPECT_EQ(text[14], '4') << text;
    EXPECT_NE(std::string("89ab").find(text[19]), std::string::npos) << text;
    EXPECT_EQ(*Guid::parse(text), guid);
    EXPECT_FALSE(guid.is_zero());
  }
  EXPECT_TRUE(Guid{}.is_zero());
}

TEST(Guid, TheSameSeedGivesTheSameGuid) {
  // Two generators from one seed.
  SeededRandom first(7);
  SeededRandom second(7);
  EXPECT_EQ(Guid::make_random(first), Guid::make_random(second));
}

}  // namespace
}  // namespace vhdlab
