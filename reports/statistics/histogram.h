// A histogram of latencies: fixed memory, one increment per sample, and percentiles within 0.4 % of the
// truth.
//
//   value (ns)   0 ........ 255 | 256 ...... 511 | 512 ...... 1023 | ... | 2^47 ...... 2^48 - 1 (78 hours)
//   buckets      one per value  | 128 of width 2 | 128 of width 4  |     | 128 of width 2^40
//
// A bucket is never wider than 1/128 of its lowest value, and answers are a bucket's middle: the error is
// below 0.4 %.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vhdlab::reports {

// `count` samples whose value was about `value_ns` (the middle of their bucket, within 0.4 %).
struct HistogramBucket {
  uint64_t value_ns = 0;
  uint64_t count = 0;
  friend bool operator==(const HistogramBucket&, const HistogramBucket&) = default;
};

// Not safe for concurrent use, and need not be: give each worker its own and merge() them at the end. All
// memory (42 KiB) is taken by the constructor; record() neither allocates nor locks.
class Histogram {
 public:
  static constexpr uint64_t value_ns_max = (uint64_t{1} << 48) - 1;  // larger values count as this one

  Histogram();

  // From buckets() of another histogram. Minimum, maximum and mean are those of the buckets' middles.
  explicit Histogram(std::span<const HistogramBucket> buckets);

  void record(uint64_t value_ns, uint64_t count = 1) {
    if (value_ns > value_ns_max) value_ns = value_ns_max;
    counts_[bucket_of(value_ns)] += count;
    total_ += count;
    sum_ns_ += static_cast<double>(value_ns) * static_cast<double>(count);
    if (count != 0 && value_ns < min_ns_) min_ns_ = value_ns;
    if (count != 0 && value_ns > max_ns_) max_ns_ = value_ns;
  }

  // Afterwards this holds the samples of both, exactly as if it had recorded all of them.
  void merge(const Histogram& other);

  [[nodiscard]] uint64_t count() const { return total_; }
  [[nodiscard]] uint64_t min_ns() const { return total_ == 0 ? 0 : min_ns_; }  // exact; 0 when empty
  [[nodiscard]] uint64_t max_ns() const { return max_ns_; }                    // exact; 0 when empty
  [[nodiscard]] double mean_ns() const;  // exact up to rounding; 0 when empty

  // The nearest-rank percentile: of n samples in ascending order, the one at rank ceil(percent / 100 * n), at
  // least rank 1; within 0.4 % of that sample, and exact at ranks 1 and n. `percent` is 0..100. 0 when empty.
  [[nodiscard]] uint64_t percentile_ns(double percent) const;

  // The buckets that hold samples, in ascending order.
  [[nodiscard]] std::vector<HistogramBucket> buckets() const;

 private:
  static constexpr unsigned octave_bits = 7;  // 128 buckets for each doubling
  static constexpr unsigned value_bits = 48;
  static constexpr size_t bucket_count = size_t{value_bits - octave_bits + 1} << octave_bits;

  static size_t bucket_of(uint64_t value_ns) {
    const auto bits = static_cast<unsigned>(std::bit_width(value_ns));
    const unsigned shift = bits > octave_bits + 1 ? bits - octave_bits - 1 : 0;
    return (size_t{shift} << octave_bits) + (value_ns >> shift);
  }
  static uint64_t middle_of(size_t bucket);

  std::vector<uint64_t> counts_;
  uint64_t total_ = 0;
  uint64_t min_ns_ = UINT64_MAX;
  uint64_t max_ns_ = 0;
  double sum_ns_ = 0;
};

}  // namespace vhdlab::reports
