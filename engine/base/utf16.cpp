// UTF-16LE to and from UTF-8, both held to their rules: no lone surrogates, no overlong forms.
#include "engine/base/utf16.h"

#include <cstdint>

#include <fmt/format.h>

namespace vhdlab {
namespace {

constexpr bool is_high_surrogate(uint32_t unit) {
  return unit >= 0xd800 && unit <= 0xdbff;
}
constexpr bool is_low_surrogate(uint32_t unit) {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

void append_utf8(std::string& text, uint32_t point) {
  auto put = [&](uint32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xc0 | point >> 6);
    put(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    put(0xe0 | point >> 12);
    put(0x80 | (point >> 6 & 0x3f));
    put(0x80 | (point & 0x3f));
  } else {
    put(0xf0 | point >> 18);
    put(0x80 | (point >> 12 & 0x3f));
    put(0x80 | (point >> 6 & 0x3f));
    put(0x80 | (point & 0x3f));
  }
}

// The code point that starts at text[at], and how many bytes it takes; length 0 where the bytes are not
// UTF-8.
struct Decoded {
  uint32_t point = 0;
  size_t length = 0;
};

Decoded decode_utf8(std::string_view text, size_t at) {
  auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(text[i])); };
  uint32_t first = byte(at);
  if (first < 0x80) return {first, 1};

  size_t length = 0;
  uint32_t smallest = 0;  // a smaller point in this many bytes would be an overlong form
  uint32_t point = 0;
  if (first >= 0xc0 && first < 0xe0) {
    length = 2, smallest = 0x80, point = first & 0x1f;
  } else if (first >= 0xe0 && first < 0xf0) {
    length = 3, smallest = 0x800, point = first & 0x0f;
  } else if (first >= 0xf0 && first < 0xf8) {
    length = 4, smallest = 0x10000, point = first & 0x07;
  } else {
    return {};
  }
  if (text.size() - at < length) return {};
  for (size_t i = at + 1; i < at + length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    point = point << 6 | (byte(i) & 0x3f);
  }
  if (point < smallest || point > 0x10ffff || is_high_surrogate(point) || is_low_surrogate(point)) return {};
  return {point, length};
}

}  // namespace

Result<std::string> utf8_from_utf16le(Bytes text) {
  if (text.size() % 2 != 0) {
    return failure(ErrorKind::damaged, "utf16-odd-length",
                   fmt::format("UTF-16 text of {} bytes; expected two bytes per unit", text.size()));
  }
  auto unit_at = [&](size_t at) {
    return static_cast<uint32_t>(text[at]) | static_cast<uint32_t>(text[at + 1]) << 8;
  };
  std::string result;
  result.reserve(text.size() / 2);
  for (size_t at = 0; at < text.size(); at += 2) {
    uint32_t unit = unit_at(at);
    if (is_high_surrogate(unit) && at + 2 < text.size() && is_low_surrogate(unit_at(at + 2))) {
      append_utf8(result, 0x10000 + ((unit - 0xd800) << 10) + (unit_at(at + 2) - 0xdc00));
      at += 2;
    } else if (is_high_surrogate(unit) || is_low_surrogate(unit)) {
      return failure(
          ErrorKind::damaged, "utf16-lone-surrogate",
          fmt::format("UTF-16 text: unit {:#06x} at byte {} is half of a surrogate pair", unit, at));
    } else {
      append_utf8(result, unit);
    }
  }
  return result;
}

Result<std::vector<std::byte>> utf16le_from_utf8(std::string_view text) {
  std::vector<std::byte> result;
  result.reserve(text.size() * 2);
  auto put = [&](uint32_t unit) {
    result.push_back(static_cast<std::byte>(unit & 0xff));
    result.push_back(static_cast<std::byte>(unit >> 8));
  };
  for (size_t at = 0; at < text.size();) {
    Decoded decoded = decode_utf8(text, at);
    if (decoded.length == 0) {
      return failure(
          ErrorKind::invalid_argument, "utf8-malformed",
          fmt::format("text is not UTF-8: byte {:#04x} at {}", static_cast<unsigned char>(text[at]), at));
    }
    at += decoded.length;
    if (decoded.point < 0x10000) {
      put(decoded.point);
    } else {
      put(0xd800 + ((decoded.point - 0x10000) >> 10));
      put(0xdc00 + ((decoded.point - 0x10000) & 0x3ff));
    }
  }
  return result;
}

}  // namespace vhdlab
