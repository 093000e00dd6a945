// The orders of reads; see read_loop.h.
#include "bench/peers/read_loop.h"

#include "scenarios/workload/pattern_stream.h"

namespace vhdlab::peers {
namespace {

class SteppedReads final : public scenarios::OperationStream {
 public:
  SteppedReads(uint64_t blocks, uint64_t step, uint64_t request_bytes)
      : blocks_(blocks), step_(step), request_bytes_(request_bytes) {}

  scenarios::Operation at(uint64_t index) const override {
    return {scenarios::OperationKind::read, index * step_ % blocks_ * request_bytes_, request_bytes_};
  }
  uint64_t length() const override { return scenarios::endless; }
  uint64_t longest_operation_bytes() const override { return request_bytes_; }

 private:
  uint64_t blocks_;
  uint64_t step_;
  uint64_t request_bytes_;
};

}  // namespace

Result<std::unique_ptr<scenarios::OperationStream>> reads_of(const ReadWork& work, uint64_t disk_bytes,
                                                             uint64_t seed) {
  if (work.order == ReadOrder::random) {
    return scenarios::make_pattern_stream({.pattern = scenarios::AccessPattern::random,
                                           .range = {0, disk_bytes},
                                           .block_size_bytes = work.request_bytes},
                                          scenarios::stream_seeds(seed, 1));
  }
  const uint64_t blocks = disk_bytes / work.request_bytes;
  const uint64_t step = work.order == ReadOrder::scattered ? scattered_step(blocks) : 1;
  return std::make_unique<SteppedReads>(blocks, step, work.request_bytes);
}

}  // namespace vhdlab::peers
