// GUIDs as Windows stores them: the first three fields little-endian, the last eight bytes in order. Text
// form is 8-4-4-4-12 hexadecimal digits; parsing accepts either case, with or without braces.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/error.h"

namespace vhdlab {

class RandomSource;

class Guid {
 public:
  constexpr Guid() = default;

  // From text known at compile time to be well formed:
  // `Guid::literal("2DC27766-F623-4200-9D64-115E9BFD4A08")`.
  static consteval Guid literal(std::string_view text);

  // Faults: guid-syntax.
  [[nodiscard]] static Result<Guid> parse(std::string_view text);

  // A version 4 GUID drawn from `random`.
  [[nodiscard]] static Guid make_random(RandomSource& random);

  [[nodiscard]] bool is_zero() const { return *this == Guid{}; }
  [[nodiscard]] std::string to_lower() const;  // "2dc27766-f623-4200-9d64-115e9bfd4a08"
  [[nodiscard]] std::string to_upper() const;  // "2DC27766-F623-4200-9D64-115E9BFD4A08"
  [[nodiscard]] std::string to_braced() const { return "{" + to_lower() + "}"; }

  friend constexpr auto operator<=>(const Guid&, const Guid&) = default;

 private:
  // In on-disk order; alignment 1, so a Guid may stand in an on-disk structure.
  std::array<uint8_t, 16> bytes_{};
};

static_assert(sizeof(Guid) == 16 && alignof(Guid) == 1);

// Where in bytes_ each pair of digits goes, in the order the text writes the pairs.
inline constexpr std::array<uint8_t, 16> guid_text_order = {3, 2, 1,  0,  5,  4,  7,  6,
                                                            8, 9, 10, 11, 12, 13, 14, 15};

consteval Guid Guid::literal(std::string_view text) {
  auto digit = [](char c) -> uint8_t {
    if (c >= '0' && c <= '9') return static_cast<uint8_t>(c - '0');
    if (c >= 'A' && c <= 'F') return static_cast<uint8_t>(c - 'A' + 10);
    if (c >= 'a' && c <= 'f') return static_cast<uint8_t>(c - 'a' + 10);
    throw "a GUID literal holds hexadecimal digits";
  };
  if (text.size() != 36) throw "a GUID literal is 8-4-4-4-12 digits";
  Guid guid;
  size_t at = 0;
  for (uint8_t position : guid_text_order) {
    if (at == 8 || at == 13 || at == 18 || at == 23) {
      if (text[at++] != '-') throw "a GUID literal is 8-4-4-4-12 digits";
    }
    guid.bytes_[position] = static_cast<uint8_t>(digit(text[at]) << 4 | digit(text[at + 1]));
    at += 2;
  }
  return guid;
}

}  // namespace vhdlab
