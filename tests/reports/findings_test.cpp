// Sentences that say what the numbers carry, and no more.
#include "reports/findings/findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reports/results/metrics.h"
#include "tests/reports/sample_records.h"

namespace vhdlab::reports {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

// A depth sweep whose reads have the given rates at depths 0 and 32.
RunRecord two_depths(std::initializer_list<double> at_base, std::initializer_list<double> at_32) {
  RunRecord record;
  record.seed = 42;
  record.sweep = {{"depth", ""}};
  record.points.resize(2);
  record.points[0].parameters = {{"depth", 0, "0"}};
  record.points[0].measurements = {samples::reads_at(at_base)};
  record.points[1].parameters = {{"depth", 32, "32"}};
  record.points[1].measurements = {samples::reads_at(at_32)};
  return record;
}

TEST(Findings, SayWhatADepthSweepShows) {
  // Goal: the sentence of the issue. Method: a record whose law is 80 us + 0.31 us per layer.
  const auto findings = find_out(samples::read_degradation());
  EXPECT_THAT(
      findings[0],
      AllOf(StartsWith("Random 4 KiB reads keep 84 % (range 83 to 84 %) of their rate at depth 50; each "
                       "layer costs 3"),
            HasSubstr(" ns of median latency (2")));
  EXPECT_THAT(findings[1], StartsWith("Merging 50 layers in one pass moves 1.27 GiB in "));
}

TEST(Findings, ClaimNoLossWhereIntervalsOverlap) {
  // Goal: honesty. Method: rates that overlap.
  const auto findings = find_out(two_depths({1000, 1010, 990, 1005}, {995, 1008, 985, 1001}));
  EXPECT_THAT(
      findings[0],
      StartsWith("Random 4 KiB reads show no change of rate from depth 0 to depth 32 that these repeats can "
                 "prove (between "));
}

TEST(Findings, GiveNoIntervalWithoutWidth) {
  // Goal: "24 to 24 %" says nothing. Method: equal repeats, as the simulator's are.
  EXPECT_THAT(find_out(two_depths({1000, 1000, 1000, 1000}, {700, 700, 700, 700}))[0],
              StartsWith("Random 4 KiB reads keep 70 % of their rate at depth 32"));
}

TEST(Findings, SayThatThereWasNothingToMerge) {
  // Goal: no "merging no layer moves 0 B in 0 ns". Method: a run that was stopped at its first depth, 0.
  RunRecord record = samples::merge_cost();
  record.points.resize(1);
  record.points[0].measurements.resize(1);
  for (Repeat& repeat : record.points[0].measurements[0].repeats)
    repeat.merge = MergeTotals{};
  summarise_measurement(record.points[0].measurements[0]);
  EXPECT_EQ(find_out(record)[0], "There was nothing to merge.");
}

TEST(Findings, SayWhenRepeatsAreTooFew) {
  // Goal: one repeat is a number, not a finding. Method: a single repeat each, far apart.
  EXPECT_EQ(find_out(two_depths({1000}, {700}))[0],
            "Random 4 KiB reads measured 70 % of their rate at depth 32, but the repeats are too few to rule "
            "out chance.");
}

TEST(Findings, SpeakOfNoChanceInVirtualTime) {
  // Goal: the simulator's repeats are copies: one is enough, equal is equal, and a layer's cost is a number.
  // Method: one and three repeats at three depths, one rate that falls and one that stays.
  for (const auto& rates : {std::vector<double>{700}, std::vector<double>{700, 700, 700}}) {
    RunRecord record = two_depths({1000}, {700});
    record.target = "sim";
    for (Point& point : record.points) {
      Measurement& reads = point.measurements[0];
      reads.repeats.resize(rates.size(), reads.repeats[0]);
      summarise_measurement(reads);
    }
    EXPECT_EQ(find_out(record)[0], "Random 4 KiB reads keep 70 % of their rate at depth 32.");
  }
  RunRecord still = two_depths({1000}, {1000});
  still.target = "sim";
  EXPECT_EQ(find_out(still)[0], "Random 4 KiB reads have the same rate at depth 32 as at depth 0.");
  for (const RunRecord& record : {samples::read_degradation("sim"), samples::merge_cost()}) {
    RunRecord simulated = record;
    simulated.target = "sim";
    for (const std::string& sentence : find_out(simulated)) {
      for (const char* word : {"chance", "repeats", "range", "interval", "prove"})
        EXPECT_EQ(sentence.find(word), std::string::npos) << sentence;
    }
  }
}

TEST(Findings, CloseTheClauseOfAMixedLoadBeforeTheVerb) {
  // Goal: "operations, 70 % of them reads, keep", not "reads keep". Method: a mixed load at two depths.
  RunRecord record = two_depths({1000}, {700});
  record.target = "sim";
  for (Point& point : record.points) {
    Measurement& load = point.measurements[0];
    load.kind = MeasurementKind::mixed;
    load.workload.read_share = 0.7;
  }
  EXPECT_THAT(find_out(record)[0], HasSubstr("70 % of them reads, keep 70 % of their rate"));
}

TEST(Findings, TellTheFirstCurvesOfManyAndPassOverTheRest) {
  // Goal: three curves are told, not three and the fifth. Method: five devices at two depths.
  RunRecord record;
  record.seed = 42;
  record.sweep = {{"device", ""}, {"depth", ""}};
  for (const char* device : {"a", "b", "c", "d", "e"}) {
    for (const int depth : {0, 32}) {
      Point& point = record.points.emplace_back();
      point.parameters = {{"device", {}, device},
                          {"depth", static_cast<double>(depth), std::to_string(depth)}};
      point.measurements = {samples::reads_at({1000.0 - depth})};
    }
  }
  const auto findings = find_out(record);
  ASSERT_EQ(findings.size(), 3U);
  EXPECT_THAT(findings.back(), StartsWith("Device c: "));
}

TEST(Findings, NameTheStepsOfARunThatDoTheSame) {
  // Goal: a reader can tell what was measured before a merge from what was after. Method: the same load
  // twice.
  RunRecord record = two_depths({1000}, {700});
  for (Point& point : record.points) {
    point.measurements.push_back(point.measurements[0]);
    point.measurements[0].name = "before";
    point.measurements[1].name = "after";
  }
  const auto findings = find_out(record);
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_THAT(findings[0], StartsWith("Before: random 4 KiB reads "));
  EXPECT_THAT(findings[1], StartsWith("After: random 4 KiB reads "));
}

TEST(Findings, TellHowLongOperationsTakeThatComeFromOutside) {
  // Goal: who lets 8000 a second arrive is not told that 8000 a second were answered. Method: arrivals at two
  // rates, with known latencies.
  RunRecord record;
  record.seed = 42;
  record.sweep = {{"rate", "1/s"}};
  for (const double rate : {3000.0, 8000.0}) {
    Point& point = record.points.emplace_back();
    point.parameters = {{"rate", rate, rate < 4000 ? "3000/s" : "8000/s"}};
    point.measurements = {samples::reads_at({rate})};
    point.measurements[0].workload.arrivals_per_s = rate;
    Histogram latency;
    for (int i = 0; i < 1000; ++i)
      latency.record(static_cast<uint64_t>(rate * 100));
    point.measurements[0].repeats[0].all.latency = latency_of(latency);
    summarise_measurement(point.measurements[0]);
  }
  EXPECT_THAT(find_out(record)[0],
              StartsWith("At rate 8000/s, half of the random 4 KiB reads finish within "));
}

TEST(Findings, CompareTheWaysToMerge) {
  // Goal: the second sentence of the issue. Method: pair by pair costs 7.2 times as much by construction.
  EXPECT_THAT(find_out(samples::merge_cost())[0],
              AllOf(StartsWith("Merging 16 layers in one pass moves 1.94 GiB in 1.3"),
                    HasSubstr("; pair by pair, newest first, costs 7."), HasSubstr(" times as much (range "),
                    HasSubstr(" and writes 7.20 times the bytes.")));
}

TEST(Findings, KeepTheBytesOfAWayToMergeApartFromTheDoubtAboutItsTime) {
  // Goal: bytes are counted, chance has no part in them. Method: one repeat of each way.
  RunRecord record = samples::merge_cost();
  for (Point& point : record.points) {
    for (Measurement& merge : point.measurements) {
      merge.repeats.resize(1);
      summarise_measurement(merge);
    }
  }
  EXPECT_THAT(find_out(record)[0], HasSubstr("too few to rule out chance, and writes "));
}

TEST(Findings, TellWhereALiveMergeEndsAndWhereItCannot) {
  // Goal: both answers in one sentence. Method: one point of each.
  EXPECT_EQ(
      find_out(samples::live_merge())[0],
      "At writes 256/s, the live merge takes 10.5 s (expected 16 s) and holds I/O up for 40 ms in all, at "
      "most 20 ms at a time; at writes 640/s, the live merge cannot finish: the guest writes 40 MiB/s, the "
      "merge copies 32 MiB/s.");
}

TEST(Findings, StateASinglePointPlainly) {
  // Goal: no comparison where there is nothing to compare. Method: one point, one repeat.
  EXPECT_THAT(find_out(samples::single_point())[0],
              StartsWith("Random 4 KiB operations, 70 % of them reads, queue depth 16, direct: 160,000 "
                         "operations per second, "));
}

TEST(Findings, NameBothEndsWhereTheAxisHasNoZero) {
  // Goal: a share of what. Method: a sweep over names.
  EXPECT_THAT(find_out(samples::walk_or_index())[0],
              AllOf(StartsWith("At resolve index, random 4 KiB reads reach 148 % ("),
                    HasSubstr(" of their rate at resolve walk.")));
}

TEST(Findings, TellWhatOperationsOnCheckpointsCostAndLeave) {
  // Goal: cost, what is still to do, and losses nobody foresaw. Method: the last point of each step.
  const auto findings = find_out(samples::machine_history());
  ASSERT_EQ(findings.size(), 4U);
  EXPECT_EQ(findings[0], "At depth 8, taking a checkpoint takes 12 ms and writes 2.93 KiB.");
  EXPECT_EQ(
      findings[1],
      "At depth 8, deleting the oldest checkpoint takes 12 ms and writes 2.93 KiB, and leaves 1 file with "
      "84 MiB to be merged.");
  EXPECT_EQ(
      findings[3],
      "At depth 8, with 9 files damaged in turn, the worst takes 9 of 9 restore points with it, and 1 of "
      "the outcomes WERE NOT FORESEEN.");
}

TEST(Findings, BeginWithWrongData) {
  // Goal: nothing is more important. Method: a record with a wrong sector and a missed expectation.
  RunRecord record = samples::read_degradation();
  record.verification = {.sectors_checked = 4096, .sectors_wrong = 3, .first_wrong = "sector 77 holds zeros"};
  record.expectations[0].met = false;
  const auto findings = find_out(record);
  EXPECT_EQ(findings.front(),
            "WRONG DATA: 3 of 4096 sectors read back differ from what was written; sector 77 holds zeros.");
  EXPECT_THAT(findings.back(), StartsWith("1 of 1 expectations is not met: reads.iops at depth=16"));
}

TEST(Findings, AreThereForAnEmptyRecord) {
  // Goal: never empty. Method: nothing at all.
  EXPECT_EQ(find_out(RunRecord{}), std::vector<std::string>{"The run measured nothing."});
}

}  // namespace
}  // namespace vhdlab::reports
