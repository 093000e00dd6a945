// The settings that say what a workload does; see bind_pattern.h.
#include "scenarios/language/bind_pattern.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace vhdlab::scenarios {
namespace {

constexpr uint64_t workload_block_bytes_max = 256 * mib;
constexpr uint64_t buffers_bytes_max = 4 * gib;  // queue depth times block size

constexpr std::array<Word<AccessPattern>, 3> pattern_words = {{{"random", AccessPattern::random},
                                                               {"sequential", AccessPattern::sequential},
                                                               {"zipf", AccessPattern::zipf}}};

// What percentages of a range count in.
struct RangeScale {
  uint64_t disk_bytes;
  uint64_t block_bytes;

  [[nodiscard]] uint64_t bytes_of(const Amount& amount) const {
    if (!amount.percent) return amount.size_bytes;
    if (*amount.percent >= 100) return disk_bytes;
    const auto exact = static_cast<uint64_t>(static_cast<double>(disk_bytes) * (*amount.percent / 100));
    return round_down(exact, block_bytes);
  }
};

// 25%, 4GiB.
std::optional<ByteRange> beginning_of_disk(Settings& step, const RangeScale& scale) {
  const auto length = step.amount("range", 100);
  if (!length) return std::nullopt;
  return ByteRange{0, scale.bytes_of(*length)};
}

// An amount is never 0, where a range begins may be.
bool is_zero(const Node& node, Judge& judge) {
  const auto value = judge.resolve(node);
  return value && value->resolved->kind == Node::Kind::scalar &&
         (value->resolved->text == "0" || value->resolved->text == "0%");
}

// { from: 1GiB, length: 10% }; to the disk's end without a length.
std::optional<ByteRange> part_of_disk(const Node& node, Judge& judge, const RangeScale& scale) {
  static constexpr std::array<std::string_view, 2> keys = {"from", "length"};
  Settings part(judge, node, "range", keys);
  ByteRange range{0, scale.disk_bytes};
  if (const Node* from = part.find("from"); from != nullptr && !is_zero(*from, judge)) {
    const auto amount = part.amount("from", 100);
    if (!amount) return std::nullopt;
    range.offset = scale.bytes_of(*amount);
  }
  range.length = range.offset < scale.disk_bytes ? scale.disk_bytes - range.offset : 0;
  if (part.find("length") != nullptr) {
    const auto length = part.amount("length", 100);
    if (!length) return std::nullopt;
    range.length = scale.bytes_of(*length);
  }
  return range;
}

}  // namespace

AccessPattern bind_access_pattern(Settings& step, AccessPattern otherwise) {
  return step.word<AccessPattern>("pattern", pattern_words).value_or(otherwise);
}

uint64_t bind_block_size(Settings& step, const BoundDisk& disk, uint64_t otherwise) {
  const auto size = step.size("block_size", 512, workload_block_bytes_max);
  if (!size) return otherwise;
  const uint64_t sector = disk.settings.logical_sector_size_bytes;
  if (*size % sector == 0) return *size;
  step.judge().add(*step.find("block_size"),
                   fmt::format("{} is {} bytes, not a multiple of the disk's logical sector of {}",
                               step.name_of("block_size"), *size, sector),
                   sector == 512 ? "" : "see 'logical_sector_size' of 'disk'");
  return otherwise;
}

uint32_t bind_queue_depth(Settings& step, uint64_t block_size_bytes, uint32_t otherwise) {
  const auto queue_depth =
      static_cast<uint32_t>(step.whole("queue_depth", 1, queue_depth_max).value_or(otherwise));
  if (queue_depth * block_size_bytes > buffers_bytes_max) {
    step.judge().add(
        step.node(),
        fmt::format("a queue depth of {} with blocks of {} needs {} of buffers, expected at most {}",
                    queue_depth, format_size(block_size_bytes), format_size(queue_depth * block_size_bytes),
                    format_size(buffers_bytes_max)),
        "lower 'queue_depth' or 'block_size'");
  }
  return queue_depth;
}

