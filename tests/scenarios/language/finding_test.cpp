// How a finding looks on a terminal.
#include "scenarios/language/finding.h"

#include <gtest/gtest.h>

namespace vhdlab::scenarios {
namespace {

Finding at_column(size_t column, std::string line) {
  return {.file = "a.yaml",
          .line = 3,
          .column = column,
          .message = "wrong",
          .hint = "",
          .source_line = std::move(line)};
}

TEST(Finding, ShowsPlaceLineCaretAndHint) {
  // Goal: the whole form. Method: compare with the text.
  Finding finding = at_column(3, "a: bad");
  finding.hint = "did you mean 'b'?";
  EXPECT_EQ(finding.text(), "a.yaml:3:3: error: wrong\n  a: bad\n    ^\n  hint: did you mean 'b'?");
}

TEST(Finding, KeepsTheCaretUnderTabsAndWideCharacters) {
  // Goal: the caret stands where the eye expects it. Method: a tab is repeated, an accent is one column, a
  // CJK sign two, a combining mark none.
  EXPECT_EQ(at_column(3, "\t\tx").text(), "a.yaml:3:3: error: wrong\n  \t\tx\n  \t\t^");
  EXPECT_EQ(at_column(3, "éèx").text(), "a.yaml:3:3: error: wrong\n  éèx\n    ^");
  EXPECT_EQ(at_column(2, "漢x").text(), "a.yaml:3:2: error: wrong\n  漢x\n    ^");
  EXPECT_EQ(at_column(3, "e\u0301x").text(), "a.yaml:3:3: error: wrong\n  e\u0301x\n   ^");
}

TEST(Finding, CutsALongLineAroundTheCaretAndHidesControlCharacters) {
  // Goal: a hostile line neither floods nor commands the terminal. Method: 10,000 characters; an escape
  // sequence.
  const std::string text = at_column(5000, std::string(10000, 'x')).text();
  EXPECT_LT(text.size(), 400U);
  EXPECT_EQ(at_column(1, "\x1b[2J").text(), "a.yaml:3:1: error: wrong\n  ?[2J\n  ^");
}

}  // namespace
}  // namespace vhdlab::scenarios
