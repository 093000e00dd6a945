// GUIDs to and from text, and fresh ones.
#include "engine/base/guid.h"

#include <fmt/format.h>

#include "engine/base/random.h"

namespace vhdlab {
namespace {

constexpr std::string_view shape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

// 16 for a character that is no hexadecimal digit.
unsigned digit_value(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  return 16;
}

bool has_guid_shape(std::string_view text) {
  if (text.size() != shape.size()) return false;
  for (size_t at = 0; at < shape.size(); ++at) {
    if (shape[at] == '-' ? text[at] != '-' : digit_value(text[at]) > 15) return false;
  }
  return true;
}

std::string to_text(const std::array<uint8_t, 16>& bytes, std::string_view digits) {
  std::string text(shape);
  size_t at = 0;
  for (uint8_t position : guid_text_order) {
    if (text[at] == '-') ++at;
    text[at++] = digits[bytes[position] >> 4];
    text[at++] = digits[bytes[position] & 15];
  }
  return text;
}

}  // namespace

Result<Guid> Guid::parse(std::string_view text) {
  std::string_view digits = text;
  if (digits.starts_with('{') && digits.ends_with('}')) digits = digits.substr(1, digits.size() - 2);
  if (!has_guid_shape(digits)) {
    return failure(ErrorKind::invalid_argument, "guid-syntax", fmt::format("'{}' is not a GUID", text),
                   fmt::format("write it as {} with hexadecimal digits, with or without braces", shape));
  }
  Guid guid;
  size_t at = 0;
  for (uint8_t position : guid_text_order) {
    if (digits[at] == '-') ++at;
    guid.bytes_[position] = static_cast<uint8_t>(digit_value(digits[at]) << 4 | digit_value(digits[at + 1]));
    at += 2;
  }
  return guid;
}

Guid Guid::make_random(RandomSource& random) {
  Guid guid;
  for (size_t half = 0; half < 2; ++half) {
    uint64_t bits = random.next_u64();
    for (size_t i = 0; i < 8; ++i)
      guid.bytes_[half * 8 + i] = static_cast<uint8_t>(bits >> (8 * i));
  }
  // RFC 9562 5.4: the version stands in the top digit of the third field (stored little-endian, so in byte
  // 7), the variant in the top two bits of the fourth.
  guid.bytes_[7] = static_cast<uint8_t>((guid.bytes_[7] & 0x0f) | 0x40);
  guid.bytes_[8] = static_cast<uint8_t>((guid.bytes_[8] & 0x3f) | 0x80);
  return guid;
}

std::string Guid::to_lower() const {
  return to_text(bytes_, "0123456789abcdef");
}
std::string Guid::to_upper() const {
  return to_text(bytes_, "0123456789ABCDEF");
}

}  // namespace vhdlab
