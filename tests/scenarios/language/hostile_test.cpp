// Files nobody meant as scenarios: each ends in findings, never in a crash, a hang or a flood.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "engine/base/random.h"
#include "scenarios/language/parse.h"
#include "tests/support/checkout.h"

namespace vhdlab::scenarios {
namespace {

std::string first_message(const std::expected<Scenario, Findings>& scenario) {
  if (scenario) return "none";
  EXPECT_FALSE(scenario.error().empty());
  EXPECT_LE(scenario.error().size(), findings_max);
  return scenario.error().at(0).message;
}

std::string message_of(const std::string& text) {
  return first_message(parse_scenario(text, "t.yaml"));
}

TEST(HostileScenario, EmptyAndForeignFilesAreNamedAsSuch) {
  // Goal: a sentence for each. Method: nothing, comments, scalars, binary, a wrong encoding, too much.
  EXPECT_EQ(message_of(""), "the file holds no scenario");
  EXPECT_EQ(message_of("# only a comment\n"), "the file holds no scenario");
  EXPECT_EQ(message_of("hello"), "the file is not a list of 'key: value'");
  EXPECT_EQ(message_of(std::string("a\0b", 3)), "this is not a text file in UTF-8");
  EXPECT_EQ(message_of("name: \xff\xfe"), "this is not a text file in UTF-8");
  EXPECT_EQ(message_of(std::string(300 * 1024, '#')), "the file is larger than the 256 KiB of a scenario");
  EXPECT_EQ(message_of("a: 1\n---\nb: 2\n"), "a second YAML document");
  EXPECT_EQ(message_of("a: [1, 2\nb: 3").substr(0, 12), "YAML syntax:");
}

TEST(HostileScenario, AbsentFilesAndFoldersAreFindings) {
  // Goal: no exception from the file system. Method: a missing path, a folder, a real file.
  const auto folder = std::filesystem::path(testing::TempDir()) / "vhdlab_hostile";
  std::filesystem::create_directories(folder);
  EXPECT_EQ(first_message(load_scenario((folder / "absent.yaml").string())), "there is no such file");
  EXPECT_EQ(first_message(load_scenario(folder.string())), "this is a folder, expected a scenario file");
  std::ofstream(folder / "large.yaml") << std::string(1024 * 1024, ' ');
  EXPECT_EQ(first_message(load_scenario((folder / "large.yaml").string())),
            "the file is larger than the 256 KiB of a scenario");
  std::filesystem::remove_all(folder);
}

TEST(HostileScenario, DevicesSocketsAndPipesAreToldApart) {
  // Goal: what never ends or never begins is named, not read. Method: a device without end, a named pipe
  // nobody writes to, one that somebody writes a scenario to (as a shell's `<(...)` does).
  EXPECT_EQ(first_message(load_scenario("/dev/zero")),
            "this is a character device, expected a scenario file");
  const auto folder = std::filesystem::path(testing::TempDir()) / "vhdlab_pipes";
  std::filesystem::create_directories(folder);
  const std::string pipe = (folder / "pipe").string();
  std::filesystem::remove(pipe);
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(first_message(load_scenario(pipe)), "the file holds no scenario");
  std::thread writer([&] { std::ofstream(pipe) << "name: [\n"; });
  std::string told;
  // Until the writer has come the pipe is empty.
  do {
    told = first_message(load_scenario(pipe));
  } while (told == "the file holds no scenario");
  writer.join();
  EXPECT_EQ(told.substr(0, 12), "YAML syntax:");
  std::filesystem::remove_all(folder);
}

TEST(HostileScenario, NestingAliasesAndRepeatsAreBounded) {
  // Goal: small files cannot ask for much. Method: deep nesting, an alias bomb, multiplied repeats, a wide
  // sweep.
  EXPECT_NE(message_of("a: " + std::string(5000, '[')), "none");
  EXPECT_NE(message_of("a: " + std::string(5000, '{')), "none");
  std::string dashes;
  for (int i = 0; i < 3000; ++i)
    dashes += "- ";
  EXPECT_NE(message_of(dashes), "none");

  std::string bomb = "a0: &a0 [x, x]\n";
  for (int i = 1; i < 40; ++i)
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) + ", *a" +
            std::to_string(i - 1) + "]\n";
  EXPECT_EQ(message_of(bomb), "YAML anchors are not part of the scenario language");

  std::string setup = "setup:\n  - create: base\n";
  std::string indent = "  ";
  for (int i = 0; i < 8; ++i) {
    setup += indent + "- repeat: 10000\n" + indent + "  steps:\n";
    indent += "    ";
  }
  const std::string head = "name: t\ndisk: { size: 64MiB }\nmeasure: [ { read: {} } ]\n";
  EXPECT_EQ(message_of(head + setup + indent + "- checkpoint\n"), "the setup comes to more than 10000 steps");
  const auto nothing =
      parse_scenario(head + setup + indent + "- { repeat: 0, steps: [checkpoint] }\n", "t.yaml");
  ASSERT_TRUE(nothing.has_value());
  EXPECT_EQ(flat_setup(nothing->points[0]).size(), 1U);

  std::string values = "[0";
  for (int i = 1; i < 100; ++i)
    values += ", " + std::to_string(i);
  values += "]";
  const std::string sweep = "sweep: { a: " + values + ", b: " + values +
                            " }\nsetup:\n  - create: base\n  - repeat: $a\n    steps:\n"
                            "      - { repeat: $b, steps: [checkpoint] }\n";
  EXPECT_EQ(message_of(head + sweep), "the sweep has more than 1000 points");
}

TEST(HostileScenario, MutationsOfAGoodFileNeverCrash) {
  // Goal: no input crashes the parser. Method: 3000 random edits of a shipped scenario; run this under the
  // sanitizers.
  const char* seed_text = std::getenv("VHDLAB_TEST_SEED");
  const uint64_t seed = seed_text == nullptr ? 11 : std::strtoull(seed_text, nullptr, 0);
  SCOPED_TRACE(testing::Message() << "VHDLAB_TEST_SEED=" << seed);
  std::ifstream file(tests::checkout_path("scenarios/library/read-degradation.yaml"));
  std::string original((std::istreambuf_iterator<char>(file)), {});
  original.erase(0, original.find("name:"));
  const std::string alphabet = "{}[]:,-#&*!|>'\"%@`$ \n\t?0aé~";
  SeededRandom random(seed);
  for (int round = 0; round < 3000; ++round) {
    std::string text = original;
    for (uint64_t edits = 1 + random.next_u64() % 4; edits > 0; --edits) {
      const size_t at = random.next_u64() % text.size();
      const char c = alphabet[random.next_u64() % alphabet.size()];
      switch (random.next_u64() % 4) {
        case 0:
          text[at] = c;
          break;
        case 1:
          text.insert(at, 1, c);
          break;
        case 2:
          text.erase(at, 1 + random.next_u64() % 8);
          break;
        default:
          text.insert(at, text.substr(random.next_u64() % text.size(), 20));
      }
      if (text.empty()) text = "x";
    }
    const auto scenario = parse_scenario(text, "t.yaml");
    if (!scenario) {
      ASSERT_FALSE(scenario.error().empty());
      ASSERT_FALSE(render_findings(scenario.error()).empty());
    }
  }
}

}  // namespace
}  // namespace vhdlab::scenarios
