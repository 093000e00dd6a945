// The page as text: escaping, policy, order. page_test opens it in a browser.
#include "reports/html/html.h"

#include <gtest/gtest.h>

#include "reports/html/sha256.h"
#include "tests/reports/sample_records.h"

namespace vhdlab::reports {
namespace {

std::string page_of(const RunRecord& record) {
  return render_html(std::vector{record}).value();
}

// Everything but the libraries at its end, which hold all sorts of text.
std::string own_part(const std::string& page) {
  return page.substr(0, page.find("</footer>"));
}

size_t count_of(std::string_view text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1))
    ++count;
  return count;
}

TEST(Sha256, GivesTheDigestsOfTheStandard) {
  // Goal: known answers. Method: FIPS 180-4 examples: empty, "abc", 448 bits; and a length that pads into two
  // blocks.
  EXPECT_EQ(sha256_base64(""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
  EXPECT_EQ(sha256_base64("abc"), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
  EXPECT_EQ(sha256_base64("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "JI1qYdIGOLjlwCaTDD5gOaM85Flk/yFn9uzt1BnbBsE=");
}

TEST(Html, BeginsWithTheFindingAndEndsWithAllTables) {
  // Goal: the order of the issue. Method: positions of landmarks.
  const std::string page = page_of(samples::read_degradation());
  size_t last = 0;
  for (const char* landmark :
       {"Content-Security-Policy", "<h1>Random 4 KiB reads keep 84 %", "<caption>reads: random 4 KiB reads",
        "<h2>Charts</h2>", "<h2>How it was measured</h2>", "The scenario, as it ran",
        "<h2>All numbers</h2>"}) {
    const size_t at = page.find(landmark);
    ASSERT_NE(at, std::string::npos) << landmark;
    EXPECT_GT(at, last) << landmark;
    last = at;
  }
}

TEST(Html, EscapesEveryTextOfARecord) {
  // Goal: a hostile result draws text, not elements. Method: markup in all texts; none survives outside of
  // our own.
  const std::string evil =
      "</script><script>alert(1)</script><img src=http://probe.invalid/x onerror=alert(1)>\"'&\x01";
  RunRecord record = samples::read_degradation();
  record.scenario_name = record.scenario_question = record.scenario_source = record.target =
      record.started_at = evil;
  record.tool_version = record.tool_commit = evil;
  record.findings = {evil};
  record.notes = {{Note::Severity::note, evil, evil}};
  record.expectations[0].text = evil;
  record.settings = {{evil, evil}};
  record.environment.machine = record.environment.cpu = record.environment.kernel = evil;
  record.environment.libraries = {{evil, evil}};
  record.sweep[0].name = record.sweep[0].unit = evil;
  record.verification.sectors_wrong = 1;
  record.verification.first_wrong = evil;
  for (Point& point : record.points) {
    point.parameters[0].name = evil;
    point.parameters[0].text += evil;
    point.disk.format = point.disk.resolve = evil;
    for (LayerState& layer : point.layers)
      layer.name = layer.file = evil;
    for (Measurement& measurement : point.measurements) {
      measurement.name += evil;
      measurement.workload.pattern = measurement.workload.merge_order = measurement.workload.merge_range =
          evil;
    }
  }
  const std::string page = page_of(record);
  EXPECT_EQ(count_of(page, "<script>alert"), 0U);
  EXPECT_EQ(count_of(own_part(page), "<img"), 0U);
  EXPECT_EQ(count_of(page, "\x01"), 0U);
  // Each of our scripts ends once: four programs, and one specification for each figure.
  EXPECT_EQ(count_of(page, "</script>"), 4 + count_of(page, "<figure "));
}

TEST(Html, NamesItsScriptsInItsPolicy) {
  // Goal: no other script may run, nothing may be fetched. Method: the policy's parts.
  const std::string page = page_of(samples::single_point());
  const size_t at = page.find("default-src 'none'");
  ASSERT_NE(at, std::string::npos);
  const std::string policy = page.substr(at, page.find('>', at) - at);
  EXPECT_EQ(count_of(policy, "'sha256-"), 4U);
  EXPECT_EQ(count_of(policy, "unsafe-eval"), 0U);
  EXPECT_EQ(count_of(policy.substr(policy.find("script-src")), "unsafe-inline"), 0U);
  EXPECT_EQ(count_of(page, "sourceMappingURL"), 0U);
  EXPECT_EQ(count_of(own_part(page), " src="), 0U);
}

TEST(Html, IsTheSameForTheSameRecords) {
  // Goal: reports can be compared. Method: twice.
  EXPECT_EQ(page_of(samples::merge_cost()), page_of(samples::merge_cost()));
}

TEST(Html, CarriesNoLibrariesWithoutCharts) {
  // Goal: an empty run gives a small page. Method: a record without points.
  EXPECT_LT(page_of(RunRecord{}).size(), 30000U);
}

TEST(Html, RefusesToReportNothing) {
  // Goal: a named fault. Method: no records.
  const auto page = render_html({});
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().fault, "report-empty");
}

}  // namespace
}  // namespace vhdlab::reports
