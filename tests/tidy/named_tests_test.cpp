// A page that names the test which holds a promise must not outlive it: every `Suite.Name` in backquotes in
// FORMAT.md is a test that exists.
#include <regex>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "tests/tidy/source_tree.h"

namespace vhdlab::tidy {
namespace {

// "Suite.Name" of every test in the checkout.
std::set<std::string> tests_of_checkout() {
  const std::regex head(R"(TEST(?:_F|_P)?\((\w+),\s*(\w+)\))");
  std::set<std::string> tests;
  for (const std::string& path : files_of_checkout(Include::untracked)) {
    if (!path.starts_with("tests/") || !is_cpp(path)) continue;
    std::string text;  // a long name stands on a line of its own
    for (const std::string& line : read_source(path).lines)
      text += line + ' ';
    for (std::sregex_iterator found(text.begin(), text.end(), head), end; found != end; ++found)
      tests.insert((*found)[1].str() + "." + (*found)[2].str());
  }
  return tests;
}

TEST(NamedTests, Exist) {
  // Goal: the table of traps is true. Method: its names against the heads of all tests.
  const std::set<std::string> tests = tests_of_checkout();
  const std::regex name(R"(\| `([A-Z]\w+\.[A-Z]\w+)` \|)");
  size_t named = 0;
  for (const std::string& line : read_source("engine/format/vhdx/FORMAT.md").lines) {
    std::smatch match;
    if (!std::regex_search(line, match, name)) continue;
    ++named;
    EXPECT_TRUE(tests.contains(match[1].str())) << match[1].str();
  }
  EXPECT_GT(named, 20U);
}

}  // namespace
}  // namespace vhdlab::tidy
