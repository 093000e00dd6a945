// The runner's column, told from outside by a target that only takes notes.
#include "scenarios/runner/run_scenario.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reports/results/metrics.h"
#include "scenarios/language/parse.h"

namespace vhdlab::tests {
namespace {

using namespace vhdlab::scenarios;
using testing::ElementsAre;

// Writes down each call by name; reads take as many nanoseconds as the chain has layers, so that expectations
// have something to go by.
class NotebookTarget final : public Target {
 public:
  std::vector<std::string> calls;
  uint64_t wrong_sectors = 0;
  std::optional<Error> perform_failure;
  uint64_t performs_before_failure = 0;

  std::string_view name() const override { return "notebook"; }
  Result<void> create_base(const DiskSettings&, uint64_t) override {
    calls.emplace_back("create");
    depth_ = 0;
    return {};
  }
  Result<void> take_checkpoint() override {
    calls.emplace_back("checkpoint");
    ++depth_;
    return {};
  }
  Result<void> create_machine(const DiskSettings&, uint64_t) override {
    calls.emplace_back("create machine");
    return {};
  }
  Result<CheckpointMeasurement> act_on_checkpoint(CheckpointAction action,
                                                  const std::string& checkpoint) override {
    constexpr const char* words[] = {"take ", "apply ", "delete ", "delete from "};
    calls.push_back(words[static_cast<size_t>(action)] + checkpoint);
    CheckpointMeasurement measured{.duration_s = 0.25};
    measured.totals.pending_bytes = 7;
    return measured;
  }
  Result<PendingMergeMeasurement> merge_pending(const StepProgress&, const StopRequested&) override {
    calls.emplace_back("merge pending");
    PendingMergeMeasurement measured;
    measured.merge.totals.passes = 2;
    return measured;
  }
  Result<DamageMeasurement> damage_each_file(DamageKind, uint64_t, const StepProgress&,
                                             const StopRequested&) override {
    calls.emplace_back("damage");
    DamageMeasurement measured;
    measured.totals.files = {{.file = "base.vhdx", .lost = {"Now"}, .unforeseen = unforeseen}};
    return measured;
  }
  Result<void> write(const OperationStream& stream, uint32_t, const StepProgress&,
                     const StopRequested&) override {
    calls.emplace_back("write");
    first_written_offset = stream.at(0).offset_bytes;
    return {};
  }
  Result<PerformOutcome> perform(const OperationStream& stream, const PerformSettings&, const StepProgress&,
                                 const StopRequested&) override {
    calls.emplace_back("perform");
    if (perform_failure && performs_before_failure-- == 0) return std::unexpected(*perform_failure);
    first_operation_offsets.push_back(stream.at(0).offset_bytes);
    PerformOutcome outcome;
    outcome.duration_s = 0.001 * (depth_ + 1);
    outcome.all.operations = outcome.reads.operations = 1000;
    return outcome;
  }
  Result<MergeMeasurement> merge(uint32_t, uint32_t, MergeOrder, const StepProgress&,
                                 const StopRequested&) override {
    calls.emplace_back("merge");
    depth_ = 0;
    return MergeMeasurement{};
  }
  Result<LiveMergeMeasurement> live_merge(const LiveMergeRequest& request, const OperationStream& stream,
                                          const PerformSettings& settings, const StepProgress&,
                                          const StopRequested&) override {
    calls.emplace_back("live_merge");
    depth_ = 0;
    live_request = request;
    live_arrivals_per_s = settings.arrivals_per_s;
    LiveMergeMeasurement measured;
    measured.merge.duration_s = 2;
    measured.merge.totals.bytes_moved = 100;
    measured.live = {.finished = false, .explanation = "cannot finish: why"};
    measured.workload.duration_s = 3;
    measured.workload.all.operations = stream.length() == endless ? 50 : 0;
    return measured;
  }
  Result<std::vector<reports::LayerState>> layers() override {
    return std::vector<reports::LayerState>(depth_ + 1);
  }
  Result<reports::Verification> verify(uint64_t) override {
    calls.emplace_back("verify");
    return reports::Verification{100, wrong_sectors, wrong_sectors > 0 ? "sector at 0x200" : ""};
  }
  Result<void> discard() override {
    calls.emplace_back("discard");
    return {};
  }
  std::vector<reports::Note> notes() const override { return {}; }