uint32_t bind_jobs(Settings& step, uint32_t queue_depth, uint64_t block_size_bytes) {
  const auto jobs = static_cast<uint32_t>(step.whole("jobs", 1, jobs_max).value_or(1));
  const uint64_t in_flight = uint64_t{jobs} * queue_depth;
  const bool is_too_much = in_flight > queue_depth_max || in_flight * block_size_bytes > buffers_bytes_max;
  if (jobs > 1 && is_too_much) {  // one job alone is the queue depth's business
    step.judge().add(
        step.node(),
        fmt::format("{} jobs with a queue depth of {} each make {} operations of {} in flight, expected "
                    "at most {} and {} in all",
                    jobs, queue_depth, in_flight, format_size(block_size_bytes), queue_depth_max,
                    format_size(buffers_bytes_max)),
        "lower 'jobs' or 'queue_depth'");
  }
  return jobs;
}

void bind_theta(Settings& step, PatternSettings& pattern) {
  const Node* node = step.find("zipf_theta");
  if (node == nullptr) return;
  if (const auto theta = step.number("zipf_theta", 0.01, 10)) pattern.zipf_theta = *theta;
  if (pattern.pattern != AccessPattern::zipf)
    step.judge().add(*node, "'zipf_theta' is given, but 'pattern' is not 'zipf'",
                     "set pattern: zipf or remove it");
}

void bind_range(Settings& step, const BoundDisk& disk, PatternSettings& pattern) {
  const uint64_t disk_bytes = disk.settings.size_bytes;
  const uint64_t sector = disk.settings.logical_sector_size_bytes;
  pattern.range = {0, disk_bytes};
  const Node* node = step.find("range");
  Judge& judge = step.judge();
  if (node == nullptr) {
    if (disk.is_size_known && pattern.block_size_bytes > disk_bytes)
      judge.add(step.node(), fmt::format("a block of {} is larger than the disk of {}",
                                         format_size(pattern.block_size_bytes), format_size(disk_bytes)));
    return;
  }
  const RangeScale scale{.disk_bytes = disk_bytes, .block_bytes = pattern.block_size_bytes};
  const auto range =
      node->kind == Node::Kind::mapping ? part_of_disk(*node, judge, scale) : beginning_of_disk(step, scale);
  if (!range) return;
  if (range->offset % sector != 0 || range->length % sector != 0) {
    judge.add(*node, fmt::format("{} is not whole sectors of {} bytes", step.name_of("range"), sector));
  } else if (range->length < pattern.block_size_bytes) {
    judge.add(*node, fmt::format("{} holds {}, less than one block of {}", step.name_of("range"),
                                 format_size(range->length), format_size(pattern.block_size_bytes)));
  } else if (range->offset > disk_bytes || range->length > disk_bytes - range->offset) {
    if (disk.is_size_known)
      judge.add(*node,
                fmt::format("{} ends beyond the disk's {}", step.name_of("range"), format_size(disk_bytes)));
  } else {
    pattern.range = *range;
  }
}

uint64_t blocks_of(Settings& step, const BoundDisk& disk, const Amount& amount,
                   const PatternSettings& pattern, bool at_most_all) {
  const uint64_t blocks = block_count(pattern);
  if (amount.percent) {
    const double share = *amount.percent / 100 * static_cast<double>(blocks);
    return std::max<uint64_t>(1, static_cast<uint64_t>(std::llround(share)));
  }
  const uint64_t count = divide_up(amount.size_bytes, pattern.block_size_bytes);
  if (at_most_all && amount.size_bytes > pattern.range.length) {
    if (disk.is_size_known)
      step.judge().add(
          *step.find("amount"),
          fmt::format("{} is {}, more than the {} it may write to", step.name_of("amount"),
                      format_size(amount.size_bytes), format_size(pattern.range.length)),
          "each block is written at most once; use pattern zipf or sequential to write blocks again");
    return blocks;
  }
  if (count > operations_max)
    step.judge().add(*step.find("amount"), fmt::format("{} comes to {} operations, expected at most {}",
                                                       step.name_of("amount"), count, operations_max));
  return count;
}

}  // namespace vhdlab::scenarios
