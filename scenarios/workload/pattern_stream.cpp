// Turns an operation's number into its block and kind. Randomness is counter-based: mix64 of the number under
// a key takes the place of a generator's state, which is what makes at() a pure function.
#include "scenarios/workload/pattern_stream.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/base/random.h"
#include "scenarios/workload/permutation.h"
#include "scenarios/workload/zipf.h"

namespace vhdlab::scenarios {
namespace {

// Labels that keep the uses of one seed independent of each other.
constexpr uint64_t label_draws = 0x6472617773;
constexpr uint64_t label_layout = 0x6c61796f7574;
constexpr uint64_t label_block = 0x626c6f636b;
constexpr uint64_t label_kind = 0x6b696e64;
constexpr uint64_t label_pass = 0x70617373;

uint64_t key(uint64_t seed, uint64_t label) {
  return mix64(seed ^ mix64(label));
}

// The draw with this number under a key. The multiplication keeps streams of nearby keys from being shifts of
// each other.
uint64_t draw(uint64_t stream_key, uint64_t number) {
  return mix64(stream_key ^ mix64(number));
}

// Evenly 0 .. bound-1: the high half of a 128-bit product. Its bias is bound / 2^64, under 2^-27 for any
// disk's blocks.
uint64_t below(uint64_t random, uint64_t bound) {
  return static_cast<uint64_t>((static_cast<unsigned __int128>(random) * bound) >> 64);
}

class PatternStream final : public OperationStream {
 public:
  PatternStream(const PatternSettings& settings, StreamSeeds seeds)
      : settings_(settings),
        block_count_(block_count(settings)),
        block_key_(key(seeds.draws, label_block)),
        kind_key_(key(seeds.draws, label_kind)),
        pass_key_(key(seeds.draws, label_pass)),
        first_pass_(block_count_, mix64(pass_key_)),
        zipf_(block_count_, settings.zipf_theta),
        zipf_scatter_(block_count_, key(seeds.layout, label_layout)) {}

  Operation at(uint64_t index) const override {
    // Numbers run over flushes too: with flush_every 3, operations 3, 7, 11 ... are flushes.
    uint64_t number = index;
    if (settings_.flush_every != 0) {
      const uint64_t period = settings_.flush_every + 1;
      if (index % period == settings_.flush_every) return {OperationKind::flush, 0, 0};
      number = index - index / period;
    }
    const uint64_t start = block_at(number) * settings_.block_size_bytes;
    const uint64_t length = std::min(settings_.block_size_bytes, settings_.range.length - start);
    return {kind_at(number), settings_.range.offset + start, length};
  }

  uint64_t length() const override {
    if (!settings_.operations) return endless;
    const uint64_t flushes = settings_.flush_every == 0 ? 0 : *settings_.operations / settings_.flush_every;
    return *settings_.operations + flushes;
  }

  uint64_t longest_operation_bytes() const override {
    return std::min(settings_.block_size_bytes, settings_.range.length);
  }

 private:
  uint64_t block_at(uint64_t number) const {
    switch (settings_.pattern) {
      case AccessPattern::sequential:
        return number % block_count_;
      case AccessPattern::zipf:
        return zipf_scatter_.at(zipf_.rank(draw(block_key_, number)));
      case AccessPattern::random:
        break;
    }
    if (!settings_.each_block_once) return below(draw(block_key_, number), block_count_);
    const uint64_t pass = number / block_count_;
    if (pass == 0) return first_pass_.at(number);
    return Permutation(block_count_, mix64(pass_key_ + pass)).at(number % block_count_);
  }

  OperationKind kind_at(uint64_t number) const {
    if (settings_.read_percentage == 100) return OperationKind::read;
    if (settings_.read_percentage == 0) return OperationKind::write;
    return below(draw(kind_key_, number), 100) < settings_.read_percentage ? OperationKind::read
                                                                           : OperationKind::write;
  }

  PatternSettings settings_;
  uint64_t block_count_;
  uint64_t block_key_;
  uint64_t kind_key_;
  uint64_t pass_key_;
  Permutation first_pass_;
  ZipfDistribution zipf_;
  Permutation zipf_scatter_;
};

std::unexpected<Error> unfit(std::string message) {
  return failure(ErrorKind::invalid_argument, "pattern-settings", std::move(message));
}

}  // namespace

StreamSeeds stream_seeds(uint64_t scenario_seed, uint64_t step_ordinal) {
  return {.draws = mix64(key(scenario_seed, label_draws) + step_ordinal),
          .layout = key(scenario_seed, label_layout)};
}

Result<std::unique_ptr<OperationStream>> make_pattern_stream(const PatternSettings& settings,
                                                             StreamSeeds seeds) {
  constexpr uint64_t end_max = uint64_t{1} << 53;  // 8 PiB: beyond any disk, exact in a double
  if (settings.range.length == 0) return unfit("the range to touch is empty");
  if (settings.range.length > end_max || settings.range.offset > end_max - settings.range.length)
    return unfit(fmt::format("the range to touch ends beyond {}", format_size(end_max)));
  if (settings.block_size_bytes == 0) return unfit("the block size is 0");
  if (settings.read_percentage > 100)
    return unfit(fmt::format("the read percentage is {}, expected 0 to 100", settings.read_percentage));
  if (!(settings.zipf_theta > 0 && settings.zipf_theta <= 10))
    return unfit(fmt::format("zipf theta is {}, expected more than 0 and at most 10", settings.zipf_theta));
  return std::make_unique<PatternStream>(settings, seeds);
}

}  // namespace vhdlab::scenarios
