// A live merge in virtual time that fails: whoever runs next on the machine meets one at rest.
#include <gtest/gtest.h>

#include "scenarios/targets/merge_virtual.h"
#include "scenarios/workload/pattern_stream.h"
#include "sim/time/event_queue.h"
#include "tests/sim/device/sample_profiles.h"

namespace vhdlab::tests {
namespace {

using namespace scenarios;

constexpr uint32_t file = 1;

// Every operation is one read of the file.
class OneRead final : public OperationPricer {
 public:
  Result<void> price(const Operation& operation, OperationCost& cost) override {
    if (priced_++ == fails_at) return failure(ErrorKind::damaged, "test-pricing", "the operation fails");
    cost.processor = std::chrono::microseconds(2);
    cost.requests = {{sim::RequestKind::read, file, operation.offset_bytes, operation.length_bytes}};
    return {};
  }
  uint64_t fails_at = endless;

 private:
  uint64_t priced_ = 0;
};

// Moves batches of four tasks until one of them fails.
class FailingSide final : public LiveMergeSide {
 public:
  Result<void> close_chain(OperationCost&) override { return {}; }
  Result<void> open_chain(OperationCost&) override { return {}; }
  Result<void> put_on_top(OperationCost&) override { return {}; }
  Result<uint64_t> begin_pass(uint64_t, OperationCost&) override { return 64 * mib; }
  Result<BatchCost> next_batch() override {
    if (batches_++ == fails_at) return failure(ErrorKind::damaged, "test-batch", "the batch fails");
    const OperationCost task{
        .processor = std::chrono::microseconds(50),
        .requests = {{sim::RequestKind::read, file, 0, mib}, {sim::RequestKind::write, file, 8 * mib, mib}}};
    return BatchCost{.planning = {},
                     .tasks = std::vector<OperationCost>(4, task),
                     .threads = 4,
                     .publishing = {},
                     .early_flush = sim::FileRequest{sim::RequestKind::flush, file, 0, 0},
                     .bytes_copied = 4 * mib};
  }
  Result<uint64_t> end_pass(OperationCost&) override { return 0; }
  [[nodiscard]] uint64_t bytes_written() const override { return 0; }
  uint64_t fails_at = endless;

 private:
  uint64_t batches_ = 0;
};

class FailingLiveMerge : public testing::Test {
 protected:
  FailingLiveMerge() : device_(sim::make_device(profile_of("hdd", small_hdd()), events_, 1)) {}

  // The error's name; afterwards nothing may be left to happen.
  std::string run(OneRead& pricer, FailingSide& side, const StopRequested& stop) {
    const auto stream = make_pattern_stream({.pattern = AccessPattern::random,
                                             .range = {0, 64 * mib},
                                             .block_size_bytes = 4 * kib,
                                             .read_percentage = 100,
                                             .operations = std::nullopt},
                                            stream_seeds(7, 1));
    const VirtualMachineRoom room{events_, volume_, *device_, processors_};
    const LiveMergePlan plan;
    const StepProgress no_progress;
    LiveMergeVirtual merge(room, side, plan, no_progress, stop);
    const auto outcome = perform_virtual(room, pricer, **stream, 0, endless, {.queue_depth = 8}, std::nullopt,
                                         1'000'000, {}, stop, &merge);
    return outcome ? "none" : outcome.error().fault;
  }

  sim::EventQueue events_;
  std::unique_ptr<sim::Device> device_;
  sim::Volume volume_{gib};
  sim::ServerPool processors_{2};
};

TEST_F(FailingLiveMerge, LeavesNothingToHappen) {
  // Goal: no event is left for workers and merges that are gone. Method: the merge fails while its batches,
  // a flush and eight reads are in flight; an operation fails beside the merge; the user stops both.
  for (const uint64_t batch : {uint64_t{0}, uint64_t{1}, uint64_t{5}}) {
    OneRead pricer;
    FailingSide side;
    side.fails_at = batch;
    EXPECT_EQ(run(pricer, side, {}), "test-batch");
    EXPECT_TRUE(events_.empty()) << "after batch " << batch;
  }
  OneRead pricer;
  pricer.fails_at = 100;
  FailingSide side;
  EXPECT_EQ(run(pricer, side, {}), "test-pricing");
  EXPECT_TRUE(events_.empty());

  int questions = 0;
  OneRead good_pricer;
  EXPECT_EQ(run(good_pricer, side, [&] { return ++questions == 4; }), "merge-interrupted");
  EXPECT_TRUE(events_.empty());
}

}  // namespace
}  // namespace vhdlab::tests
