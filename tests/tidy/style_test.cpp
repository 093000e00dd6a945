// The style that a machine can hold: file heads, widths, white space, owners of open ends, layout by
// clang-format, and that nothing committed names the place where it was written. Names are clang-tidy's
// business (tools/tidy).
#include <algorithm>
#include <functional>
#include <iterator>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/checkout.h"
#include "tests/tidy/source_tree.h"

namespace vhdlab::tidy {
namespace {

using Rule = std::function<std::vector<Finding>(const SourceFile&)>;

// Applies a test to each line; the test answers with a message, or with an empty one.
template <typename Test>
std::vector<Finding> findings_by_line(const SourceFile& file, Test test) {
  std::vector<Finding> findings;
  for (size_t i = 0; i < file.lines.size(); ++i) {
    const std::string message = test(file.lines[i]);
    if (!message.empty()) findings.push_back({file.path, i + 1, message});
  }
  return findings;
}

// Rule 1 of the style: each file opens with its meaning.
std::vector<Finding> opens_with_its_meaning(const SourceFile& file) {
  constexpr size_t shortest_meaning = 20;
  size_t length = 0;
  for (const std::string& line : file.lines) {
    if (!line.starts_with("//")) break;
    length += line.size() - 2;
  }
  if (length >= shortest_meaning) return {};
  return {{file.path, 1, "opens without a comment that says what it is for"}};
}

std::vector<Finding> is_included_once(const SourceFile& file) {
  for (size_t i = 0; i < file.lines.size(); ++i) {
    const std::string& line = file.lines[i];
    if (line == "#pragma once") return {};
    if (!line.empty() && !line.starts_with("//")) {
      return {{file.path, i + 1, "'#pragma once' must come before any code of a header"}};
    }
  }
  return {{file.path, 0, "a header needs '#pragma once'"}};
}

std::vector<Finding> keeps_to_the_width(const SourceFile& file) {
  static constexpr long width_max = 120;
  return findings_by_line(file, [](const std::string& line) -> std::string {
    // UTF-8: bytes that continue a character take no column.
    const long width = std::ranges::count_if(line, [](char c) { return (c & 0xc0) != 0x80; });
    return width <= width_max ? "" : fmt::format("{} columns; {} is the most", width, width_max);
  });
}

std::vector<Finding> has_clean_white_space(const SourceFile& file) {
  auto findings = findings_by_line(file, [](const std::string& line) -> std::string {
    if (line.find('\t') != std::string::npos) return "a tab; indent with spaces";
    if (line.ends_with('\r')) return "a carriage return; lines end in a line feed alone";
    if (line.ends_with(' ')) return "white space at the end of the line";
    return "";
  });
  if (!file.ends_with_line_feed)
    findings.push_back({file.path, file.lines.size(), "no line feed at the end"});
  return findings;
}

std::vector<Finding> open_ends_have_owners(const SourceFile& file) {
  // The words are put together here so that this file does not break its own rule.
  static const std::regex open_end(R"(\b(TO)"
                                   R"(DO|FIX)"
                                   R"(ME)\b(?!\([a-z]))");
  return findings_by_line(file, [](const std::string& line) -> std::string {
    return std::regex_search(line, open_end) ? "an open end without an owner: write TO"
                                               "DO(name): what is left"
                                             : "";
  });
}

std::vector<Finding> opens_no_namespace(const SourceFile& file) {
  static const std::regex directive(R"(^\s*using\s+namespace\b.*)");
  return findings_by_line(file, [](const std::string& line) -> std::string {
    return std::regex_match(line, directive)
               ? "'using namespace' in a header reaches everyone who includes it"
               : "";
  });
}

// A folder of somebody's machine. Slashes stand apart from the words so that this file does not break its own
// rule.
std::vector<Finding> names_no_workplace(const SourceFile& file) {
  static const std::regex workplace(R"((^|[^A-Za-z0-9_.\-\]])/)"
                                    R"((work|root)/)");
  return findings_by_line(file, [](const std::string& line) -> std::string {
    return std::regex_search(line, workplace) ? "names a folder of the machine it was written on" : "";
  });
}

// npm writes into its lock file where it fetched from, which may be a mirror nobody else can reach.
std::vector<Finding> locks_the_public_registry(const SourceFile& file) {
  static const std::regex elsewhere(R"re(^\s*"resolved":\s*"(?!https://registry\.npmjs\.org/).*)re");
  return findings_by_line(file, [](const std::string& line) -> std::string {
    return std::regex_match(line, elsewhere) ? "resolved from a registry that is not the public one" : "";
  });
}

std::vector<Finding> findings_in_tree(Include include, const std::function<bool(std::string_view)>& applies,
                                      const Rule& rule) {
  std::vector<Finding> findings;
  for (const std::string& path : files_of_checkout(include)) {
    if (applies(path)) std::ranges::copy(rule(read_source(path)), std::back_inserter(findings));
  }
  return findings;
}

std::string findings_in_sources(const Rule& rule) {
  return listing(findings_in_tree(Include::untracked, is_cpp, rule));
}

std::string findings_in_headers(const Rule& rule) {
  return listing(findings_in_tree(Include::untracked, is_header, rule));
}

std::string findings_in_sources_and_build(const Rule& rule) {
  auto applies = [](std::string_view path) { return is_cpp(path) || is_cmake(path); };
  return listing(findings_in_tree(Include::untracked, applies, rule));
}

size_t count_findings(const Rule& rule, std::string_view text) {
  return rule(source_from_text("sample/a.h", text)).size();
}

TEST(Style, EverySourceOpensWithItsMeaning) {
  // Goal: a stranger learns from its first lines what a file is for. Method: samples, then the tree.
  EXPECT_EQ(count_findings(opens_with_its_meaning, "// Chooses the current header of two copies.\n"), 0U);
  EXPECT_EQ(count_findings(opens_with_its_meaning, "#pragma once\n// Chooses the current header of two.\n"),
            1U);
  EXPECT_EQ(count_findings(opens_with_its_meaning, "// Helpers.\n"), 1U);
  EXPECT_EQ(count_findings(opens_with_its_meaning, ""), 1U);
  EXPECT_EQ(findings_in_sources(opens_with_its_meaning), "");
}

TEST(Style, EveryHeaderIsIncludedOnce) {
  // Goal: #pragma once stands before a header's code. Method: samples, then the tree.
  EXPECT_EQ(count_findings(is_included_once, "// Meaning.\n\n#pragma once\n#include <span>\n"), 0U);
  EXPECT_EQ(count_findings(is_included_once, "// Meaning.\n#include <span>\n#pragma once\n"), 1U);
  EXPECT_EQ(count_findings(is_included_once, "// Meaning.\n"), 1U);
  EXPECT_EQ(findings_in_headers(is_included_once), "");
}

TEST(Style, LinesKeepToTheWidth) {
  // Goal: no line is wider than 120 columns. Method: samples at the limit, counted in characters; then the
  // tree.
  EXPECT_EQ(count_findings(keeps_to_the_width, std::string(120, 'x') + "\n"), 0U);
  EXPECT_EQ(count_findings(keeps_to_the_width, std::string(121, 'x') + "\n"), 1U);
  EXPECT_EQ(count_findings(keeps_to_the_width, std::string(119, 'x') + "\u00b5\n"), 0U);
  EXPECT_EQ(findings_in_sources_and_build(keeps_to_the_width), "");
}

TEST(Style, WhiteSpaceIsClean) {
  // Goal: spaces only, none at the end of a line, a line feed at the end of the file. Method: samples, then
  // the tree.
  EXPECT_EQ(count_findings(has_clean_white_space, "int a;\n  int b;\n"), 0U);
  EXPECT_EQ(count_findings(has_clean_white_space, "\tint a;\n"), 1U);
  EXPECT_EQ(count_findings(has_clean_white_space, "int a; \nint b;\r\n"), 2U);
  EXPECT_EQ(count_findings(has_clean_white_space, "int a;"), 1U);
  EXPECT_EQ(findings_in_sources_and_build(has_clean_white_space), "");
}

TEST(Style, OpenEndsHaveOwners) {
  // Goal: what is left to do names who cares. Method: samples, then the tree.
  EXPECT_EQ(count_findings(open_ends_have_owners,
                           "// TO"
                           "DO(ada): resume after a cut\n"),
            0U);
  EXPECT_EQ(count_findings(open_ends_have_owners,
                           "// TO"
                           "DO: resume after a cut\n// FIX"
                           "ME\n"),
            2U);
  EXPECT_EQ(findings_in_sources_and_build(open_ends_have_owners), "");
}

TEST(Style, HeadersOpenNoNamespace) {
  // Goal: including a header brings in no names but its own. Method: samples, then the tree.
  EXPECT_EQ(count_findings(opens_no_namespace, "using Bytes = std::span<const std::byte>;\n"), 0U);
  EXPECT_EQ(count_findings(opens_no_namespace, "  using namespace std;\n"), 1U);
  EXPECT_EQ(findings_in_headers(opens_no_namespace), "");
}

TEST(Style, NothingTrackedNamesTheWorkplace) {
  // Goal: what is committed means the same on every machine. Method: samples, then every tracked text file.
  EXPECT_EQ(
      count_findings(names_no_workplace, "see scenarios/work/pattern.h and https://example.org/root/a\n"),
      0U);
  EXPECT_EQ(count_findings(names_no_workplace,
                           "open(\"/"
                           "work/samples\")\n cd /"
                           "root/lab\n"),
            2U);
  EXPECT_EQ(count_findings(names_no_workplace,
                           "/"
                           "work/samples\n"),
            1U);
  auto every_file = [](std::string_view) { return true; };
  EXPECT_EQ(listing(findings_in_tree(Include::tracked, every_file, names_no_workplace)), "");
}

TEST(Style, LockFilesNameThePublicRegistry) {
  // Goal: `npm ci` works anywhere. Method: samples, then every tracked package-lock.json.
  EXPECT_EQ(count_findings(locks_the_public_registry,
                           "  \"resolved\": \"https://registry.npmjs.org/vega/-/vega-5.0.0.tgz\",\n"),
            0U);
  EXPECT_EQ(
      count_findings(locks_the_public_registry, "  \"resolved\": \"https://mirror.example/vega.tgz\",\n"),
      1U);
  auto is_lock_file = [](std::string_view path) { return path.ends_with("package-lock.json"); };
  EXPECT_EQ(listing(findings_in_tree(Include::tracked, is_lock_file, locks_the_public_registry)), "");
}

TEST(Style, ClangFormatAgrees) {
  // Goal: layout is the tool's, not an opinion. Method: clang-format-19 over every source, changing nothing.
  if (run_command("clang-format-19 --version").exit_code != 0) {
    GTEST_SKIP()
        << "clang-format-19 is not installed; 'apt-get install clang-format-19' brings this test to life";
  }
  std::string command =
      fmt::format("cd '{}' && clang-format-19 --dry-run --Werror --ferror-limit=1", tests::checkout_path());
  for (const std::string& path : files_of_checkout(Include::untracked)) {
    if (is_cpp(path) && !read_source(path).lines.empty()) command += fmt::format(" '{}'", path);
  }
  const CommandOutcome outcome = run_command(command);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output << "run clang-format-19 -i on the files named above";
}

}  // namespace
}  // namespace vhdlab::tidy
