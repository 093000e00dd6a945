// Arrival times in blocks: each block's intervals come from a stream of its own, so that a time in the middle
// is found again without walking from the first one; see arrivals.h.
#include "scenarios/workload/arrivals.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <vector>

#include "engine/base/random.h"
#include "sim/time/random_stream.h"

namespace vhdlab::scenarios {
namespace {

constexpr uint64_t block_length = 1024;

class ArrivalStream final : public OperationStream {
 public:
  ArrivalStream(std::unique_ptr<OperationStream> operations, double per_second, uint64_t seed)
      : operations_(std::move(operations)), mean_(std::llround(1e9 / per_second)), seed_(seed) {}

  Operation at(uint64_t index) const override { return operations_->at(index); }
  uint64_t length() const override { return operations_->length(); }
  uint64_t longest_operation_bytes() const override { return operations_->longest_operation_bytes(); }

  Nanoseconds issued_at(uint64_t index) const override {
    const std::lock_guard lock(mutex_);
    const bool is_past = index + 1 < walk_.next;
    const bool is_blocks_ahead = index / block_length > walk_.next / block_length;
    if (!block_begin_.empty() && (is_past || is_blocks_ahead))
      begin_block(std::min<uint64_t>(index / block_length, block_begin_.size() - 1));
    while (walk_.next <= index)
      step();
    return walk_.time;
  }

 private:
  // How far the intervals have been added up.
  struct Walk {
    sim::RandomStream intervals;
    uint64_t next = 0;    // the number whose interval is drawn next
    Nanoseconds time{0};  // of the number before
  };

  void begin_block(uint64_t block) const {
    walk_.next = block * block_length;
    walk_.time = block_begin_[block];
  }

  void step() const {
    if (walk_.next % block_length == 0) {
      walk_.intervals = intervals_of(walk_.next / block_length);
      if (walk_.next == block_begin_.size() * block_length) block_begin_.push_back(walk_.time);
    }
    walk_.time += walk_.intervals.exponential(mean_);
    ++walk_.next;
  }

  [[nodiscard]] sim::RandomStream intervals_of(uint64_t block) const {
    return {mix64(seed_ + block), "arrivals"};
  }

  std::unique_ptr<OperationStream> operations_;
  Nanoseconds mean_;
  uint64_t seed_;
  mutable std::mutex mutex_;
  mutable Walk walk_{intervals_of(0)};
  mutable std::vector<Nanoseconds> block_begin_;  // of the blocks met: the time before the first arrival
};

}  // namespace

std::unique_ptr<OperationStream> with_arrivals(std::unique_ptr<OperationStream> operations, double per_second,
                                               uint64_t seed) {
  return std::make_unique<ArrivalStream>(std::move(operations), per_second, seed);
}

}  // namespace vhdlab::scenarios
