// From text to Scenario: what each word comes to, and that every mistake of a file is found at its place.
#include "scenarios/language/parse.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace vhdlab::scenarios {
namespace {

const std::string head = "name: t\ndisk: { size: 64MiB, block_size: 1MiB }\n";
const std::string setup = "setup: [ { create: base } ]\n";
const std::string measure = "measure: [ { read: { name: reads } } ]\n";

Scenario parsed(const std::string& text, const ParseOptions& options = {}) {
  auto scenario = parse_scenario(text, "folder/t.yaml", options);
  if (!scenario) {
    ADD_FAILURE() << text << render_findings(scenario.error());
    return {};
  }
  return std::move(*scenario);
}

// "line:column message" of each finding.
std::vector<std::string> findings_of(const std::string& text) {
  std::vector<std::string> result;
  const auto scenario = parse_scenario(text, "t.yaml");
  if (scenario) return result;
  for (const Finding& f : scenario.error())
    result.push_back(std::to_string(f.line) + ":" + std::to_string(f.column) + " " + f.message);
  return result;
}

// The only finding's message; the scenario must have exactly one.
std::string finding_of(const std::string& text) {
  const auto all = findings_of(text);
  EXPECT_EQ(all.size(), 1U) << text << testing::PrintToString(all);
  return all.empty() ? "" : all[0].substr(all[0].find(' ') + 1);
}

TEST(ParseScenario, FillsInEveryDefault) {
  // Goal: the documented defaults. Method: the smallest scenario.
  const Scenario scenario = parsed("name: t\ndisk: { size: 64MiB }\n" + setup + measure);
  EXPECT_EQ(scenario.seed, 1U);
  EXPECT_EQ(scenario.repeat, 1U);
  ASSERT_EQ(scenario.points.size(), 1U);
  const ScenarioPoint& point = scenario.points[0];
  EXPECT_EQ(point.disk, (DiskSettings{DiskType::dynamic, 64 * mib, 32 * mib, 512, 4096}));
  const auto& reads = std::get<MeasuredWorkload>(point.measure.at(0));
  EXPECT_EQ(reads.name, "reads");
  EXPECT_EQ(reads.pattern.pattern, AccessPattern::random);
  EXPECT_EQ(reads.pattern.block_size_bytes, 4096U);
  EXPECT_EQ(reads.pattern.range, (ByteRange{0, 64 * mib}));
  EXPECT_FALSE(reads.pattern.each_block_once);
  EXPECT_FALSE(reads.pattern.operations.has_value());
  EXPECT_EQ(reads.queue_depth, 1U);
  EXPECT_FALSE(reads.direct);
  EXPECT_EQ(reads.warm_up, Nanoseconds(0));
  EXPECT_EQ(reads.duration, std::chrono::seconds(3));
}

TEST(ParseScenario, SweepsTheProductInFileOrder) {
  // Goal: several variables give every combination, the first slowest, with numbers for an axis. Method: 2 x
  // 2 points.
  const Scenario scenario =
      parsed(head +
             "sweep:\n  bs: [4KiB, 64KiB]\n  share: [1%, 5%]\nsetup:\n  - create: base\n"
             "  - write: { amount: $share }\nmeasure:\n  - read: { name: reads, block_size: $bs }\n");
  std::vector<std::string> points;
  for (const ScenarioPoint& point : scenario.points)
    points.push_back(describe_point(scenario, point));
  EXPECT_EQ(points, (std::vector<std::string>{"bs=4KiB, share=1%", "bs=4KiB, share=5%", "bs=64KiB, share=1%",
                                              "bs=64KiB, share=5%"}));
  EXPECT_EQ(scenario.sweep[0].unit, "B");
  EXPECT_EQ(scenario.sweep[0].values[1].number, 65536.0);
  EXPECT_EQ(scenario.sweep[1].unit, "%");
  EXPECT_EQ(scenario.points[3].values[1].number, 5.0);
  EXPECT_EQ(std::get<MeasuredWorkload>(scenario.points[2].measure[0]).pattern.block_size_bytes, 65536U);
}

TEST(ParseScenario, TurnsAmountsIntoBlocks) {
  // Goal: percent to the nearest block, sizes up, at least one. Method: 1024 blocks of 64 KiB.
  const auto operations = [](const std::string& amount) {
    const Scenario scenario =
        parsed(head + "setup:\n  - create: base\n  - write: { amount: " + amount + " }\n" + measure);
    return std::get<SetupWrite>(scenario.points.at(0).setup.at(1).action).pattern.operations.value();
  };
  EXPECT_EQ(operations("2%"), 20U);
  EXPECT_EQ(operations("100%"), 1024U);
  EXPECT_EQ(operations("0.0001%"), 1U);
  EXPECT_EQ(operations("65KiB"), 2U);
}

TEST(ParseScenario, UnrollsNestedRepeats) {
  // Goal: repeats multiply, checkpoints count as depth. Method: 3 x (checkpoint + 2 writes).
  const Scenario scenario = parsed(head +
                                   "setup:\n  - create: base\n  - repeat: 3\n    steps:\n      - checkpoint\n"
                                   "      - repeat: 2\n        steps: [ { write: { amount: 1% } } ]\n" +
                                   measure);
  EXPECT_EQ(flat_setup(scenario.points[0]).size(), 10U);
  EXPECT_EQ(scenario.points[0].chain_depth, 3U);
}

TEST(ParseScenario, ResolvesMergeRangesAgainstTheDepth) {
  // Goal: all, leaf, from-to as layers. Method: a chain of 4.
  const std::string deep = "setup:\n  - create: base\n  - { repeat: 4, steps: [checkpoint] }\n";
  const auto layers = [&](const std::string& range) {
    const Scenario scenario = parsed(head + deep + "measure: [ { merge: { range: " + range + " } } ]\n");
    const auto& merge = std::get<MeasuredMerge>(scenario.points.at(0).measure.at(0));
    return std::pair(merge.first_layer, merge.last_layer);
  };
  EXPECT_EQ(layers("all"), std::pair(1U, 4U));
  EXPECT_EQ(layers("leaf"), std::pair(4U, 4U));
  EXPECT_EQ(layers("{ from: 2, to: 3 }"), std::pair(2U, 3U));
  EXPECT_EQ(finding_of(head + deep + "measure: [ { merge: { range: { from: 2, to: 5 } } } ]\n"),
            "the range ends at layer 5, but the setup takes 4 checkpoints");
}

TEST(ParseScenario, ResolvesExpectationsToPoints) {
  // Goal: relative and absolute limits name their points and units. Method: a sweep of three.
  const Scenario scenario = parsed(
      head +
      "sweep: { depth: [0, 4, 16] }\nsetup:\n  - create: base\n  - { repeat: $depth, steps: [checkpoint] "
      "}\n" +
      measure +
      "expect:\n  - { metric: reads.iops, at: { depth: 16 }, relative_to: { depth: 0 }, at_least: 40% }\n"
      "  - { metric: reads.latency_ns_p99, at_most: 2ms }\n  - { metric: reads.iops, relative_to: { depth: 0 "
      "}, at_most: 110% }\n");
  ASSERT_EQ(scenario.expectations.size(), 3U);
  const Expectation& relative = scenario.expectations[0];
  EXPECT_EQ(relative.text, "reads.iops at depth=16 is at least 40% of depth=0");
  EXPECT_DOUBLE_EQ(relative.limit, 0.4);
  ASSERT_EQ(relative.comparisons.size(), 1U);
  EXPECT_EQ(relative.comparisons[0].point, 2U);
  EXPECT_EQ(relative.comparisons[0].baseline, 0U);
  EXPECT_EQ(scenario.expectations[1].limit, 2e6);
  EXPECT_EQ(scenario.expectations[1].unit, "ns");
  EXPECT_EQ(scenario.expectations[1].comparisons.size(), 3U);
  EXPECT_EQ(scenario.expectations[2].comparisons.size(), 2U) << "the baseline is not compared with itself";
}

TEST(ParseScenario, CountsTracePathsFromTheScenariosFolder) {
  // Goal: a path in the file is beside the file; an absolute one stays. Method: both.
  const auto path = [](const std::string& trace) {
    const Scenario scenario = parsed(head + setup + "measure: [ { replay: { trace: " + trace + " } } ]\n");
    return std::get<MeasuredReplay>(scenario.points.at(0).measure.at(0)).trace_path;
  };
  EXPECT_EQ(path("w.csv"), "folder/w.csv");
  EXPECT_EQ(path("/data/w.csv"), "/data/w.csv");
}

TEST(ParseScenario, TakesArrivalsAndTheTargetTheyAreFor) {
  // Goal: rates are numbers of a sweep, and a profile's path counts from the file's folder. Method: both,
  // swept.
  const Scenario scenario =
      parsed(head + setup +
             "target: sim\nsim: { device: devices/slow.yaml }\nsweep: { rate: [0.5/s, 500/s] }\n"
             "measure: [ { read: { name: reads, arrivals: { rate: $rate } } } ]\n");
  EXPECT_EQ(scenario.target, TargetKind::sim);
  ASSERT_EQ(scenario.points.size(), 2U);
  EXPECT_EQ(scenario.sweep[0].unit, "1/s");
  EXPECT_EQ(scenario.points[0].values[0].number, 0.5);
  EXPECT_EQ(std::get<MeasuredWorkload>(scenario.points[1].measure[0]).arrivals->per_second, 500);
  EXPECT_EQ(scenario.points[0].sim.device, "folder/devices/slow.yaml");
  EXPECT_EQ(parsed(head + setup + measure + "sim: { device: nvme }\n").points[0].sim.device, "nvme");
  EXPECT_EQ(finding_of(head + setup + "measure: [ { read: { arrivals: { rate: 2000000/s } } } ]\n"),
            "'rate' of 'arrivals' is '2000000/s', expected a rate from 0.001/s to 1000000/s, such as 500/s");
}

TEST(ParseScenario, TakesALiveMergeWithTheWorkloadItRunsUnder) {
  // Goal: defaults, limits and what is wrong are said. Method: one whole step, swept over its rate limit, and
  // one mistake at a time.
  const std::string deep = "setup:\n  - create: base\n  - { repeat: 4, steps: [checkpoint] }\n";
  const auto with = [&](const std::string& step) {
    return head + deep + "measure: [ { live_merge: { " + step + " } } ]\n";
  };
  const Scenario scenario =
      parsed(with("name: merge, range: { from: 1, to: 3 }, rate_limit: $limit, pause_below: 1MiB, passes: 9, "
                  "under: { mixed: { read_percentage: 70, queue_depth: 8, arrivals: { rate: 500/s } } }") +
             "sweep: { limit: [unlimited, 50MiB/s] }\n");
  ASSERT_EQ(scenario.points.size(), 2U);
  const auto& merge = std::get<MeasuredLiveMerge>(scenario.points[1].measure.at(0));
  EXPECT_EQ(std::pair(merge.first_layer, merge.last_layer), std::pair(1U, 3U));
  EXPECT_EQ(merge.rate_limit_bytes_per_s, 50 * mib);
  EXPECT_EQ(std::get<MeasuredLiveMerge>(scenario.points[0].measure.at(0)).rate_limit_bytes_per_s, 0U);
  EXPECT_EQ(merge.limits.pause_bytes_max, 1 * mib);
  EXPECT_EQ(merge.limits.passes_max, 9U);
  EXPECT_EQ(merge.under.kind, WorkloadKind::mixed);
  EXPECT_EQ(merge.under.queue_depth, 8U);
  EXPECT_EQ(merge.under.arrivals->per_second, 500);
  EXPECT_EQ(
      parsed(with("under: { read: {} }, rate_limit: $n") + "sweep: { n: [8MiB/s, 1GiB/s] }\n").sweep[0].unit,
      "B/s");
  EXPECT_EQ(
      finding_of(with("under: { read: {} }, rate_limit: 50MiB")),
      "'rate_limit' of 'live_merge' is '50MiB', expected a rate from 64KiB/s to 1TiB/s, such as 50MiB/s, "
      "or 'unlimited'");
  EXPECT_EQ(finding_of(with("range: all")), "'live_merge' has no 'under'");
  EXPECT_EQ(finding_of(with("under: { replay: {} }")), "unknown workload 'replay' in 'under'");
  EXPECT_EQ(finding_of(with("under: { read: { duration: 3s } }")), "unknown key 'duration' in 'read'");
  EXPECT_EQ(finding_of(with("under: { write: { read_percentage: 50 } }")),
            "'read_percentage' is given, but the workload is not 'mixed'");
  EXPECT_EQ(finding_of(with("under: { read: {} }, range: { from: 2, to: 5 }")),
            "the range ends at layer 5, but the setup takes 4 checkpoints");
}

TEST(ParseScenario, FindsTenMistakesAtOnceEachAtItsPlace) {
  // Goal: no mistake hides another. Method: a file with ten, in order of place.
  const std::string text =
      "name: bad name\n"                                                   // 1
      "seed: -1\n"                                                         // 2
      "disk: { size: 1MiB, block_size: 3MiB, siize: 3 }\n"                 // 3 4 5
      "repeat: many\n"                                                     // 6
      "setup:\n  - create: base\n  - fil: {}\n"                            // 7
      "measure:\n  - read: { name: reads, que_depth: 16, duration: 3 }\n"  // 8 9
      "expect:\n  - { metric: reads.iop, at_least: 1 }\n";                 // 10
  EXPECT_EQ(
      findings_of(text),
      (std::vector<std::string>{
          "1:7 'name' is 'bad name', expected up to 100 letters, digits, '-', '_' and '.'",
          "2:7 'seed' is '-1', expected a whole number from 0",
          "3:15 'size' of 'disk' is '1MiB', expected a size from 3 MiB to 64 TiB",
          "3:33 'block_size' of 'disk' is 3 MiB, expected a power of two",
          "3:39 unknown key 'siize' in 'disk'",
          "4:9 'repeat' is 'many', expected a whole number from 1 to 1000", "7:5 unknown setup step 'fil'",
          "9:26 unknown key 'que_depth' in 'read'",
          "9:51 'duration' of 'read' is '3', expected a duration such as 250ms, 3s or 2min, at most 720 h",
          "11:15 a read step has no metric 'iop'"}));
}

TEST(ParseScenario, CountsColumnsInCharacters) {
  // Goal: editors jump to the right place after an accent. Method: the same key after one.
  EXPECT_EQ(findings_of("name: t\ndisk: { \"é\": 1, size: 64MiB }\n" + setup + measure).at(0).substr(0, 4),
            "2:9 ");
  EXPECT_EQ(findings_of("name: t\ndisk: { size: 64MiB, type: \"é\", siz: 1 }\n" + setup + measure)
                .at(1)
                .substr(0, 5),
            "2:33 ");
}

TEST(ParseScenario, SaysWhatEachMistakeIs) {
  // Goal: one sentence for each kind of mistake. Method: one scenario each.
  const auto disk = [](const std::string& text) {
    return finding_of("name: t\ndisk: { " + text + " }\n" + setup + measure);
  };
  EXPECT_EQ(disk("size: 65TiB"), "'size' of 'disk' is '65TiB', expected a size from 3 MiB to 64 TiB");
  EXPECT_EQ(disk("size: 99999999999999999999TiB"),
            "'size' of 'disk' is '99999999999999999999TiB', expected a size from 3 MiB to 64 TiB");
  EXPECT_EQ(disk("size: -5GiB"), "'size' of 'disk' is '-5GiB', expected a size from 3 MiB to 64 TiB");
  EXPECT_EQ(disk("size: 3145729"), "'size' of 'disk' is 3145729 bytes, not whole sectors of 512");
  EXPECT_EQ(disk("size: [1, 2]"), "'size' of 'disk' is a list, expected a size from 3 MiB to 64 TiB");
  EXPECT_EQ(disk("size: 64MiB, size: 65MiB"), "the key 'size' stands here twice");
  EXPECT_EQ(disk("size: $big"), "unknown variable '$big'");

  const auto step = [](const std::string& text) {
    return finding_of(head + setup + "measure:\n  - " + text + "\n");
  };
  EXPECT_EQ(step("read: { block_size: 1000, direct: true }"),
            "'block_size' of 'read' is 1000 bytes, not a multiple of the disk's logical sector of 512");
  EXPECT_EQ(step("read: { block_size: 1MiB, range: 512KiB }"),
            "'range' of 'read' holds 512 KiB, less than one block of 1 MiB");
  EXPECT_EQ(step("read: { queue_depth: 1024, block_size: 64MiB }"),
            "a queue depth of 1024 with blocks of 64 MiB needs 64 GiB of buffers, expected at most 4 GiB");
  EXPECT_EQ(step("read: { block_size: 256MiB }"), "a block of 256 MiB is larger than the disk of 64 MiB");
  EXPECT_EQ(step("read: { zipf_theta: 1 }"), "'zipf_theta' is given, but 'pattern' is not 'zipf'");
  EXPECT_EQ(step("read: { range: { from: 60MiB, length: 10MiB } }"),
            "'range' of 'read' ends beyond the disk's 64 MiB");
  EXPECT_EQ(step("read: { duration: 0 }"), "'duration' of 'read' is 0: nothing would be measured");
  EXPECT_EQ(step("read: { name: a }\n  - read: { name: a }"), "two measured steps are named 'a'");
  EXPECT_EQ(step("read:\n    name: a"), "a second key, 'name', in the step 'read'");
  EXPECT_EQ(step("fill: { amount: 1% }"), "unknown measured step 'fill'");

  const auto steps = [](const std::string& text) { return finding_of(head + "setup:\n" + text + measure); };
  EXPECT_EQ(steps("  - checkpoint\n"), "this step comes before the base disk is created");
  EXPECT_EQ(steps("  - create: base\n  - create: base\n"), "the base disk is created twice");
  EXPECT_EQ(steps("  - create: base\n  - { repeat: 2, steps: [ { create: base } ] }\n"),
            "the base disk cannot be created in a repeat");
  EXPECT_EQ(steps("  - create: base\n  - write: { amount: 65MiB }\n"),
            "'amount' of 'write' is 65 MiB, more than the 64 MiB it may write to");
  EXPECT_EQ(steps("  - create: base\n  - delete: x\n"), "unknown setup step 'delete'");

  const auto top = [](const std::string& text) { return finding_of(text + head + setup + measure); };
  EXPECT_EQ(top("sweep: { depth: [1, 2] }\n"), "'depth' is declared but never used");
  EXPECT_EQ(top("sed: 1\n"), "unknown key 'sed' at the top level");
  EXPECT_EQ(findings_of("variables: { Big: 1 }\n" + head + setup + measure).at(0),
            "1:14 'Big' cannot name a variable");
  EXPECT_EQ(top("sweep: { depth: [] }\nio: { direct: $depth }\n"), "'depth' is swept over no values");

  const auto expect = [](const std::string& text) {
    return finding_of(
        head + "sweep: { d: [0, 1] }\nsetup:\n  - create: base\n  - { repeat: $d, steps: [checkpoint] }\n" +
        measure + "expect:\n  - { " + text + " }\n");
  };
  EXPECT_EQ(expect("metric: reds.iops, at_least: 1"), "no measured step is named 'reds'");
  EXPECT_EQ(expect("metric: iops, at_least: 1"), "the metric 'iops' does not say of which step");
  EXPECT_EQ(expect("metric: reads.union_bytes, at_least: 1"), "a read step has no metric 'union_bytes'");
  EXPECT_EQ(expect("metric: reads.iops, at: { d: 3 }, at_least: 1"), "'d' is not swept over '3'");
  EXPECT_EQ(expect("metric: reads.iops, at: { e: 3 }, at_least: 1"), "'e' is not swept");
  EXPECT_EQ(expect("metric: reads.iops, at_least: 40%"), "'at_least' of 'expect' is '40%', expected a value");
  EXPECT_EQ(expect("metric: reads.iops, relative_to: { d: 0 }, at_least: 5"),
            "'at_least' of 'expect' is '5', expected a percentage, because 'relative_to' is given");
  EXPECT_EQ(expect("metric: reads.latency_ns_p99, at_most: 5"),
            "'at_most' of 'expect' is '5', expected a duration such as 250us or 2ms");
  EXPECT_EQ(expect("metric: reads.iops, at: { d: 0 }, relative_to: { d: 0 }, at_least: 5%"),
            "the expectation compares a point with itself");
}

TEST(ParseScenario, HintsAtTheWordThatWasMeant) {
  // Goal: a slip of the finger is one hint away. Method: slips of several kinds.
  const auto hint = [](const std::string& step) {
    const auto scenario = parse_scenario(head + setup + "measure:\n  - " + step + "\n", "t.yaml");
    return scenario ? std::string("none") : scenario.error().at(0).hint;
  };
  EXPECT_EQ(hint("read: { que_depth: 1 }"), "did you mean 'queue_depth'?");
  EXPECT_EQ(hint("read: { queue-depth: 1 }"), "did you mean 'queue_depth'?");
  EXPECT_EQ(hint("read: { iodepth: 1 }"), "did you mean 'queue_depth'?");
  EXPECT_EQ(hint("read: { pattern: sequental }"), "did you mean 'sequential'?");
  EXPECT_EQ(hint("raed: {}"), "did you mean 'read'?");
  EXPECT_EQ(hint("read: { read_percentage: 3 }"), "use a 'mixed' step for reads and writes together");
}

}  // namespace
}  // namespace vhdlab::scenarios
