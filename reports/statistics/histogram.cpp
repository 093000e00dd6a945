// The slow half of the histogram: merging, percentiles, and the sparse form kept in results.
#include "reports/statistics/histogram.h"

#include <algorithm>
#include <cmath>

namespace vhdlab::reports {

Histogram::Histogram() : counts_(bucket_count, 0) {}

Histogram::Histogram(std::span<const HistogramBucket> buckets) : Histogram() {
  for (const HistogramBucket& bucket : buckets)
    record(bucket.value_ns, bucket.count);
}

void Histogram::merge(const Histogram& other) {
  for (size_t i = 0; i < bucket_count; ++i)
    counts_[i] += other.counts_[i];
  total_ += other.total_;
  sum_ns_ += other.sum_ns_;
  min_ns_ = std::min(min_ns_, other.min_ns_);
  max_ns_ = std::max(max_ns_, other.max_ns_);
}

double Histogram::mean_ns() const {
  return total_ == 0 ? 0 : sum_ns_ / static_cast<double>(total_);
}

uint64_t Histogram::percentile_ns(double percent) const {
  if (total_ == 0) return 0;
  // The tiny step down keeps 99.9 % of 1000 at rank 999, where the product in binary comes out just above
  // 999.
  const double wanted = std::ceil(percent / 100 * static_cast<double>(total_) * (1 - 1e-15));
  const auto rank = static_cast<uint64_t>(std::clamp(wanted, 1.0, static_cast<double>(total_)));
  if (rank == 1) return min_ns_;
  if (rank >= total_) return max_ns_;
  uint64_t seen = 0;
  for (size_t i = 0; i < bucket_count; ++i) {
    seen += counts_[i];
    if (seen >= rank) return std::clamp(middle_of(i), min_ns_, max_ns_);
  }
  return max_ns_;
}

std::vector<HistogramBucket> Histogram::buckets() const {
  std::vector<HistogramBucket> filled;
  for (size_t i = 0; i < bucket_count; ++i) {
    if (counts_[i] != 0) filled.push_back({.value_ns = middle_of(i), .count = counts_[i]});
  }
  return filled;
}

uint64_t Histogram::middle_of(size_t bucket) {
  constexpr size_t per_octave = size_t{1} << octave_bits;
  if (bucket < 2 * per_octave) return bucket;
  const size_t shift = bucket / per_octave - 1;
  const uint64_t lowest = (bucket - shift * per_octave) << shift;
  return lowest + ((uint64_t{1} << shift) - 1) / 2;
}

}  // namespace vhdlab::reports