  uint64_t first_written_offset = 0;
  std::vector<std::string> unforeseen;
  std::vector<uint64_t> first_operation_offsets;
  LiveMergeRequest live_request;
  std::optional<double> live_arrivals_per_s;

 private:
  uint32_t depth_ = 0;
};

Scenario scenario_of(std::string_view sweep, std::string_view measure, std::string_view expect = "") {
  const std::string text =
      "# How?\nname: test\nseed: 1\nrepeat: 2\ndisk: { format: vhdx, size: 16MiB, block_size: 1MiB }\n" +
      std::string(sweep) +
      "setup:\n  - create: base\n  - repeat: $depth\n    steps: [checkpoint, write: { pattern: random, "
      "block_size: 64KiB, amount: 10% }]\nmeasure:\n" +
      std::string(measure) + std::string(expect);
  auto scenario = parse_scenario(text, "test.yaml");
  if (!scenario) ADD_FAILURE() << render_findings(scenario.error());
  return scenario ? *std::move(scenario) : Scenario{};
}

constexpr std::string_view one_depth = "sweep: { depth: [1] }\n";
constexpr std::string_view two_depths = "sweep: { depth: [0, 3] }\n";
constexpr std::string_view reads =
    "  - read: { name: reads, pattern: random, block_size: 4KiB, duration: 1s }\n";
constexpr std::string_view merges = "  - merge: { name: merge, range: all }\n";

RunOutcome run(const Scenario& scenario, Target& target, RunOptions options = {}) {
  SilentProgress progress;
  return run_scenario(scenario, target, options, progress, [] { return false; });
}

TEST(RunScenario, BuildsTheDiskOnceWhereRepeatsOnlyRead) {
  // Goal: no setup is paid for twice. Method: two repeats of a read.
  NotebookTarget target;
  EXPECT_FALSE(run(scenario_of(one_depth, reads), target).failure);
  EXPECT_THAT(target.calls,
              ElementsAre("create", "checkpoint", "write", "perform", "perform", "verify", "discard"));
}

TEST(RunScenario, RecordsALiveMergeWithWhatItsWorkloadDid) {
  // Goal: what was asked reaches the target, and rates count over the merge's time. Method: one step under
  // arrivals.
  NotebookTarget target;
  const RunOutcome outcome = run(
      scenario_of(two_depths,
                  "  - live_merge: { name: merge, rate_limit: 1MiB/s, pause_below: 64KiB, under: { write: { "
                  "arrivals: { rate: 80/s } } } }\n"),
      target);
  ASSERT_FALSE(outcome.failure);
  EXPECT_EQ(target.live_request.first_layer, 1U);
  EXPECT_EQ(target.live_request.last_layer, 3U);
  EXPECT_EQ(target.live_request.rate_limit_bytes_per_s, 1U << 20);
  EXPECT_EQ(target.live_request.limits.pause_bytes_max, 64U << 10);
  EXPECT_EQ(target.live_arrivals_per_s, 80);
  const reports::Measurement& nothing = outcome.record.points[0].measurements[0];
  EXPECT_TRUE(nothing.repeats[0].live->finished) << "there was nothing to merge at depth 0";
  const reports::Measurement& merge = outcome.record.points[1].measurements[0];
  EXPECT_EQ(merge.kind, reports::MeasurementKind::live_merge);
  EXPECT_EQ(merge.workload.under, "write");
  EXPECT_EQ(merge.workload.merge_range, "all");
  EXPECT_DOUBLE_EQ(reports::find_summary(merge, "iops")->median, 25);
  EXPECT_DOUBLE_EQ(reports::find_summary(merge, "finished")->median, 0);
  EXPECT_EQ(merge.repeats[0].live->explanation, "cannot finish: why");
}

TEST(RunScenario, BuildsTheDiskAgainAfterAMerge) {
  // Goal: every repeat meets the same disk. Method: two repeats of read and merge; the second builds anew,
  // verified before.
  NotebookTarget target;
  EXPECT_FALSE(run(scenario_of(one_depth, std::string(reads) + std::string(merges)), target).failure);
  EXPECT_THAT(target.calls,
              ElementsAre("create", "checkpoint", "write", "perform", "merge", "verify",  //
                          "create", "checkpoint", "write", "perform", "merge", "verify", "discard"));
}

TEST(RunScenario, TakesEveryPointInTurnBeforeTheNextRepeat) {
  // Goal: a drift of the machine is no effect of the sweep. Method: two points, two repeats; the depths built
  // in turn.
  NotebookTarget target;
  EXPECT_FALSE(run(scenario_of("sweep: { depth: [0, 1] }\n", reads), target).failure);
  EXPECT_THAT(target.calls, ElementsAre("create", "perform", "verify", "create", "checkpoint", "write",
                                        "perform", "verify", "create", "perform", "verify", "create",
                                        "checkpoint", "write", "perform", "verify", "discard"));
}

constexpr std::string_view operations =
    "  - delete: { checkpoint: oldest }\n  - merge: { range: pending }\n  - apply: { checkpoint: newest }\n";

TEST(RunScenario, ActsOnTheCheckpointsThatReferencesMean) {
  // Goal: a word means the checkpoint that is there when its step begins, in every repeat anew. Method: two
  // taken, the oldest deleted, what it left merged, the newest applied, twice.
  NotebookTarget target;
  const RunOutcome outcome = run(scenario_of("sweep: { depth: [2] }\n", operations), target);
  EXPECT_FALSE(outcome.failure);
  const std::vector<std::string> once = {
      "create machine", "take checkpoint 1",  "write", "take checkpoint 2", "write", "delete checkpoint 1",
      "merge pending",  "apply checkpoint 2", "verify"};
  std::vector<std::string> twice = once;
  twice.insert(twice.end(), once.begin(), once.end());
  twice.emplace_back("discard");
  EXPECT_EQ(target.calls, twice);
  const reports::Point& point = outcome.record.points.at(0);
  EXPECT_EQ(reports::find_summary(point.measurements[0], "pending_bytes")->median, 7);
  EXPECT_EQ(reports::find_summary(point.measurements[0], "duration_s")->median, 0.25);
  EXPECT_EQ(reports::find_summary(point.measurements[1], "passes")->median, 2);
  EXPECT_EQ(point.measurements[2].workload.description, "applying the newest checkpoint");
}

TEST(RunScenario, FailsWhereALossWasNotForeseenAndKeepsTheTable) {
  // Goal: "a mismatch fails the run", and the reader sees it. Method: a target that is surprised.
  NotebookTarget target;
  target.unforeseen = {"Now: lost, not foreseen: it is broken"};
  const RunOutcome outcome = run(scenario_of(one_depth, "  - damage: { each: file }\n"), target);
  ASSERT_TRUE(outcome.failure);
  EXPECT_EQ(outcome.failure->fault, "damage-unforeseen");
  EXPECT_NE(outcome.failure->message.find("with base.vhdx damaged, Now: lost"), std::string::npos);
  ASSERT_EQ(outcome.record.points.size(), 1U);
  EXPECT_EQ(outcome.record.points[0].measurements[0].repeats.size(), 1U);
}

TEST(RunScenario, DamagesTheSameDiskInEveryRepeat) {
  // Goal: copies are damaged, so nothing need be built anew. Method: two repeats.
  NotebookTarget target;
  EXPECT_FALSE(run(scenario_of(one_depth, "  - damage: { each: file }\n"), target).failure);
  EXPECT_THAT(target.calls, ElementsAre("create machine", "take checkpoint 1", "write", "damage", "damage",
                                        "verify", "discard"));
}

TEST(RunScenario, KeepsTheRepeatsMeasuredBeforeAFailure) {
  // Goal: an interrupted sweep is still an answer. Method: stop in the second repeat of the second point.
  NotebookTarget target;
  target.performs_before_failure = 3;
  target.perform_failure = Error{ErrorKind::interrupted, "perform-interrupted", "stopped on request", ""};
  const RunOutcome outcome = run(scenario_of(two_depths, reads), target);
  ASSERT_TRUE(outcome.failure);
  EXPECT_FALSE(outcome.record.complete);
  ASSERT_EQ(outcome.record.points.size(), 2U);
  EXPECT_EQ(outcome.record.points[0].measurements[0].repeats.size(), 2U);
  EXPECT_EQ(outcome.record.points[1].measurements[0].repeats.size(), 1U);
}

TEST(RunScenario, DrawsTheSameOperationsInEveryRepeatAndAtEveryPoint) {
  // Goal: curves compare like with like. Method: the first operation of the reads at depths 0 and 3, twice
  // each.
  NotebookTarget target;
  EXPECT_FALSE(run(scenario_of(two_depths, reads), target).failure);
  ASSERT_EQ(target.first_operation_offsets.size(), 4U);
  for (uint64_t offset : target.first_operation_offsets)
    EXPECT_EQ(offset, target.first_operation_offsets.front());
}

TEST(RunScenario, FailsOnOneWrongSectorAndKeepsWhatItHad) {
  // Goal: a wrong byte is never reported as a result. Method: a target whose verification finds one.
  NotebookTarget target;
  target.wrong_sectors = 1;
  const RunOutcome outcome = run(scenario_of(two_depths, reads), target);
  ASSERT_TRUE(outcome.failure);
  EXPECT_EQ(outcome.failure->fault, "verify-wrong-data");
  EXPECT_FALSE(outcome.record.complete);
  EXPECT_EQ(outcome.record.verification.sectors_wrong, 1U);
  EXPECT_EQ(outcome.record.points.size(), 1U);
}

TEST(RunScenario, PassesOnAFailureOfTheTarget) {
  // Goal: the target's own words reach the user. Method: a full disk in the first measured step.
  NotebookTarget target;
  target.perform_failure = Error{ErrorKind::no_space, "file-no-space", "disk full", ""};
  const RunOutcome outcome = run(scenario_of(one_depth, reads), target);
  ASSERT_TRUE(outcome.failure);
  EXPECT_EQ(outcome.failure->fault, "file-no-space");
}

TEST(RunScenario, RefusesToStartWhereTheSpaceCannotSuffice) {
  // Goal: a full disk is foreseen. Method: one byte less than the scenario's own sum.
  NotebookTarget target;
  const Scenario scenario = scenario_of(one_depth, reads);
  RunOptions options;
  options.space_available_bytes = space_needed_bytes(scenario) - 1;
  const RunOutcome outcome = run(scenario, target, options);
  ASSERT_TRUE(outcome.failure);
  EXPECT_EQ(outcome.failure->fault, "run-no-space");
  EXPECT_TRUE(target.calls.empty());
}

TEST(RunScenario, JudgesExpectationsAgainstTheirBaseline) {
  // Goal: "at least 40 % of depth 0" compares medians. Method: rates of 1 to 1/4 between depths 0 and 3, by
  // the target.
  NotebookTarget target;
  const Scenario scenario =
      scenario_of(two_depths, reads,
                  "expect:\n"
                  "  - { metric: reads.iops, at: { depth: 3 }, relative_to: { depth: 0 }, at_least: 40% }\n"
                  "  - { metric: reads.iops, at: { depth: 3 }, relative_to: { depth: 0 }, at_least: 20% }\n");
  const RunOutcome outcome = run(scenario, target);
  ASSERT_FALSE(outcome.failure);
  ASSERT_EQ(outcome.record.expectations.size(), 2U);
  EXPECT_FALSE(outcome.record.expectations[0].met);
  EXPECT_TRUE(outcome.record.expectations[1].met);
  EXPECT_NEAR(*outcome.record.expectations[0].observed, 0.25, 1e-9);
}

}  // namespace
}  // namespace vhdlab::tests
