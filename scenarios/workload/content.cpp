// Makes and judges self-describing sectors. The fill costs one multiplication a word, so that making content
// stays several times faster than any device it is written to.
#include "scenarios/workload/content.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

#include <fmt/format.h>

#include "engine/base/endian.h"
#include "engine/base/random.h"

namespace vhdlab::scenarios {
namespace {

constexpr uint64_t content_magic = 0x31746e6342414c56;  // "VLABcnt1" as bytes
constexpr size_t fill_words = 60;

struct Sector {
  le64 magic;
  le64 offset_bytes;
  le64 generation;
  le64 seed;
  std::array<le64, fill_words> fill;
};
static_assert(sizeof(Sector) == content_sector_bytes && alignof(Sector) == 1);

void make_sector(uint64_t seed, uint64_t offset_bytes, uint32_t generation, Sector& sector) {
  sector.magic = content_magic;
  sector.offset_bytes = offset_bytes;
  sector.generation = generation;
  sector.seed = seed;
  // One good scramble gives the sector's key; a Weyl sequence from there, one multiplication and a fold give
  // its words.
  uint64_t state = mix64(mix64(seed + generation) ^ offset_bytes);
  for (le64& word : sector.fill) {
    state += 0x9e3779b97f4a7c15;                                    // 2^64 / golden ratio: as in mix64
    uint64_t mixed = (state ^ (state >> 32)) * 0xd6e8feb86659fd93;  // Evensen's and degski's multiplier
    mixed ^= mixed >> 32;
    word = mixed;
  }
}

bool all_bytes_zero(Bytes bytes) {
  static constexpr std::array<std::byte, content_sector_bytes> zeros{};
  return std::memcmp(bytes.data(), zeros.data(), zeros.size()) == 0;
}

// Says what a wrong sector holds instead, in the terms of whoever has to find out why.
std::string explain(uint64_t seed, uint64_t offset_bytes, uint32_t generation, Bytes found) {
  const std::string expected =
      generation == 0 ? "expected zeros (never written)" : fmt::format("expected generation {}", generation);
  const auto say = [&](std::string_view holds) {
    return fmt::format("sector at {:#x} holds {}, {}", offset_bytes, holds, expected);
  };

  if (all_bytes_zero(found)) return say("zeros");
  Sector sector;
  std::memcpy(&sector, found.data(), sizeof sector);
  if (sector.magic != content_magic) return say("bytes no write of this run left");

  const std::string origin = sector.offset_bytes == offset_bytes
                                 ? fmt::format("generation {}", uint64_t{sector.generation})
                                 : fmt::format("generation {} of offset {:#x}", uint64_t{sector.generation},
                                               uint64_t{sector.offset_bytes});
  if (sector.seed != seed) return say(fmt::format("{} of a run with seed {}", origin, uint64_t{sector.seed}));

  Sector whole;
  make_sector(seed, sector.offset_bytes, static_cast<uint32_t>(sector.generation), whole);
  const auto whole_bytes = std::as_bytes(std::span(&whole, 1));
  const auto wrong = std::ranges::mismatch(found, whole_bytes).in1 - found.begin();
  if (wrong == static_cast<ptrdiff_t>(content_sector_bytes)) return say(origin);
  return say(fmt::format("{} with a wrong byte at {}", origin, wrong));
}

}  // namespace

void fill_content(uint64_t seed, uint64_t offset_bytes, uint32_t generation, MutableBytes into) {
  assert(offset_bytes % content_sector_bytes == 0 && into.size() % content_sector_bytes == 0);
  if (generation == 0) {
    std::ranges::fill(into, std::byte{0});
    return;
  }
  for (size_t at = 0; at < into.size(); at += content_sector_bytes) {
    Sector sector;  // made in registers and cache, then stored: `into` need not be aligned
    make_sector(seed, offset_bytes + at, generation, sector);
    std::memcpy(into.data() + at, &sector, sizeof sector);
  }
}

std::optional<ContentFault> check_content(uint64_t seed, uint64_t offset_bytes, uint32_t generation,
                                          Bytes found) {
  assert(offset_bytes % content_sector_bytes == 0 && found.size() % content_sector_bytes == 0);
  for (size_t at = 0; at < found.size(); at += content_sector_bytes) {
    const Bytes sector_bytes = found.subspan(at, content_sector_bytes);
    if (generation == 0) {
      if (all_bytes_zero(sector_bytes)) continue;
    } else {
      Sector expected;
      make_sector(seed, offset_bytes + at, generation, expected);
      if (std::memcmp(sector_bytes.data(), &expected, sizeof expected) == 0) continue;
    }
    return ContentFault{offset_bytes + at, generation,
                        explain(seed, offset_bytes + at, generation, sector_bytes)};
  }
  return std::nullopt;
}

}  // namespace vhdlab::scenarios
