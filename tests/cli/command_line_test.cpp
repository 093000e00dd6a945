// How the words of a command line are taken apart.
#include "scenarios/cli/command_line.h"

#include <array>

#include <gtest/gtest.h>

#include "engine/base/bytes.h"

namespace vhdlab::scenarios {
namespace {

CommandSyntax sample_syntax() {
  return {.positionals = {{"PATH"}, {"MORE", Count::optional}},
          .options = {{"size", "SIZE", "how large"},
                      {"depth", "N", "how deep"},
                      {"set", "NAME=VALUE", "sets", true},
                      {"force", "", "whatever it takes"}},
          .description = {},
          .example = {}};
}

Result<Arguments> parse(const std::vector<std::string>& words) {
  return parse_arguments("sample", sample_syntax(), words);
}

TEST(ParseArguments, TakesOptionsAndPositionalsInAnyOrder) {
  // Goal: users mix them freely; both ways of giving a value work.
  const auto arguments = parse({"--size=4KiB", "disk", "--force", "--depth", "3"});
  ASSERT_TRUE(arguments.has_value()) << arguments.error().text();
  EXPECT_EQ(arguments->positional(0), "disk");
  EXPECT_EQ(arguments->size_bytes("size").value(), 4096U);
  EXPECT_EQ(arguments->number("depth").value(), 3U);
  EXPECT_TRUE(arguments->has("force"));
  EXPECT_EQ(arguments->number("size").has_value(), false);
}

TEST(ParseArguments, TakesWordsAfterTwoDashesAsTheyAre) {
  // Goal: a file named like an option can be named.
  const auto arguments = parse({"--", "--size"});
  ASSERT_TRUE(arguments.has_value()) << arguments.error().text();
  EXPECT_EQ(arguments->positional(0), "--size");
}

TEST(ParseArguments, SuggestsTheOptionThatWasMeant) {
  // Goal: a slip of the finger costs one look at the message.
  const auto arguments = parse({"disk", "--detph", "3"});
  ASSERT_FALSE(arguments.has_value());
  EXPECT_EQ(arguments.error().fault, "usage-unknown-option");
  EXPECT_EQ(arguments.error().text(), "unknown option '--detph'; did you mean '--depth'?");
}

TEST(ParseArguments, DoesNotGuessAnOptionFromItsBeginning) {
  // Goal: a script does not change its meaning when a new option appears.
  EXPECT_EQ(parse({"disk", "--siz", "3"}).error().fault, "usage-unknown-option");
}

TEST(ParseArguments, RefusesMissingAndSurplusWords) {
  // Goal: each is told with the name of what is missing, and how the command is used.
  EXPECT_EQ(parse({}).error().text(), "PATH is missing; use: vhdlab sample PATH [MORE] [options]");
  EXPECT_EQ(parse({"a", "b", "c"}).error().message, "'c' is too much");
  EXPECT_EQ(parse({"a", "--size"}).error().fault, "usage-option");
  EXPECT_EQ(parse({"a", "--force=yes"}).error().fault, "usage-option");
}

TEST(ParseArguments, RefusesAnOptionThatIsGivenNothing) {
  // Goal: a variable of a script that is not set does not become the current folder. Method: each way to
  // write it.
  EXPECT_EQ(parse({"a", "--size", ""}).error().message, "--size: is empty");
  EXPECT_EQ(parse({"a", "--set", "x=1", "--set", ""}).error().message, "--set: is empty");
}

TEST(ParseArguments, TakesAnOptionTwiceOnlyWhereThatMeansSomething) {
  // Goal: of two contradictory values none is dropped silently.
  EXPECT_EQ(parse({"a", "--depth", "1", "--depth", "2"}).error().message, "--depth is given more than once");
  EXPECT_EQ(parse({"a", "--set", "x=1", "--set", "y=2"})->texts("set"),
            (std::vector<std::string>{"x=1", "y=2"}));
}

TEST(Arguments, NameTheOptionWhoseValueIsWrong) {
  // Goal: every kind of value refuses nonsense, naming the option.
  const auto arguments = parse({"a", "--size", "3X", "--depth", "-1"});
  ASSERT_TRUE(arguments.has_value()) << arguments.error().text();
  EXPECT_TRUE(arguments->size_bytes("size").error().message.starts_with("--size: "));
  EXPECT_EQ(arguments->number("depth").error().text(),
            "--depth: '-1' is not a whole number; give a number from 0 to 18446744073709551615, in digits");
  constexpr std::array<std::string_view, 2> choices = {"table", "json"};
  const auto choice = parse({"a", "--size", "jsn"})->choice("size", choices);
  EXPECT_EQ(choice.error().text(), "--size: 'jsn' is none of 'table' and 'json'; did you mean 'json'?");
}

TEST(Arguments, TakeARateWithOrWithoutItsUnitOfTimeAndNeverNone) {
  // Goal: every rate is written alike. Method: the ways to write one, and a rate at which nothing ends.
  EXPECT_EQ(parse({"a", "--size", "200MiB/s"})->rate_bytes_per_s("size").value(), 200 * mib);
  EXPECT_EQ(parse({"a", "--size", "200MiB"})->rate_bytes_per_s("size").value(), 200 * mib);
  EXPECT_EQ(parse({"a"})->rate_bytes_per_s("size").value(), std::nullopt);
  EXPECT_EQ(parse({"a", "--size", "0"})->rate_bytes_per_s("size").error().text(),
            "--size: must be more than 0; write it as 200MiB/s");
  EXPECT_EQ(parse({"a", "--size", "fast"})->rate_bytes_per_s("size").error().fault, "usage-value");
}

TEST(HelpText, KeepsToEightyColumnsAndNamesEveryOption) {
  // Goal: help fits the narrowest terminal in use; --help itself is listed, too.
  const std::string text = help_text("sample", "does things", sample_syntax());
  for (const char* option : {"--size SIZE", "--depth N", "--set NAME=VALUE ...", "--force", "--help"})
    EXPECT_NE(text.find(option), std::string::npos) << option;
  size_t begin = 0;
  for (size_t end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
    EXPECT_LE(end - begin, 80U) << text.substr(begin, end - begin);
}

}  // namespace
}  // namespace vhdlab::scenarios
