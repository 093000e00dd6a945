// UTF-16LE and UTF-8: what passes, and what each side refuses.
#include "engine/base/utf16.h"

#include <initializer_list>

#include <gtest/gtest.h>

namespace vhdlab {
namespace {

std::vector<std::byte> utf16le(std::initializer_list<uint16_t> units) {
  std::vector<std::byte> bytes;
  for (uint16_t unit : units) {
    bytes.push_back(static_cast<std::byte>(unit & 0xff));
    bytes.push_back(static_cast<std::byte>(unit >> 8));
  }
  return bytes;
}

TEST(Utf16, CarriesEveryLengthOfCharacterBothWays) {
  // One character each of one to four UTF-8 bytes; the last needs a surrogate pair.
  std::string text = "A\u00e9\u20ac\U0001f4be";
  std::vector<std::byte> expected = utf16le({0x0041, 0x00e9, 0x20ac, 0xd83d, 0xdcbe});
  auto encoded = utf16le_from_utf8(text);
  ASSERT_TRUE(encoded) << encoded.error().text();
  EXPECT_EQ(*encoded, expected);
  auto decoded = utf8_from_utf16le(expected);
  ASSERT_TRUE(decoded) << decoded.error().text();
  EXPECT_EQ(*decoded, text);
}

TEST(Utf16, CarriesEveryCodePointBothWays) {
  // All of Unicode but the surrogates, in runs of 4096.
  for (uint32_t first = 0; first < 0x110000; first += 4096) {
    std::vector<std::byte> bytes;
    auto put = [&](uint32_t unit) {
      bytes.push_back(static_cast<std::byte>(unit & 0xff));
      bytes.push_back(static_cast<std::byte>(unit >> 8));
    };
    for (uint32_t point = first; point < first + 4096; ++point) {
      if (point >= 0xd800 && point <= 0xdfff) continue;
      if (point < 0x10000) {
        put(point);
      } else {
        put(0xd7c0 + (point >> 10));
        put(0xdc00 + (point & 0x3ff));
      }
    }
    auto text = utf8_from_utf16le(bytes);
    ASSERT_TRUE(text) << text.error().text();
    auto back = utf16le_from_utf8(*text);
    ASSERT_TRUE(back) << back.error().text();
    ASSERT_EQ(*back, bytes) << first;
  }
}

TEST(Utf16, RefusesHalfACharacter) {
  // A high surrogate at the end, one before a plain character, a low one alone, low before high, an odd byte.
  for (const auto& bytes : {utf16le({0x41, 0xd83d}), utf16le({0xd83d, 0x41}), utf16le({0xdcbe, 0x41}),
                            utf16le({0xdcbe, 0xd83d})}) {
    auto text = utf8_from_utf16le(bytes);
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().fault, "utf16-lone-surrogate");
  }
  auto odd = utf8_from_utf16le(Bytes(utf16le({0x41, 0x42})).first(3));
  ASSERT_FALSE(odd);
  EXPECT_EQ(odd.error().fault, "utf16-odd-length");
}

TEST(Utf8, RefusesMalformedText) {
  // Truncated, a stray continuation, overlong forms, an encoded surrogate, beyond Unicode, bytes UTF-8 never
  // uses.
  for (const char* text :
       {"a\xc3", "\xe2\x82", "\xf0\x9f\x92", "\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf",
        "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "\xf8\x88\x80\x80\x80", "\xc3("}) {
    auto bytes = utf16le_from_utf8(text);
    ASSERT_FALSE(bytes) << testing::PrintToString(std::string(text));
    EXPECT_EQ(bytes.error().fault, "utf8-malformed");
  }
}

}  // namespace
}  // namespace vhdlab
