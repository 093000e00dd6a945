// CRC-32C by tables, and the choice between tables and the processor's instruction.
//
// Slicing by eight: table[0] advances the CRC over one byte; table[k] over the same byte followed by k zero
// bytes. Eight look-ups then advance it over eight bytes at once:
//
//   crc ^ bytes 0..3        bytes 4..7
//   t7  t6  t5  t4          t3  t2  t1  t0      all eight results XORed are the next crc
#include "engine/base/crc32c.h"

#include <array>
#include <cstddef>
#include <cstring>

#include "engine/base/crc32c_paths.h"
#include "engine/base/endian.h"

namespace vhdlab {
namespace {

// The Castagnoli polynomial 0x1edc6f41 with its bits reversed (RFC 3720, B.4).
constexpr uint32_t polynomial = 0x82f63b78;

using Table = std::array<uint32_t, 256>;

constexpr std::array<Table, 8> make_tables() {
  std::array<Table, 8> tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit)
      crc = crc >> 1 ^ ((crc & 1) != 0 ? polynomial : 0);
    tables[0][byte] = crc;
  }
  for (size_t zeros = 1; zeros < tables.size(); ++zeros) {
    for (size_t byte = 0; byte < 256; ++byte) {
      uint32_t before = tables[zeros - 1][byte];
      tables[zeros][byte] = before >> 8 ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

constexpr std::array<Table, 8> tables = make_tables();

uint32_t load_le32(const std::byte* from) {
  le32 value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

}  // namespace

uint32_t crc32c_by_tables(Bytes bytes, uint32_t previous) {
  uint32_t crc = ~previous;
  while (bytes.size() >= 8) {
    uint32_t low = load_le32(bytes.data()) ^ crc;
    uint32_t high = load_le32(bytes.data() + 4);
    crc = tables[7][low & 0xff] ^ tables[6][low >> 8 & 0xff] ^ tables[5][low >> 16 & 0xff] ^
          tables[4][low >> 24] ^ tables[3][high & 0xff] ^ tables[2][high >> 8 & 0xff] ^
          tables[1][high >> 16 & 0xff] ^ tables[0][high >> 24];
    bytes = bytes.subspan(8);
  }
  for (std::byte byte : bytes)
    crc = crc >> 8 ^ tables[0][(crc ^ static_cast<uint32_t>(byte)) & 0xff];
  return ~crc;
}

uint32_t crc32c(Bytes bytes, uint32_t previous) {
  static const Crc32cFunction fastest =
      crc32c_by_instruction() != nullptr ? crc32c_by_instruction() : crc32c_by_tables;
  return fastest(bytes, previous);
}

}  // namespace vhdlab
