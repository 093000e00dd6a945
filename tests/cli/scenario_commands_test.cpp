// run, check, list, report and compare, as a user calls them.
#include <filesystem>

#include <gtest/gtest.h>

#include "tests/cli/cli_support.h"

namespace vhdlab::tests {
namespace {

constexpr const char* small_scenario = R"(# How does a small disk read?
name: small
seed: 1
disk: { format: vhdx, size: 8MiB, block_size: 1MiB }
sweep: { depth: [0, 2] }
repeat: 2
setup:
  - create: base
  - fill: { amount: 25% }
  - repeat: $depth
    steps:
      - checkpoint
      - write: { pattern: random, block_size: 64KiB, amount: 5% }
measure:
  - read: { name: reads, pattern: random, block_size: 4KiB, queue_depth: 1, amount: 1MiB }
)";

struct ScenarioCommands : testing::Test {
  TemporaryFolder folder;
  std::string scenario = folder.file("small.yaml");
  std::string results = folder.file("out");

  void SetUp() override { write_file(scenario, small_scenario); }
};

TEST_F(ScenarioCommands, RunLeavesResultsAndNoDisks) {
  // Goal: the folder holds results.json and report.html and nothing else; the table is on standard output.
  const ProgramResult run = vhdlab({"run", scenario, "--output", results});
  ASSERT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_EQ(names_in(results), (std::vector<std::string>{"report.html", "results.json"}));
  EXPECT_NE(run.output.find("reads"), std::string::npos) << run.output;
  EXPECT_NE(run.output.find("results.json"), std::string::npos) << run.output;
}

TEST_F(ScenarioCommands, RunGivesProgramsTheWholeRecord) {
  // Goal: --format json is results.json; overrides, --seed and --repeat reach the scenario.
  const ProgramResult run = vhdlab({"run", scenario, "--output", results, "--format", "json", "--seed", "9",
                                    "--repeat", "1", "--set", "depth=1"});
  ASSERT_EQ(run.exit_code, 0) << run.errors;
  const auto record = nlohmann::json::parse(run.output);
  EXPECT_EQ(record, nlohmann::json::parse(read_file(results + "/results.json")));
  EXPECT_EQ(record["seed"], 9);
  EXPECT_EQ(record["points"].size(), 1U);
  EXPECT_EQ(record["points"][0]["measurements"][0]["repeats"].size(), 1U);
}

TEST_F(ScenarioCommands, RunKeepsEarlierResults) {
  // Goal: a second run into the same folder is refused, and --force replaces.
  ASSERT_EQ(vhdlab({"run", scenario, "--output", results, "--repeat", "1"}).exit_code, 0);
  const FolderContents before = contents_of(results);
  const ProgramResult again = vhdlab({"run", scenario, "--output", results, "--repeat", "1"});
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_NE(again.errors.find("--force"), std::string::npos) << again.errors;
  EXPECT_TRUE(contents_of(results) == before);
  EXPECT_EQ(vhdlab({"run", scenario, "--output", results, "--repeat", "1", "--force"}).exit_code, 0);
}

TEST_F(ScenarioCommands, TheSimulatorGivesTheSameBytesEveryTime) {
  // Goal: same scenario, seed and device: same results. Method: two runs, byte by byte but for the one line
  // that says when they began; another seed gives others.
  auto results_of = [&](const std::string& out, const std::string& seed) {
    const ProgramResult run = vhdlab({"run", scenario, "--target", "sim", "--device", "nvme", "--seed", seed,
                                      "--output", folder.file(out)});
    EXPECT_EQ(run.exit_code, 0) << run.errors;
    auto document = nlohmann::json::parse(read_file(folder.file(out) + "/results.json"));
    EXPECT_EQ(document.erase("started_at"), 1U);
    return document.dump();
  };
  const std::string first = results_of("first", "7");
  EXPECT_EQ(results_of("second", "7"), first);
  EXPECT_NE(results_of("third", "8"), first);
}

TEST_F(ScenarioCommands, MachinesComeToTheSameOnFilesAndInTheSimulator) {
  // Goal: one set of rules: what operations on checkpoints make, leave and move does not depend on the
  // target. Method: the shipped scenario, small, on both; every count and every byte that guests wrote is
  // compared.
  auto results_of = [&](const std::string& target) {
    const std::string out = folder.file(target);
    const ProgramResult run =
        vhdlab({"run", "checkpoint-operations", "--target", target, "--set", "depth=1,4", "--set",
                "disk.size=32MiB", "--repeat", "1", "--output", out});
    EXPECT_EQ(run.exit_code, 0) << run.errors;
    auto document = nlohmann::json::parse(read_file(out + "/results.json"));
    nlohmann::json counts;
    for (const auto& point : document["points"]) {
      for (const auto& measurement : point["measurements"]) {
        const auto& repeat = measurement["repeats"][0];
        auto checkpoints = repeat["checkpoints"];
        checkpoints.erase("space_before_bytes");  // files on disk are sparse, in the simulator they are not
        checkpoints.erase("space_after_bytes");
        counts.push_back(std::move(checkpoints));
        if (!repeat.contains("merge")) continue;
        for (const char* field : {"layers_merged", "passes", "bytes_moved", "union_bytes"})
          counts.push_back(repeat["merge"][field]);
      }
    }
    return counts;
  };
  const auto on_files = results_of("engine");
  EXPECT_EQ(on_files.size(), 2 * (6 + 2 * 4));
  EXPECT_EQ(on_files, results_of("sim"));
}

TEST_F(ScenarioCommands, NotABackupRunsAndIsRefusedByTheSimulator) {
  // Goal: the shipped proof holds on this machine's files. Method: run it small; the simulator says why it
  // cannot.
  const ProgramResult run = vhdlab({"run", "not-a-backup", "--set", "disk.size=16MiB", "--output", results});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_NE(run.output.find("5 of 5 restore points"), std::string::npos) << run.output;
  const ProgramResult simulated =
      vhdlab({"run", "not-a-backup", "--target", "sim", "--output", folder.file("sim")});
  EXPECT_EQ(simulated.exit_code, 1);
  EXPECT_NE(simulated.errors.find("nothing to damage"), std::string::npos) << simulated.errors;
}

TEST_F(ScenarioCommands, RunTellsAMissedGoalByItsExitCode) {
  // Goal: an impossible expectation is exit code 3, with results all the same.
  write_file(scenario, std::string(small_scenario) + "expect:\n  - { metric: reads.iops, at_least: 1e15 }\n");
  EXPECT_EQ(vhdlab({"run", scenario, "--output", results}).exit_code, 3);
  EXPECT_EQ(names_in(results).size(), 2U);
}

TEST_F(ScenarioCommands, RunRefusesAFaultyScenarioBeforeMakingAnything) {
  // Goal: exit code 2, every finding on standard error, no folder made.
  write_file(scenario, "name: [\n");
  const ProgramResult run = vhdlab({"run", scenario, "--output", results});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_NE(run.errors.find("small.yaml:"), std::string::npos) << run.errors;
  EXPECT_EQ(run.output, "");
  EXPECT_FALSE(std::filesystem::exists(results));
  EXPECT_EQ(vhdlab({"run", folder.file("absent.yaml"), "--output", results}).exit_code, 2);
  EXPECT_EQ(vhdlab({"run", scenario, "--target", "sim"}).exit_code, 2);
  EXPECT_EQ(vhdlab({"run", scenario, "--target", "qemu"}).exit_code, 1);
  EXPECT_EQ(vhdlab({"run", scenario, "--target", "moon"}).exit_code, 2);
}

TEST_F(ScenarioCommands, AnOptionOutOfRangeIsNamedAsItWasTyped) {
  // Goal: a fault names what the user wrote, not what the program made of it. Method: --repeat beyond its
  // ends, and a results folder that is a file.
  for (const char* repeat : {"0", "1001"}) {
    const ProgramResult refused = vhdlab({"run", scenario, "--repeat", repeat, "--output", results});
    EXPECT_EQ(refused.exit_code, 2);
    EXPECT_EQ(refused.errors, std::string("vhdlab: error: --repeat: ") + repeat + " is not from 1 to 1000\n");
  }
  for (const std::string& output : {scenario, std::string("/dev/null"), scenario + "/below"}) {
    const ProgramResult refused = vhdlab({"run", scenario, "--output", output});
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_NE(refused.errors.find("no folder"), std::string::npos) << refused.errors;
    EXPECT_EQ(refused.errors.find("remove it"), std::string::npos) << refused.errors;
  }
}

TEST_F(ScenarioCommands, CheckShowsEveryFindingOfEveryFile) {
  // Goal: a good file is said to be good, a bad one fails the command; JSON has the places.
  EXPECT_EQ(vhdlab({"check", scenario}).exit_code, 0);
  write_file(folder.file("bad.yaml"), "nmae: x\ndisk: { size: 1 }\n");
  const ProgramResult both = vhdlab({"check", scenario, folder.file("bad.yaml"), "--format", "json"});
  EXPECT_EQ(both.exit_code, 2);
  const auto document = nlohmann::json::parse(both.output);
  EXPECT_EQ(document[0]["ok"], true);
  EXPECT_EQ(document[1]["ok"], false);
  EXPECT_GE(document[1]["findings"].size(), 2U);
  EXPECT_EQ(document[1]["findings"][0]["line"], 1);
}

TEST_F(ScenarioCommands, ListShowsTheShippedScenariosAndRunTakesTheirNames) {
  // Goal: what list shows, check accepts by name.
  const auto library = vhdlab_json({"list"});
  ASSERT_GE(library.size(), 4U);
  for (const auto& entry : library) {
    EXPECT_NE(entry["question"], "") << entry["name"];
    EXPECT_EQ(vhdlab({"check", entry["name"]}).exit_code, 0) << entry["name"];
  }
  EXPECT_NE(vhdlab({"list"}).output.find("quick"), std::string::npos);
}

TEST_F(ScenarioCommands, AShippedScenarioThatIsMisspeltIsTold) {
  // Goal: one letter off is no search in a list. Method: near a shipped name, and near none.
  for (const char* command : {"run", "check"}) {
    const ProgramResult near = vhdlab({command, "qick"}, {.working_directory = folder.path()});
    EXPECT_EQ(near.exit_code, 2);
    EXPECT_NE(near.errors.find("did you mean 'quick'? 'vhdlab list' shows"), std::string::npos)
        << near.errors;
    const ProgramResult far = vhdlab({command, "/nowhere/at/all"});
    EXPECT_EQ(far.errors.find("did you mean"), std::string::npos) << far.errors;
  }
}

TEST_F(ScenarioCommands, ReportComesInEveryFormat) {
  // Goal: html goes to a file and replaces none unasked; the others go to standard output.
  ASSERT_EQ(vhdlab({"run", scenario, "--output", results, "--repeat", "1"}).exit_code, 0);
  const std::string page = folder.file("page.html");
  EXPECT_EQ(vhdlab({"report", results, "--output", page}).exit_code, 0);
  EXPECT_TRUE(read_file(page).starts_with("<!"));
  EXPECT_EQ(vhdlab({"report", results, "--output", page}).exit_code, 1);
  EXPECT_EQ(vhdlab({"report", results, "--output", page, "--force"}).exit_code, 0);
  EXPECT_NE(vhdlab({"report", results, "--format", "markdown"}).output.find("# small"), std::string::npos);
  EXPECT_NE(vhdlab({"report", results, "--format", "csv"}).output.find("iops"), std::string::npos);
  EXPECT_FALSE(nlohmann::json::parse(vhdlab({"report", results, "--format", "json"}).output).empty());
  EXPECT_EQ(vhdlab({"report", folder.file("nothing")}).exit_code, 1);
  EXPECT_EQ(vhdlab({"report", results, "--format", "pdf"}).exit_code, 2);
}

TEST_F(ScenarioCommands, CompareSaysTheSentenceFirst) {
  // Goal: a run compared with itself shows no difference, at each point and for each metric.
  ASSERT_EQ(vhdlab({"run", scenario, "--output", results}).exit_code, 0);
  const ProgramResult same = vhdlab({"compare", results, results});
  EXPECT_EQ(same.exit_code, 0) << same.errors;
  EXPECT_TRUE(same.output.starts_with("reads: no difference")) << same.output;
  const auto document = vhdlab_json({"compare", results, results, "--metric", "latency_ns_p50"});
  EXPECT_EQ(document["comparisons"].size(), 2U);
  EXPECT_EQ(document["comparisons"][0]["ratio"], 1.0);
  EXPECT_EQ(vhdlab({"compare", results, results, "--metric", "ipos"}).exit_code, 2);
  EXPECT_EQ(vhdlab({"compare", results, folder.file("nothing")}).exit_code, 1);
}

}  // namespace
}  // namespace vhdlab::tests
