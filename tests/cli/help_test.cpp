// What the program says about itself: help, version and the manual page agree with each other.
#include <regex>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/cli/cli_support.h"
#include "tests/support/checkout.h"
#include "tests/support/golden.h"

namespace vhdlab::tests {
namespace {

// The first column of the overview.
std::vector<std::string> all_commands() {
  std::vector<std::string> commands;
  const std::string overview = vhdlab({"--help"}).output;
  const std::regex row("\n  ((?:[a-z]+ )?[a-z][a-z-]*)  +[a-z]");
  for (std::sregex_iterator found(overview.begin(), overview.end(), row), end; found != end; ++found)
    commands.push_back((*found)[1]);
  return commands;
}

std::vector<std::string> words_of(const std::string& command) {
  const size_t space = command.find(' ');
  if (space == std::string::npos) return {command};
  return {command.substr(0, space), command.substr(space + 1)};
}

TEST(Help, IsAsTheGoldenFileHasIt) {
  // Goal: every help text is looked at when it changes. VHDLAB_UPDATE_GOLDEN=1 writes the file anew.
  std::string text = vhdlab({"--help"}).output;
  for (const std::string& command : all_commands()) {
    auto words = words_of(command);
    words.insert(words.begin(), "help");
    text += fmt::format("\n==== {} ====\n\n{}", command, vhdlab(words).output);
  }
  expect_golden("tests/cli/golden/help.txt", text);
}

TEST(Help, ComesInEveryWayItIsAskedFor) {
  // Goal: `help X`, `X --help` and `X anything --help` say the same, with exit code 0.
  ASSERT_GE(all_commands().size(), 11U);
  for (const std::string& command : all_commands()) {
    auto asked = words_of(command);
    asked.insert(asked.begin(), "help");
    auto option = words_of(command);
    option.insert(option.end(), {"--nonsense", "--help"});
    const ProgramResult result = vhdlab(option);
    EXPECT_EQ(result.exit_code, 0) << command;
    EXPECT_EQ(result.errors, "") << command;
    EXPECT_EQ(result.output, vhdlab(asked).output) << command;
  }
  EXPECT_EQ(vhdlab({"help"}).output, vhdlab({"--help"}).output);
  EXPECT_NE(vhdlab({"disk", "--help"}).output.find("disk convert"), std::string::npos);
}

TEST(Help, WithoutACommandIsWrongUse) {
  // Goal: a script that lost its arguments does not go on.
  const ProgramResult result = vhdlab({});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.output, "");
  EXPECT_EQ(result.errors, vhdlab({"--help"}).output);
}

TEST(Version, NamesVersionCommitAndCompiler) {
  // Goal: a report of a defect can say which build it was.
  const ProgramResult result = vhdlab({"--version"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_TRUE(std::regex_match(
      result.output,
      std::regex("vhdlab [0-9.]+\ncommit ([0-9a-f]{40}(\\+changes)?|unknown)\nbuilt with .+\n")))
      << result.output;
}

TEST(Manual, NamesEveryCommandAndOption) {
  // Goal: the manual page has a section for each command with each of its options in it.
  const std::string manual = read_file(tests::checkout_path("docs/vhdlab.1.md"));
  for (const std::string& command : all_commands()) {
    const size_t begin = manual.find(fmt::format("## vhdlab {}", command));
    ASSERT_NE(begin, std::string::npos) << command;
    const std::string section = manual.substr(begin, manual.find("\n## ", begin + 1) - begin);
    auto words = words_of(command);
    words.insert(words.begin(), "help");
    const std::string help = vhdlab(words).output;
    const std::regex option("\n  (--[a-z-]+)");
    for (std::sregex_iterator found(help.begin(), help.end(), option), end; found != end; ++found) {
      if ((*found)[1] == "--help") continue;
      EXPECT_NE(section.find(fmt::format("`{}", (*found)[1].str())), std::string::npos)
          << command << " " << (*found)[1];
    }
  }
}

}  // namespace
}  // namespace vhdlab::tests
