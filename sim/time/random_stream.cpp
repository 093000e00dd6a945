// Draws from whole numbers; see random_stream.h.
#include "sim/time/random_stream.h"

namespace vhdlab::sim {
namespace {

__extension__ using Wide = unsigned __int128;

// FNV-1a, 64 bits: the name's bytes as a number.
uint64_t number_of(std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char letter : name)
    hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3;
  return hash;
}

uint64_t share_of(uint64_t whole, uint64_t fraction_of_2_to_64) {
  return static_cast<uint64_t>(static_cast<Wide>(whole) * fraction_of_2_to_64 >> 64);
}

}  // namespace

RandomStream::RandomStream(uint64_t seed, std::string_view component)
    : source_(mix64(seed ^ mix64(number_of(component)))) {}

uint64_t RandomStream::below(uint64_t bound) {
  return share_of(bound, next_u64());
}

// Draw x, then go on drawing as long as the draws fall. The run of falling draws has an even length with
// probability e^-x: then x is the fraction of the answer, else its whole part is one more.
Nanoseconds RandomStream::exponential(Nanoseconds mean) {
  const auto mean_ns = static_cast<uint64_t>(mean.count());
  for (uint64_t whole = 0;; ++whole) {
    const uint64_t first = next_u64();
    uint64_t previous = first;
    bool even = false;
    for (uint64_t draw = next_u64(); draw < previous; draw = next_u64()) {
      previous = draw;
      even = !even;
    }
    if (!even) return Nanoseconds(static_cast<int64_t>(whole * mean_ns + share_of(mean_ns, first)));
  }
}

}  // namespace vhdlab::sim
